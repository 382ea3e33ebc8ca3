//! The protection that a removal leaves.

use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};
use support::cluster::{
    jsonpath, new_namespace, new_shared_service, new_tenant, shared, shared_service_selector,
};
use support::conditions::reason;
use support::objects::{self, changed, labelled_namespace};
use support::wait::{until, within};

use super::{Attempts, DRY_RUN, get, merge, replace_raw};

const SERVICES: &str = "/apis/bulkhead.dev/v1alpha1/sharedservices";
const GRANTED: &[(&str, &str)] = &[("BH112", "metadata.name")];

#[test]
fn granted_service_and_tenant_in_use_are_deleted_in_no_way() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let service = new_shared_service(&admin, "second-logs");
    let member = new_tenant(&it, "second-keep");
    new_namespace(&member, "second-keep");
    let grant = r#"{"spec":{"grants":{"reach":{"sharedServices":["second-logs"]}}}}"#;
    admin.ok(&merge(&["tenant", "second-keep"], grant)).unwrap();
    until(|| !admin.run(&["delete", "sharedservice", "second-logs", "--dry-run=server"]).unwrap().success);
    let mut attempts = Attempts::default();
    let collection = format!("{SERVICES}?fieldSelector=metadata.name%3Dsecond-logs");
    attempts.refused(
        "service as one of a collection",
        &admin,
        &["delete", "--raw", &collection],
        "",
        GRANTED,
    );
    attempts.refused(
        "service in the foreground",
        &admin,
        &["delete", "sharedservice", "second-logs", "--cascade=foreground"],
        "",
        GRANTED,
    );
    let collector = "system:serviceaccount:kube-system:generic-garbage-collector";
    let collector = it.cluster.powerful(collector, "fl-controllers").unwrap();
    attempts.refused(
        "service by the garbage collector",
        &collector,
        &["delete", "sharedservice", "second-logs"],
        "",
        GRANTED,
    );
    let renamed = changed(service, |service| service["spec"]["selector"] = json!({ "app": "second-other" }));
    attempts.refused(
        "service by `replace --force`",
        &admin,
        &["replace", "--force", "-f", "-"],
        &renamed.to_string(),
        GRANTED,
    );

    let in_use: &[_] = &[("BH108", "metadata.name")];
    let collection = "/apis/bulkhead.dev/v1alpha1/tenants?fieldSelector=metadata.name%3Dsecond-keep";
    attempts.refused("Tenant as one of a collection", &admin, &["delete", "--raw", collection], "", in_use);
    attempts.refused(
        "Tenant that leaves orphans",
        &admin,
        &["delete", "tenant", "second-keep", "--cascade=orphan"],
        "",
        in_use,
    );
    attempts.refused(
        "Tenant by the garbage collector",
        &collector,
        &["delete", "tenant", "second-keep"],
        "",
        in_use,
    );
    let accounts = "/api/v1/namespaces/tenant-second-keep/serviceaccounts";
    attempts.refused(
        "accounts of the namespace as a collection",
        &member,
        &["delete", "--raw", accounts],
        "",
        &[("BH201", "metadata.name")],
    );
    attempts.end();
}

/// A field that two managers have applied stays when one of them leaves it out.
#[test]
fn revocation_is_hindered_by_no_other_user() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let argo = it.cluster.powerful("system:serviceaccount:second-argo:controller", "strangers").unwrap();
    new_shared_service(&admin, "second-held");
    let spec = json!({ "grants": { "reach": { "sharedServices": ["second-held"] } } });
    let granted = objects::tenant("second-held", &spec).to_string();
    admin.apply(&granted).unwrap();
    let foreign: &[_] = &[("BH901", "metadata")];
    let mut attempts = Attempts::default();
    let apply = ["apply", "--server-side", "--field-manager=second", "-f", "-"];
    attempts.refused("second manager of a Tenant", &argo, &apply, &granted, foreign);
    let spec = json!({ "namespace": "shared-services", "selector": { "app": "second-held" }, "ports": [{ "port": 8080, "protocol": "TCP" }] });
    let service = objects::shared_service("second-held", &spec).to_string();
    attempts.refused("second manager of a SharedService", &argo, &apply, &service, foreign);
    let tool = "kubectl.kubernetes.io/last-applied-configuration={}";
    for object in ["tenant/second-held", "sharedservice/second-held"] {
        attempts.refused(
            &format!("annotation of a tool on {object}"),
            &argo,
            &["annotate", object, tool],
            "",
            foreign,
        );
        attempts.refused(
            &format!("label of a tool on {object}"),
            &argo,
            &["label", object, "app=mine"],
            "",
            foreign,
        );
        attempts.admitted(
            &format!("label by the platform on {object}"),
            &admin,
            &["label", object, "app=ours"],
            "",
        );
    }
    let revoked = objects::tenant("second-held", &json!({})).to_string();
    admin.apply(&revoked).unwrap();
    let left = get(&admin, &["tenant", "second-held"])["spec"]["grants"].clone();
    attempts.holds(
        "grant that the platform leaves out",
        left["reach"]["sharedServices"] == Value::Null || left["reach"]["sharedServices"] == json!([]),
        &left,
    );
    attempts.end();
}

