//! What is the whole mesh's: strict, and denied by default where the platform wants it, tried before it is in force.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use bulkhead_harness::cluster::Cluster;
use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::process::Process;
use bulkhead_harness::program::{self, Installation, controller_with};
use serde_json::{Value, json};

use crate::baseline::refused;
use crate::cluster::{BINARY, alone, namespace, shared, tenant, until};

const POLICY: &str = "authorizationpolicies.security.istio.io";

fn policy(admin: &Kubectl, namespace: &str, name: &str) -> Option<Value> {
    let found = admin.run(&["get", POLICY, name, "-n", namespace, "-o", "json"]).unwrap();
    found.success.then(|| serde_json::from_str(&found.stdout).unwrap())
}

/// The mesh-wide objects are kept like any other, and what else is in the root namespace is the platform's.
#[test]
fn the_mesh_is_strict_and_stays_so() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let kind = "peerauthentications.security.istio.io";
    let mode = || {
        admin
            .run(&["get", kind, "default", "-n", "istio-system", "-o", "jsonpath={.spec.mtls.mode}"])
            .unwrap()
            .stdout
    };
    until(|| (mode() == "STRICT").then_some(()));
    let open = r#"{"spec":{"mtls":{"mode":"PERMISSIVE"}}}"#;
    refused(
        &admin,
        &["patch", kind, "default", "-n", "istio-system", "--type=merge", "-p", open],
        "",
        "BH202",
    );
    refused(&admin, &["delete", kind, "--all", "-n", "istio-system"], "", "BH201");
    let other = json!({
        "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
        "metadata": { "name": "the-platforms", "namespace": "istio-system" },
        "spec": { "selector": { "matchLabels": { "app": "some-gateway" } }, "rules": [{}] },
    });
    admin.apply(&other.to_string()).unwrap();
    admin
        .ok(&["delete", "authorizationpolicies.security.istio.io", "the-platforms", "-n", "istio-system"])
        .unwrap();
}

/// It is tried first, and nothing is denied that the platform or an open tenant allows.
#[test]
fn what_is_denied_to_all_is_tried_first() {
    let mut it = alone();
    let admin = it.cluster.admin().unwrap();
    let member = tenant(&it, "mesh-open");
    let own = namespace(&member, "mesh-open");
    let open = r#"{"spec":{"authorization":"Open"}}"#;
    admin.ok(&["patch", "tenant", "mesh-open", "--type=merge", "-p", open]).unwrap();
    admin.ok(&["label", "namespace", "default", "istio-injection=enabled"]).unwrap();

    let Installation { cluster, controller, .. } = &mut *it;
    let deny_all = DenyAll::tried(cluster, controller);
    let denied = || policy(&admin, "istio-system", "deny-all");
    let is_tried = |policy: &Value| policy["metadata"]["annotations"]["istio.io/dry-run"] == "true";
    until(|| denied().filter(is_tried));
    // What allows stands by then.
    for (place, name) in [("default", "bulkhead-platform"), (own.as_str(), "allow-same-tenant")] {
        assert_eq!(policy(&admin, place, name).unwrap()["spec"]["action"], "ALLOW", "{place}/{name}");
    }
    assert!(
        policy(&admin, "istio-system", "bulkhead-platform").is_none(),
        "what is allowed there is allowed to all"
    );

    deny_all.becomes("Enforce");
    until(|| denied().filter(|policy| !is_tried(policy)));
    assert_eq!(denied().unwrap()["spec"], json!({}));
    deny_all.becomes("Never");
    until(|| denied().is_none().then_some(()));
    until(|| policy(&admin, &own, "allow-same-tenant").is_none().then_some(()));
    until(|| policy(&admin, "default", "bulkhead-platform").is_none().then_some(()));

    admin.ok(&["label", "namespace", "default", "istio-injection-"]).unwrap();
    it.controller.terminate().unwrap();
    it.controller.wait(Duration::from_secs(20)).unwrap();
    it.controller = program::controller(&it.cluster, BINARY.as_ref()).unwrap();
}

/// `meshWide.denyAll` in the settings of the controller, which has a file of its own.
pub(crate) struct DenyAll(PathBuf);

impl DenyAll {
    pub(crate) fn tried(cluster: &Cluster, controller: &mut Process) -> Self {
        let it = Self(cluster.folder.join("deny-all.yaml"));
        it.becomes("DryRun");
        controller.terminate().unwrap();
        controller.wait(Duration::from_secs(20)).unwrap();
        let settings = it.0.display().to_string();
        *controller = controller_with(cluster, BINARY.as_ref(), &["--settings", &settings]).unwrap();
        it
    }

    pub(crate) fn becomes(&self, deny_all: &str) {
        let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/world/settings.yaml");
        let example = fs::read_to_string(example).unwrap();
        let settings =
            example.replace("  manage: true\n", &format!("  manage: true\n  denyAll: {deny_all}\n"));
        assert_ne!(settings, example);
        fs::write(&self.0, settings).unwrap();
    }
}
