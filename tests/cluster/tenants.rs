//! A Tenant from its creation to the time after its deletion, through the real API server.

use std::fs;

use bulkhead_harness::program::{Installation, printed};
use serde_json::{Value, json};
use support::cluster::{
    jsonpath, new_namespace, new_tenant, new_unready_namespace, shared, wait_until_ready,
};
use support::command::bulkhead_as;
use support::conditions::{condition, reason};
use support::objects::{self, changed, deployment, labelled_namespace, list, pod};
use support::refusal::{expect_refused, expect_warned, refused, violations};
use support::wait::until;
use support::{BINARY, repository};

/// The message of the one validation in the CRDs whose rule has this part.
fn validation_message(part: &str) -> String {
    fn collect(value: &Value, found: &mut Vec<(String, String)>) {
        match value {
            Value::Object(fields) => {
                if let (Some(rule), Some(message)) = (value["rule"].as_str(), value["message"].as_str()) {
                    found.push((rule.to_owned(), message.to_owned()));
                }
                fields.values().for_each(|value| collect(value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            _ => {}
        }
    }
    let crds = fs::read_to_string(repository("deploy/chart/files/crds.yaml")).unwrap();
    let crds: Vec<Value> = serde_saphyr::from_multiple(&crds).unwrap();
    let mut found = Vec::new();
    for crd in &crds {
        collect(crd, &mut found);
    }
    let mut messages = found.into_iter().filter(|(rule, _)| rule.contains(part)).map(|(_, message)| message);
    let message = messages.next().unwrap();
    assert_eq!(messages.next(), None, "{part}");
    message
}

#[test]
fn namespace_over_the_limit_of_its_tenant_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "ns-limit");
    let admin = it.cluster.admin().unwrap();
    let limit = |limit: &str| {
        let patch = format!(r#"{{"spec":{{"namespaces":{{"limit":{limit}}}}}}}"#);
        admin.ok(&["patch", "tenant", "ns-limit", "--type=merge", "-p", &patch]).unwrap();
    };
    limit("1");
    new_namespace(&member, "ns-limit");
    for kubectl in [&member, &admin] {
        let more = labelled_namespace("tenant-ns-limit-more", &json!({ "bulkhead.dev/tenant": "ns-limit" }));
        let more = more.to_string();
        until(|| {
            let said = kubectl.feed(&["create", "--dry-run=server", "-f", "-"], &more).unwrap();
            !said.success && violations(&said.stderr) == [("BH106", "metadata.labels[bulkhead.dev/tenant]")]
        });
    }

    // A namespace that another replica admitted exists, and never becomes ready. Its name sorts last, because both can be
    // created in the same second.
    limit("2");
    until(|| {
        member.run(&["create", "namespace", "tenant-ns-limit-more", "--dry-run=server"]).unwrap().success
    });
    let release = new_unready_namespace(&admin, "unlabelled-ns-limit", "ns-limit");
    limit("1");
    until(|| {
        let said = member.feed(&["create", "-f", "-"], &pod("unlabelled-ns-limit").to_string()).unwrap();
        // The refusal of a pod that is merely too early does not name the limit.
        violations(&said.stderr) == [("BH203", "metadata.namespace")]
            && said.stderr.contains("spec.namespaces.limit")
    });
    // The controller knows the limit too.
    until(|| {
        let ready = condition(&admin, "tenant", "ns-limit", "Ready");
        ready.is("Ready=False", "NamespacesOverLimit") && ready.names(&["`unlabelled-ns-limit`"])
    });
    release();
    until(|| {
        let bindings = ["get", "rolebinding", "tenant-owners", "-n", "unlabelled-ns-limit"];
        admin.run(&bindings).unwrap().success
    });
    let ready = "jsonpath={.status.conditions}";
    assert_eq!(admin.ok(&["get", "namespace", "unlabelled-ns-limit", "-o", ready]).unwrap(), "");
    limit("2");
    wait_until_ready(&admin, "unlabelled-ns-limit");
}

#[test]
fn tenant_with_an_overlapping_name_is_refused() {
    let it = shared();
    new_tenant(&it, "ns-over");
    let admin = it.cluster.admin().unwrap();
    let another = |name: &str| objects::tenant(name, &json!({})).to_string();
    for name in ["ns-over-eu", "ns"] {
        refused(&admin, &["create", "-f", "-"], &another(name), &[("BH107", "metadata.name")]);
    }
    admin.feed(&["create", "-f", "-"], &another("nsover")).unwrap();

    let member = it.cluster.user("ns-over-alice", &["ns-over-developers"]).unwrap();
    member.ok(&["create", "namespace", "tenant-ns-over"]).unwrap();
    until(|| {
        let said = admin.run(&["delete", "tenant", "ns-over", "--dry-run=server"]).unwrap();
        violations(&said.stderr) == [("BH108", "metadata.name")] && said.stderr.contains("`tenant-ns-over`")
    });
    admin.ok(&["delete", "namespace", "tenant-ns-over", "--timeout=60s"]).unwrap();
    until(|| admin.run(&["delete", "tenant", "ns-over"]).unwrap().success);
}

/// Two replicas may each admit one of two overlapping Tenants. Here a break-glass user creates the second.
#[test]
fn younger_of_two_overlapping_tenants_is_inactive() {
    let it = shared();
    let older = new_tenant(&it, "tn-twin");
    it.cluster.powerful("tn-twin-unused", "firefighters").unwrap();
    let fire = it.cluster.certified_user("tn-twin-fire", "firefighters").unwrap();
    let younger =
        objects::tenant("tn-twin-eu", &json!({ "owners": [{ "kind": "User", "name": "tn-twin-eu-bob" }] }));
    let said = fire.feed(&["create", "-f", "-"], &younger.to_string()).unwrap();
    expect_warned(&said, &[("BH107", "metadata.name"), ("BH901", "metadata")]);
    let admin = it.cluster.admin().unwrap();
    until(|| reason(&admin, "tenant", "tn-twin-eu") == "NameConflict");
    // A name that could be of either is one of the older.
    let bob = it.cluster.powerful("tn-twin-eu-bob", "tn-twin-strangers").unwrap();
    let create = ["create", "namespace", "tenant-tn-twin-eu"];
    refused(&bob, &create, "", &[("BH104", "metadata.name")]);
    older.ok(&["create", "namespace", "tenant-tn-twin-eu"]).unwrap();
    let path = "jsonpath={.metadata.labels.bulkhead\\.dev/tenant}";
    assert_eq!(older.ok(&["get", "namespace", "tenant-tn-twin-eu", "-o", path]).unwrap(), "tn-twin");
    // The younger becomes active once the older is deleted.
    admin.ok(&["delete", "namespace", "tenant-tn-twin-eu", "--timeout=60s"]).unwrap();
    until(|| admin.run(&["delete", "tenant", "tn-twin"]).unwrap().success);
    until(|| reason(&admin, "tenant", "tn-twin-eu") == "Ready");
}

#[test]
fn invalid_spec_is_refused_by_the_schema() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let group = json!({ "kind": "Group", "name": "tn-twice" });
    let range =
        |cidr: &str| json!({ "grants": { "reach": { "cidrs": [{ "cidr": cidr, "ports": [443] }] } } });
    let invalid = |object: &Value, reason: &str| {
        let said = admin.feed(&["create", "-f", "-"], &object.to_string()).unwrap();
        assert!(!said.success && said.stderr.contains(reason), "{reason}: {said:?}");
    };
    for (spec, reason) in [
        (json!({ "owners": [group, group] }), validation_message("self.exists_one(other")),
        (
            json!({ "owners": [{ "kind": "Group", "name": "a", "namespace": "b" }] }),
            validation_message("== has(self.__namespace__)"),
        ),
        (range("203.0.113.1/24"), validation_message("string(cidr(self).masked()) == self")),
        (range("2001:DB8::/32"), validation_message("string(cidr(self).masked()) == self")),
        (range("10.0.0.0/7"), validation_message("prefixLength() >= 8")),
        (json!({ "enforcement": "Perhaps" }), "spec.enforcement: Unsupported value".to_owned()),
        (json!({ "namespaces": { "limit": -1 } }), "spec.namespaces.limit: ".to_owned()),
    ] {
        invalid(&objects::tenant("tn-wrong", &spec), &reason);
    }
    let spec = json!({
        "namespace": "shared-services", "serviceAccount": "default",
        "selector": { "app": "a" }, "ports": [{ "port": 80 }],
    });
    let service = objects::shared_service("tn-anybody", &spec);
    invalid(&service, &validation_message("self.metadata.name) != 'default'"));
    // The schemas accept the examples.
    admin.ok(&["apply", "--dry-run=server", "-f", "examples/snapshot/exemptions.yaml"]).unwrap();
}

/// The deletion of the CRD deletes every Tenant: their namespaces stay isolated, and belong to them again once they are
/// created again.
#[test]
fn namespaces_stay_isolated_after_the_deletion_of_the_tenant_crd() {
    let it = Installation::start(&BINARY, |_| {}).unwrap();
    let admin = it.cluster.admin().unwrap();
    let member = new_tenant(&it, "crd");
    let name = new_namespace(&member, "crd");
    member.apply(&deployment(&name, "web").to_string()).unwrap();
    let pods = || member.ok(&["get", "pods", "-n", &name, "-o", "name"]).unwrap();
    until(|| pods().lines().count() == 1);
    let policies =
        || member.ok(&["get", "networkpolicies", "-n", &name, "-o", "name"]).unwrap().lines().count();

    let spec =
        json!({ "namespace": "shared-services", "selector": { "app": "logs" }, "ports": [{ "port": 8080 }] });
    let home = labelled_namespace("shared-services", &json!({}));
    admin.apply(&list([home, objects::shared_service("crd-logs", &spec)]).to_string()).unwrap();
    admin.apply(&deployment("shared-services", "logs").to_string()).unwrap();
    let closing = || {
        let shown = admin.run(&["get", "networkpolicy", "bulkhead-crd-logs", "-n", "shared-services"]);
        shown.unwrap().success
    };
    until(|| closing() && !jsonpath(&admin, &["pods", "-n", "shared-services"], "{.items}").is_empty());

    // The API server deletes the objects of a deleted CRD without calling the webhook.
    admin.ok(&["delete", "crd", "sharedservices.bulkhead.dev", "--timeout=60s"]).unwrap();
    admin.ok(&["delete", "crd", "tenants.bulkhead.dev", "--timeout=60s"]).unwrap();

    // Without the tenant: the policies stay, pods are replaced, and no user acts for the tenant.
    until(|| {
        let said = member
            .run(&["create", "namespace", "tenant-crd-more", "--dry-run=server", "-o", "json"])
            .unwrap();
        !said.stdout.contains("bulkhead.dev/tenant")
    });
    let delete = ["delete", "networkpolicy", "default-deny-all", "-n", &name];
    refused(&admin, &delete, "", &[("BH201", "metadata.name")]);
    let before = pods();
    member.ok(&["delete", "pods", "--all", "-n", &name, "--now"]).unwrap();
    until(|| pods().lines().count() == 1 && pods() != before);
    assert_eq!(policies(), 5);

    assert!(closing(), "the pods of a shared service stay closed");

    // Another user cannot take the namespaces by creating the Tenant first.
    let crds = printed(&BINARY, &["crds"]).unwrap();
    admin.apply(&crds).unwrap();
    admin.ok(&["wait", "--for=condition=Established", "crd/tenants.bulkhead.dev"]).unwrap();
    let mallory = it.cluster.powerful("crd-mallory", "strangers").unwrap();
    let taken = objects::tenant("crd", &json!({ "owners": [{ "kind": "User", "name": "crd-mallory" }] }));
    let said = until(|| {
        let said = mallory.feed(&["create", "-f", "-"], &taken.to_string()).unwrap();
        (!said.stderr.contains("NotFound")).then_some(said)
    });
    expect_refused(&said, &[("BH901", "metadata")]);

    // The platform creates the same Tenant again, and the namespaces belong to it.
    let member = new_tenant(&it, "crd");
    until(|| {
        let namespaces = jsonpath(&admin, &["tenant", "crd"], "{.status.namespaces}");
        namespaces == "1" && reason(&admin, "tenant", "crd") == "Ready"
    });
    member.ok(&["label", "namespace", &name, "team=payments"]).unwrap();
    assert_eq!(policies(), 5);

    // The audit skips a kind that the cluster does not serve.
    admin.ok(&["delete", "crd", "trafficextensions.extensions.istio.io", "--timeout=60s"]).unwrap();
    let found = bulkhead_as(&admin, &["audit", "--tenant", "crd"]);
    assert_eq!(found.0, 0, "{found:?}");
}

/// Finalizers keep a deleted Tenant for some time.
#[test]
fn tenant_that_is_being_deleted_gets_no_namespace() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let member = new_tenant(&it, "tn-ending");
    let plain = it.cluster.user("tn-ending-plain", &["tn-ending-owners"]).unwrap();
    let group = |name: &str| json!({ "kind": "Group", "name": name });
    let owners = [group("tn-ending-developers"), group("tn-ending-owners")];
    let held = objects::tenant("tn-ending", &json!({ "owners": owners }));
    let held = changed(held, |held| held["metadata"]["finalizers"] = json!(["example.com/audit"]));
    admin.apply(&held.to_string()).unwrap();
    until(|| plain.run(&["create", "namespace", "tenant-tn-ending", "--dry-run=server"]).unwrap().success);
    admin.ok(&["create", "namespace", "tn-ending-legacy"]).unwrap();
    admin.ok(&["delete", "tenant", "tn-ending", "--wait=false"]).unwrap();
    let label = [("BH111", "metadata.labels[bulkhead.dev/tenant]")];
    let create = ["create", "namespace", "tenant-tn-ending"];
    until(|| !plain.run(&[&create[..], &["--dry-run=server"]].concat()).unwrap().success);
    for kubectl in [&plain, &member] {
        refused(kubectl, &create, "", &label);
    }
    let own = labelled_namespace("tenant-tn-ending-a", &json!({ "bulkhead.dev/tenant": "tn-ending" }));
    refused(&admin, &["create", "-f", "-"], &own.to_string(), &label);
    let moved = ["label", "namespace", "tn-ending-legacy", "bulkhead.dev/tenant=tn-ending"];
    refused(&admin, &moved, "", &label);
    let released = r#"{"metadata":{"finalizers":null}}"#;
    admin.ok(&["patch", "tenant", "tn-ending", "--type=merge", "-p", released]).unwrap();
    until(|| !admin.run(&["get", "tenant", "tn-ending"]).unwrap().success);
    admin.ok(&["delete", "namespace", "tn-ending-legacy"]).unwrap();
}