#[test]
fn policies_of_a_service_that_is_gone_are_changed_by_no_user() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let argo = it.cluster.powerful("system:serviceaccount:second-argo:controller", "strangers").unwrap();
    let service = new_shared_service(&admin, "second-left");
    // It is granted while it is being deleted, which the deletion could not know.
    let held = changed(service, |service| service["metadata"]["finalizers"] = json!(["example.com/audit"]));
    admin.apply(&held.to_string()).unwrap();
    admin.ok(&["delete", "sharedservice", "second-left", "--wait=false"]).unwrap();
    let spec = json!({ "grants": { "reach": { "sharedServices": ["second-left"] } } });
    admin.apply(&objects::tenant("second-left", &spec).to_string()).unwrap();
    admin.ok(&merge(&["sharedservice", "second-left"], r#"{"metadata":{"finalizers":null}}"#)).unwrap();
    until(|| !admin.run(&["get", "sharedservice", "second-left"]).unwrap().success);
    sleep(Duration::from_secs(3));
    let mut attempts = Attempts::default();
    let left = shared_service_selector(&admin, "bulkhead-second-left");
    attempts.holds("grant during the deletion", left == json!({ "app": "second-left" }), &left);

    let policy = ["networkpolicy", "bulkhead-second-left", "-n", "shared-services"];
    let open = r#"{"spec":{"ingress":[{}]}}"#;
    attempts.refused(
        "opening by the platform",
        &admin,
        &merge(&policy, open),
        "",
        &[("BH202", "metadata.name")],
    );
    let both = [("BH202", "metadata.name"), ("BH401", "metadata.namespace")];
    attempts.refused("opening by a GitOps account", &argo, &merge(&policy, open), "", &both);
    let both = [("BH201", "metadata.name"), ("BH401", "metadata.namespace")];
    attempts.refused("deletion by a GitOps account", &argo, &[&["delete"], &policy[..]].concat(), "", &both);
    let label = ["label", "pod", "second-left", "app=other", "--overwrite", "-n", "shared-services"];
    attempts.refused(
        "label that takes a pod out of its policies",
        &argo,
        &label,
        "",
        &[("BH401", "metadata.namespace")],
    );
    let namespace = get(&admin, &["namespace", "shared-services"]);
    let emptied = changed(namespace, |namespace| {
        namespace["metadata"].as_object_mut().unwrap().remove("resourceVersion");
        namespace["spec"]["finalizers"] = json!([]);
    });
    let path = "/api/v1/namespaces/shared-services/finalize";
    attempts.refused_by(
        "namespace that ends before its pods",
        &argo,
        &replace_raw(path),
        &emptied.to_string(),
        &["BH105", "BH401"],
    );
    let owner =
        r#"{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Node","name":"a","uid":"a"}]}}"#;
    attempts.refused_by(
        "owner of the namespace",
        &argo,
        &merge(&["namespace", "shared-services"], owner),
        "",
        &["BH105", "BH401"],
    );
    attempts.end();
}

/// The new service has the names of the old policies.
#[test]
fn service_that_is_created_again_for_other_pods_opens_no_old_pod() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let mut attempts = Attempts::default();
    let swapped = new_shared_service(&admin, "second-swap");
    let moved = new_shared_service(&admin, "second-move");
    let narrowed = new_shared_service(&admin, "second-narrow");
    let with = |service: Value, field: &str, value: Value| {
        changed(service, |service| service["spec"][field] = value).to_string()
    };
    admin.apply(&labelled_namespace("monitoring", &json!({})).to_string()).unwrap();
    let again = ["replace", "--force", "-f", "-"];
    let other = with(swapped, "selector", json!({ "app": "second-new" }));
    attempts.admitted("another selector", &admin, &again, &other);
    attempts.admitted("another namespace", &admin, &again, &with(moved, "namespace", json!("monitoring")));
    let narrow = changed(narrowed, |service| {
        service["metadata"]["name"] = json!("second-narrower");
        service["spec"]["selector"] = json!({ "app": "second-narrow", "tier": "back" });
    });
    attempts.admitted(
        "second service of some of the pods",
        &admin,
        &["create", "-f", "-"],
        &narrow.to_string(),
    );
    until(|| !shared_service_selector(&admin, "bulkhead-second-narrower").is_null());
    attempts.admitted("deletion of the first", &admin, &["delete", "sharedservice", "second-narrow"], "");
    until(|| reason(&admin, "sharedservice", "second-swap") == "BaselineNotReady");
    sleep(Duration::from_secs(3));
    for name in ["second-swap", "second-move", "second-narrow"] {
        let left = shared_service_selector(&admin, &format!("bulkhead-{name}"));
        attempts.holds(&format!("policy of the old pods of {name}"), left == json!({ "app": name }), &left);
    }
    // Without old pods the new service gets its policies.
    admin.ok(&["delete", "pod", "second-swap", "-n", "shared-services", "--now"]).unwrap();
    within(Duration::from_secs(90), || {
        shared_service_selector(&admin, "bulkhead-second-swap") == json!({ "app": "second-new" })
    });
    attempts.end();
}

