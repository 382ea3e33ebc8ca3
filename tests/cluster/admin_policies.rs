//! The policies between tenants of SIG Network's kinds. The controller alone keeps them: no webhook runs.

use std::fs;
use std::time::Duration;

use bulkhead_harness::cluster::Cluster;
use bulkhead_harness::components::{ADMIN_NETWORK_POLICIES, CLUSTER_NETWORK_POLICIES};
use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::program::{controller_with, prepare};
use serde_json::{Value, json};
use support::BINARY;
use support::cluster::jsonpath;
use support::conditions::condition;
use support::objects::tenant;
use support::wait::{until, within};

const ADMIN: &str = "adminnetworkpolicies.policy.networking.k8s.io";
const CLUSTER: &str = "clusternetworkpolicies.policy.networking.k8s.io";
const ONE: &str = "bulkhead-anp-one";
const TWO: &str = "bulkhead-anp-two";
/// The controller waits for up to a minute before it tries again.
const RETRIED: Duration = Duration::from_secs(90);

#[test]
fn policies_between_tenants_follow_the_setting_and_the_tenants() {
    let cluster = Cluster::start().unwrap();
    prepare(&cluster, &BINARY).unwrap();
    let admin = cluster.admin().unwrap();
    let exists = |resource: &str, name: &str| admin.run(&["get", resource, name]).unwrap().success;
    let settings = cluster.folder.join("admin-policies.yaml");
    let set = |version: &str| {
        let network = json!({ "adminNetworkPolicy": format!("policy.networking.k8s.io/{version}") });
        let head = "apiVersion: bulkhead.dev/v1alpha1\nkind: Settings\nregistration: Unmanaged\n";
        fs::write(&settings, format!("{head}network: {network}\n")).unwrap();
    };
    set("v1alpha1");
    let arguments = ["--settings", &settings.display().to_string()];
    let _controller = controller_with(&cluster, &BINARY, &arguments).unwrap();
    for name in ["anp-one", "anp-two"] {
        let owners = json!({ "owners": [{ "kind": "User", "name": format!("{name}-alice") }] });
        admin.apply(&tenant(name, &owners).to_string()).unwrap();
    }

    // Without the kind, the controller writes the other objects, and the Tenant is not ready.
    let ready = || condition(&admin, "tenant", "anp-one", "Ready");
    within(RETRIED, || ready().is("Ready=False", "BaselineOutOfDate"));
    assert!(ready().names(&["AdminNetworkPolicy of policy.networking.k8s.io/v1alpha1"]), "{:?}", ready());
    assert!(exists("clusterrolebinding", "bulkhead-tenant-anp-one"));
    ADMIN_NETWORK_POLICIES.serve(&admin).unwrap();
    within(RETRIED, || exists(ADMIN, ONE) && exists(ADMIN, TWO) && ready().is("Ready=True", "Ready"));
    until_repaired(&admin, ADMIN, "Allow");

    // The policies of the earlier kind stay until the platform deletes them.
    CLUSTER_NETWORK_POLICIES.serve(&admin).unwrap();
    set("v1alpha2");
    within(RETRIED, || exists(CLUSTER, ONE) && exists(CLUSTER, TWO));
    assert!(exists(ADMIN, ONE));
    admin.ok(&["delete", ADMIN, "-l", "app.kubernetes.io/managed-by=bulkhead"]).unwrap();
    until_repaired(&admin, CLUSTER, "Accept");
    assert!(!exists(ADMIN, ONE));

    let owner = cluster.user("anp-one-alice", &[]).unwrap();
    let may = |verb: &str, resource: &str| owner.run(&["auth", "can-i", verb, resource]).unwrap().success;
    until(|| may("create", "namespaces"));
    for verb in ["create", "update", "patch", "delete", "deletecollection"] {
        assert!(!may(verb, ADMIN) && !may(verb, CLUSTER), "{verb}");
    }

    admin.ok(&["delete", "tenant", "anp-two"]).unwrap();
    within(RETRIED, || !exists(CLUSTER, TWO));
    assert!(exists(CLUSTER, ONE));
}

/// Waits until the controller has repaired the policy of a tenant: after a change to one that allows, which leaves the
/// status to the network plugin, and after a deletion.
fn until_repaired(admin: &Kubectl, resource: &str, allow: &str) {
    let patch = |more: &[&str], patch: &Value| {
        let patch = patch.to_string();
        admin.ok(&[&["patch", resource, ONE, "--type=merge", "-p", &patch], more].concat()).unwrap();
    };
    let enforced = json!({
        "type": "Enforced", "status": "True", "reason": "Enforced", "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    });
    patch(&["--subresource=status"], &json!({ "status": { "conditions": [enforced] } }));
    patch(&[], &json!({ "spec": { "ingress": [{ "action": allow, "from": [{ "namespaces": {} }] }] } }));
    let found = |path: &str| jsonpath(admin, &[resource, ONE], path);
    within(RETRIED, || found("{.spec.ingress[*].action}") == "Deny");
    assert_eq!(found("{.status.conditions[*].type}"), "Enforced");
    admin.ok(&["delete", resource, ONE]).unwrap();
    within(RETRIED, || admin.run(&["get", resource, ONE]).unwrap().success);
}
