//! What stands in the status of Bulkhead's own kinds.

use bulkhead_harness::kubectl::Kubectl;
use serde_json::json;

use crate::cluster::{held_up, is_ready, namespace, reason, shared, tenant, until};
use crate::namespaces::labelled;

/// What became of a Tenant stands in its status, for those who may read it.
#[test]
fn a_tenant_says_what_became_of_it() {
    let it = shared();
    let member = tenant(&it, "ns-status");
    let admin = it.cluster.admin().unwrap();
    let conditions = |kubectl: &Kubectl| -> Vec<String> {
        let path =
            "jsonpath={range .status.conditions[*]}{.type}={.status} {.reason}: {.message}{'\\n'}{end}";
        let shown = kubectl.run(&["get", "tenant", "ns-status", "-o", path]).unwrap().stdout;
        shown.lines().map(ToOwned::to_owned).collect()
    };
    let says = |wanted: [&str; 2]| until(|| conditions(&admin) == wanted);
    let in_force = "Ready=True InForce: every namespace it has is ready";
    says([in_force, "GrantsResolved=True Resolved: everything it was granted is there"]);
    let grant =
        r#"{"spec":{"grants":{"reach":{"sharedServices":["ns-status-nothing"]}},"namespaces":{"limit":2}}}"#;
    admin.ok(&["patch", "tenant", "ns-status", "--type=merge", "-p", grant]).unwrap();
    let unknown = "GrantsResolved=False NotFound: `spec.grants.reach.sharedServices` names what is not there: `ns-status-nothing`";
    says([in_force, unknown]);
    let release = held_up(&admin, "legacy-ns-status", "ns-status");
    let waiting = "Ready=False NamespacesNotReady: the baseline does not stand yet in: `legacy-ns-status` \
                   (rolebindings.rbac.authorization.k8s.io \"tenant-owners\" is forbidden: exceeded quota: none";
    until(|| conditions(&admin)[0].starts_with(waiting));
    release();
    says([in_force, unknown]);
    let columns = admin.ok(&["get", "tenants", "ns-status"]).unwrap();
    assert_eq!(
        columns.split_whitespace().take(8).collect::<Vec<_>>()[..4],
        ["NAME", "READY", "NAMESPACES", "ENFORCEMENT"]
    );
    assert!(columns.lines().nth(1).unwrap().starts_with("ns-status   True    1"), "{columns}");

    // A user whom nothing but the tenant gives any right.
    drop(member);
    let owners = json!({
        "apiVersion": "bulkhead.dev/v1alpha1", "kind": "Tenant", "metadata": { "name": "ns-status" },
        "spec": { "owners": [{ "kind": "User", "name": "ns-status-plain" }] },
    });
    admin.apply(&owners.to_string()).unwrap();
    let plain = it.cluster.user("ns-status-plain", &[]).unwrap();
    until(|| !conditions(&plain).is_empty());
    tenant(&it, "ns-statusquo");
    for elsewhere in [&["get", "tenant", "ns-statusquo"][..], &["get", "tenants"]] {
        let said = plain.run(elsewhere).unwrap();
        assert!(!said.success, "{said:?}");
    }
    assert!(!plain.run(&["annotate", "tenant", "ns-status", "a=b"]).unwrap().success);
}

/// What would leave its identity to anybody, and what no policy could be made of.
#[test]
fn a_shared_service_that_is_not_kept_says_so() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let is_told = |namespace: &str, reason: &str| {
        let service = json!({
            "apiVersion": "bulkhead.dev/v1alpha1", "kind": "SharedService", "metadata": { "name": "ns-status-service" },
            "spec": { "namespace": namespace, "selector": { "app": "a" }, "ports": [{ "port": 8080 }] },
        });
        admin.apply(&service.to_string()).unwrap();
        until(|| {
            let path =
                "jsonpath={.metadata.generation} {.status.observedGeneration} {.status.conditions[0].reason}";
            let shown = admin.ok(&["get", "sharedservice", "ns-status-service", "-o", path]).unwrap();
            let words: Vec<&str> = shown.split(' ').collect();
            words[0] == words[1] && words[2] == reason
        });
    };
    for namespace in ["monitoring", "ns-status-elsewhere"] {
        admin.apply(&labelled(namespace, &json!({}))).unwrap();
    }
    is_told("ns-status-elsewhere", "NamespaceNotListed");
    is_told("monitoring", "InForce");
    let policies = |namespace| admin.ok(&["get", "networkpolicies", "-n", namespace, "-o", "name"]).unwrap();
    until(|| policies("monitoring").contains("bulkhead-ns-status-service"));
    assert_eq!(policies("ns-status-elsewhere"), "", "what is not kept is not written");
    for spec in [
        json!({ "namespace": "monitoring", "selector": {}, "ports": [{ "port": 1 }] }),
        json!({ "namespace": "monitoring", "selector": { "app": "a" }, "ports": [] }),
        json!({ "namespace": "monitoring", "selector": { "app": "a" }, "ports": [{ "port": 0 }] }),
        json!({ "namespace": "monitoring", "selector": { "app": "not a value" }, "ports": [{ "port": 1 }] }),
    ] {
        let service = json!({
            "apiVersion": "bulkhead.dev/v1alpha1", "kind": "SharedService", "metadata": { "name": "ns-status-wrong" }, "spec": spec,
        });
        let said = admin.feed(&["create", "-f", "-"], &service.to_string()).unwrap();
        assert!(said.stderr.contains("is invalid: spec."), "{said:?}");
    }
}

/// An object that fits the schema and no program: it says so, and the others go on.
#[test]
fn a_tenant_that_cannot_be_read_stops_no_other() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    tenant(&it, "tn-vast");
    let vast = r#"{"spec":{"namespaces":{"limit":5000000000}}}"#;
    admin.ok(&["patch", "tenant", "tn-vast", "--type=merge", "-p", vast]).unwrap();
    until(|| reason(&admin, "tn-vast") == "Unreadable");
    let member = tenant(&it, "tn-beside");
    namespace(&member, "tn-beside");
    // Its last good value stays in force.
    let owner = it.cluster.user("tn-vast-alice", &["tn-vast-developers"]).unwrap();
    owner.ok(&["create", "namespace", "tenant-tn-vast"]).unwrap();
    is_ready(&admin, "tenant-tn-vast");
}