#[test]
fn tenant_that_is_being_deleted_gets_no_namespace_in_any_form() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let member = new_tenant(&it, "second-end");
    let held = r#"{"metadata":{"finalizers":["example.com/audit"]}}"#;
    admin.ok(&merge(&["tenant", "second-end"], held)).unwrap();
    new_tenant(&it, "second-stay");
    admin.ok(&["delete", "tenant", "second-end", "--wait=false"]).unwrap();
    until(|| !member.run(&["create", "namespace", "tenant-second-end", "--dry-run=server"]).unwrap().success);
    let mut attempts = Attempts::default();
    let ending: &[_] = &[("BH111", "metadata.labels[bulkhead.dev/tenant]")];
    let generated = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "generateName": "tenant-second-end-" } });
    attempts.refused("generated name", &member, &["create", "-f", "-"], &generated.to_string(), ending);
    let both = it.cluster.user("second-both", &["second-end-developers", "second-stay-developers"]).unwrap();
    let own = |name: &str, tenant: &str| {
        labelled_namespace(name, &json!({ "bulkhead.dev/tenant": tenant })).to_string()
    };
    let apply = ["apply", "--server-side", "-f", "-"];
    attempts.refused(
        "member of two tenants",
        &both,
        &apply,
        &own("tenant-second-end-b", "second-end"),
        ending,
    );
    attempts.admitted("member of two tenants", &both, DRY_RUN, &own("tenant-second-stay-b", "second-stay"));
    attempts.refused(
        "the platform by the name alone",
        &admin,
        &["create", "namespace", "tenant-second-end-c"],
        "",
        ending,
    );
    admin.ok(&["create", "namespace", "second-end-legacy"]).unwrap();
    let object = changed(get(&admin, &["namespace", "second-end-legacy"]), |object| {
        object["metadata"].as_object_mut().unwrap().remove("resourceVersion");
        object["metadata"]["labels"]["bulkhead.dev/tenant"] = json!("second-end");
    });
    let path = "/api/v1/namespaces/second-end-legacy/finalize";
    attempts.refused("adoption through `finalize`", &admin, &replace_raw(path), &object.to_string(), ending);
    admin.ok(&merge(&["tenant", "second-end"], r#"{"metadata":{"finalizers":null}}"#)).unwrap();
    until(|| !admin.run(&["get", "tenant", "second-end"]).unwrap().success);
    let left = jsonpath(&admin, &["namespaces", "-l", "bulkhead.dev/tenant=second-end"], "{.items}");
    attempts.holds("no namespace without its Tenant", left == "[]", &left);
    attempts.end();
}
