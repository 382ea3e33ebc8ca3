//! Tenants that users create for themselves.

use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::program::Installation;
use serde_json::{Value, json};
use support::cluster::shared;
use support::objects::{self, changed};
use support::wait::until;

use super::{Attempts, DRY_RUN, get, merge};

const FOREIGN: &[(&str, &str)] = &[("BH901", "metadata")];

/// kubectl as a user of the groups to whom RBAC allows everything.
fn user(it: &Installation, name: &str, group: &str) -> Kubectl {
    it.cluster.powerful(name, "second-powerful").unwrap();
    it.cluster.user(name, &[group, "second-powerful"]).unwrap()
}

fn owned(name: &str, owner: &str) -> Value {
    objects::tenant(name, &json!({ "owners": [{ "kind": "User", "name": owner }] }))
}

/// The platform has granted something to a tenant that does not exist yet, or not any more.
#[test]
fn names_with_grants_are_taken_by_no_self_created_tenant() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let dave = user(&it, "second-dave", "employees");
    let host = json!({
        "owners": [{ "kind": "ServiceAccount", "namespace": "tenant-second-lodge", "name": "deployer" }],
        "grants": { "callers": [{ "namespace": "tenant-second-later-jobs", "serviceAccount": "scraper" }] },
    });
    admin.apply(&objects::tenant("second-host", &host).to_string()).unwrap();
    let service = json!({
        "namespace": "shared-services", "selector": { "app": "second-named" }, "ports": [{ "port": 80 }],
        "tenants": { "names": ["second-named"] }, "callsTenants": ["second-called"],
    });
    admin.apply(&objects::shared_service("second-named", &service).to_string()).unwrap();
    let exemption = json!({
        "apiVersion": "bulkhead.dev/v1alpha1", "kind": "Exemption", "metadata": { "name": "second-exempt" },
        "spec": {
            "rules": ["BH301"], "reason": "a test", "expires": "2099-01-01T00:00:00Z",
            "target": {
                "namespace": "tenant-second-exempt", "kind": "Job", "name": "import", "serviceAccount": "import",
                "images": [format!("registry.example.com/import@sha256:{}", "0".repeat(64))],
            },
        },
    });
    admin.apply(&exemption.to_string()).unwrap();
    let mut attempts = Attempts::default();
    for (name, tenant) in [
        ("a granted caller's namespace", "second-later"),
        ("the home of another Tenant's owner", "second-lodge"),
        ("a tenant that a shared service serves", "second-named"),
        ("a tenant that a shared service calls", "second-called"),
        ("the namespace of an Exemption", "second-exempt"),
    ] {
        let own = owned(tenant, "second-dave").to_string();
        until(|| !dave.feed(DRY_RUN, &own).unwrap().success);
        attempts.refused(name, &dave, DRY_RUN, &own, &[("BH901", "metadata.name")]);
        attempts.admitted(&format!("{name}, by the platform"), &admin, DRY_RUN, &own);
    }
    for name in ["second-host-eu", "second-host-2"] {
        let own = owned(name, "second-dave").to_string();
        attempts.refused(
            &format!("overlapping name {name}"),
            &dave,
            DRY_RUN,
            &own,
            &[("BH107", "metadata.name")],
        );
    }
    attempts.admitted("a free name", &dave, DRY_RUN, &owned("second-free", "second-dave").to_string());
    attempts.end();
}

#[test]
fn self_created_tenant_with_a_disguised_field_or_owner_is_refused() {
    let it = shared();
    let dave = user(&it, "second-erin", "employees");
    let own = owned("second-erin", "second-erin");
    let mut attempts = Attempts::default();
    let owner: &[_] = &[("BH901", "spec.owners[0]")];
    for (name, kind, value) in [
        ("own name in upper case", "User", "Second-Erin"),
        ("own name with a space", "User", "second-erin "),
        ("own name as a group", "Group", "second-erin"),
        ("group of administrators", "Group", "system:masters"),
        ("another spelling of all service accounts", "Group", "system:serviceaccounts:"),
    ] {
        let with =
            changed(own.clone(), |own| own["spec"]["owners"] = json!([{ "kind": kind, "name": value }]));
        attempts.refused(name, &dave, DRY_RUN, &with.to_string(), owner);
    }
    let twice = changed(own.clone(), |own| {
        let owner = own["spec"]["owners"][0].clone();
        own["spec"]["owners"].as_array_mut().unwrap().push(owner);
    });
    attempts.refused_by_the_api_server(
        "own name twice",
        &dave,
        DRY_RUN,
        &twice.to_string(),
        "must not repeat",
    );
    let with = |field: &str, value: Value| changed(own.clone(), |own| own["spec"][field] = value).to_string();
    for (name, field, value) in [
        ("limit of no namespace", "namespaces", json!({ "limit": 0 })),
        ("empty contact", "contact", json!("")),
        ("empty digest", "acknowledgedFindings", json!("")),
        ("grant of nodes alone", "grants", json!({ "nodes": { "tolerations": ["example.com/pool"] } })),
    ] {
        attempts.refused(name, &dave, DRY_RUN, &with(field, value), &[("BH901", &*format!("spec.{field}"))]);
    }
    let defaults = changed(own.clone(), |own| {
        own["spec"]["enforcement"] = json!("Enforce");
        own["spec"]["namespaces"] = json!({});
        own["spec"]["grants"] = json!({ "callers": [], "reach": { "hosts": [] } });
        own["spec"]["limits"] = json!({ "max": {} });
    });
    attempts.admitted("defaults that are written", &dave, DRY_RUN, &defaults.to_string());
    for group in ["Employees", "employees ", "employees:sub"] {
        let stranger = user(&it, "second-frank", group);
        let foreign = owned("second-frank", "second-frank").to_string();
        attempts.refused(&format!("group `{group}`"), &stranger, DRY_RUN, &foreign, FOREIGN);
    }
    let service =
        json!({ "namespace": "second-erin", "selector": { "app": "a" }, "ports": [{ "port": 80 }] });
    let service = objects::shared_service("second-erin", &service).to_string();
    attempts.refused("SharedService of one's own", &dave, DRY_RUN, &service, FOREIGN);
    attempts.end();
}

