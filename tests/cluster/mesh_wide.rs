//! Mesh-wide policies: strict mTLS, and deny-all, which is tried as a dry run before it is enforced.

use std::time::Duration;

use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::program::{self, Installation};
use serde_json::{Value, json};
use support::BINARY;
use support::cluster::{alone, new_namespace, new_tenant, shared};
use support::command::bulkhead_as;
use support::deny_all::{DenyAll, closed_workloads};
use support::objects::{authorization_policy, pod};
use support::refusal::refused;
use support::wait::until;

const POLICY: &str = "authorizationpolicies.security.istio.io";

fn policy(admin: &Kubectl, namespace: &str, name: &str) -> Option<Value> {
    let found = admin.run(&["get", POLICY, name, "-n", namespace, "-o", "json"]).unwrap();
    found.success.then(|| serde_json::from_str(&found.stdout).unwrap())
}

/// The mesh-wide objects are protected like those of a namespace. The platform manages its other objects in the root
/// namespace.
#[test]
fn change_of_the_mesh_wide_mtls_mode_is_refused() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let kind = "peerauthentications.security.istio.io";
    let mode = || {
        admin
            .run(&["get", kind, "default", "-n", "istio-system", "-o", "jsonpath={.spec.mtls.mode}"])
            .unwrap()
            .stdout
    };
    until(|| mode() == "STRICT");
    let open = r#"{"spec":{"mtls":{"mode":"PERMISSIVE"}}}"#;
    let patch = ["patch", kind, "default", "-n", "istio-system", "--type=merge", "-p", open];
    refused(&admin, &patch, "", &[("BH202", "spec.mtls.mode")]);
    let delete = ["delete", kind, "--all", "-n", "istio-system"];
    refused(&admin, &delete, "", &[("BH201", "metadata.name")]);
    let spec = json!({ "selector": { "matchLabels": { "app": "some-gateway" } }, "rules": [{}] });
    let other = authorization_policy("istio-system", "the-platforms", &spec);
    admin.apply(&other.to_string()).unwrap();
    admin
        .ok(&["delete", "authorizationpolicies.security.istio.io", "the-platforms", "-n", "istio-system"])
        .unwrap();
}

/// The policies that allow the platform and open tenants exist before the mesh denies anything.
#[test]
fn mesh_wide_deny_all_is_a_dry_run_before_it_is_enforced() {
    let mut it = alone();
    let admin = it.cluster.admin().unwrap();
    let member = new_tenant(&it, "mesh-open");
    let own = new_namespace(&member, "mesh-open");
    let open = r#"{"spec":{"authorization":"Open"}}"#;
    admin.ok(&["patch", "tenant", "mesh-open", "--type=merge", "-p", open]).unwrap();
    admin.ok(&["label", "namespace", "default", "istio-injection=enabled"]).unwrap();

    let Installation { cluster, controller, .. } = &mut *it;
    let deny_all = DenyAll::dry_run(cluster, controller);
    let denied = || policy(&admin, "istio-system", "deny-all");
    let is_dry_run = |policy: &Value| policy["metadata"]["annotations"]["istio.io/dry-run"] == "true";
    until(|| denied().filter(is_dry_run));
    for (place, name) in [("default", "bulkhead-platform"), (own.as_str(), "allow-same-tenant")] {
        assert_eq!(policy(&admin, place, name).unwrap()["spec"]["action"], "ALLOW", "{place}/{name}");
    }
    assert!(
        policy(&admin, "istio-system", "bulkhead-platform").is_none(),
        "an `ALLOW` policy in the root namespace would allow all of the mesh"
    );

    // `bulkhead deny-all` lists the workloads that enforcement will close.
    let shut = new_tenant(&it, "mesh-shut");
    let shut_own = new_namespace(&shut, "mesh-shut");
    for (owner, place) in [(&member, &own), (&shut, &shut_own)] {
        owner.apply(&pod(place).to_string()).unwrap();
    }
    let webhook = it.cluster.service_account("bulkhead-system", "bulkhead").unwrap();
    let (code, said) = bulkhead_as(&webhook, &["deny-all"]);
    assert_eq!((code, said.stdout.as_str()), (3, ""), "{said:?}");
    let closed = || closed_workloads(&admin, &shut_own);
    let app = [(format!("{shut_own}/app"), 1)];
    assert_eq!(closed_workloads(&admin, &own), []);
    assert_eq!(closed(), app);
    let from = json!([{ "source": { "namespaces": [shut_own] } }]);
    let spec = json!({ "selector": { "matchLabels": { "app": "mine" } }, "rules": [{ "from": from }] });
    let mut allow = authorization_policy(&shut_own, "app", &spec);
    allow["metadata"]["annotations"] = json!({ "istio.io/dry-run": "true" });
    admin.apply(&allow.to_string()).unwrap();
    assert_eq!(closed(), app, "the policy is a dry run, and selects other pods");
    allow["metadata"].as_object_mut().unwrap().remove("annotations");
    shut.apply(&allow.to_string()).unwrap();
    assert_eq!(closed(), app, "the policy selects other pods");
    shut.ok(&["label", "pod", "app", "app=mine", "-n", &shut_own]).unwrap();
    assert_eq!(closed(), []);

    deny_all.set("Enforce");
    until(|| denied().filter(|policy| !is_dry_run(policy)));
    assert_eq!(denied().unwrap()["spec"], json!({}));
    deny_all.set("Disabled");
    until(|| denied().is_none());
    until(|| policy(&admin, &own, "allow-same-tenant").is_none());
    until(|| policy(&admin, "default", "bulkhead-platform").is_none());

    admin.ok(&["label", "namespace", "default", "istio-injection-"]).unwrap();
    it.controller.terminate().unwrap();
    it.controller.wait(Duration::from_secs(20)).unwrap();
    it.controller = program::controller(&it.cluster, &BINARY).unwrap();
}