#[test]
fn self_created_tenant_cannot_be_changed_by_its_owner() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let grace = user(&it, "second-grace", "employees");
    let forged = changed(owned("second-grace", "second-grace"), |own| {
        own["status"] =
            json!({ "audit": { "findings": 0, "namespaces": 7, "digest": "forged" }, "namespaces": 7 });
    });
    let mut attempts = Attempts::default();
    attempts.admitted("creation", &grace, &["create", "-f", "-"], &forged.to_string());
    let status = get(&admin, &["tenant", "second-grace"])["status"].clone();
    attempts.holds(
        "status in a new Tenant",
        status["audit"] == Value::Null && status["namespaces"] != 7,
        &status,
    );

    let tenant = ["tenant", "second-grace"];
    let group = r#"{"spec":{"owners":[{"kind":"Group","name":"employees"}]}}"#;
    attempts.refused("other owners by a merge patch", &grace, &merge(&tenant, group), "", FOREIGN);
    let added = r#"[{"op":"add","path":"/spec/owners/-","value":{"kind":"Group","name":"employees"}}]"#;
    let words = ["patch", "tenant", "second-grace", "--type=json", "-p", added];
    attempts.refused("other owners by a JSON patch", &grace, &words, "", FOREIGN);
    let granted = changed(owned("second-grace", "second-grace"), |own| {
        own["spec"]["grants"] = json!({ "serve": { "gateways": ["istio-ingress/public"] } });
    });
    let apply = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
    attempts.refused("grants by server-side apply", &grace, &apply, &granted.to_string(), FOREIGN);
    for (name, patch) in [
        ("finalizer", r#"{"metadata":{"finalizers":["example.com/kept"]}}"#),
        (
            "owner reference",
            r#"{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Node","name":"a","uid":"a"}]}}"#,
        ),
        (
            "annotation of a deployment tool",
            r#"{"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{}"}}}"#,
        ),
        ("label of a deployment tool", r#"{"metadata":{"labels":{"argocd.argoproj.io/instance":"mine"}}}"#),
    ] {
        attempts.refused(name, &grace, &merge(&tenant, patch), "", FOREIGN);
        attempts.admitted(
            &format!("{name} by the platform"),
            &admin,
            &[&merge(&tenant, patch)[..], &["--dry-run=server"]].concat(),
            "",
        );
    }
    let counted = [&merge(&tenant, r#"{"status":{"namespaces":5}}"#)[..], &["--subresource=status"]].concat();
    attempts.refused("status", &grace, &counted, "", FOREIGN);
    attempts.refused("deletion", &grace, &["delete", "tenant", "second-grace"], "", FOREIGN);
    let all = "/apis/bulkhead.dev/v1alpha1/tenants?fieldSelector=metadata.name%3Dsecond-grace";
    attempts.refused("deletion as one of a collection", &grace, &["delete", "--raw", all], "", FOREIGN);
    until(|| !grace.feed(DRY_RUN, &owned("second-grace-2", "second-grace").to_string()).unwrap().success);
    let second = json!({
        "apiVersion": "bulkhead.dev/v1alpha1", "kind": "Tenant", "metadata": { "generateName": "secondgrace-" },
        "spec": { "owners": [{ "kind": "User", "name": "second-grace" }] },
    });
    attempts.refused(
        "second Tenant with a generated name",
        &grace,
        &["create", "-f", "-"],
        &second.to_string(),
        &[("BH901", "metadata.name")],
    );
    attempts.end();
}
