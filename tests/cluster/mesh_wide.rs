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
use crate::cluster::{BINARY, alone, bulkhead, namespace, pod, shared, tenant, until};

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
    until(|| mode() == "STRICT");
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

    // Whom it will close to everybody is told before.
    let shut = tenant(&it, "mesh-shut");
    let shut_own = namespace(&shut, "mesh-shut");
    for (owner, place) in [(&member, &own), (&shut, &shut_own)] {
        owner.apply(&pod(place).to_string()).unwrap();
    }
    let webhook = it.cluster.service_account("bulkhead-system", "bulkhead").unwrap();
    let (code, said) = bulkhead(&webhook, &["deny-all"]);
    assert_eq!(code, 3, "{said:?}");
    assert!(said.stderr.contains("could not be read"), "{said:?}");
    let line = format!("{shut_own}/app: no `ALLOW` policy in force selects its pods (1)");
    let named = || closed(&admin, &shut_own);
    assert_eq!(closed(&admin, &own), [""; 0]);
    assert_eq!(named(), [line.as_str()]);
    let mut allow = json!({
        "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
        "metadata": { "name": "app", "namespace": shut_own, "annotations": { "istio.io/dry-run": "true" } },
        "spec": { "selector": { "matchLabels": { "app": "mine" } }, "rules": [{ "from": [{ "source": { "namespaces": [shut_own] } }] }] },
    });
    admin.apply(&allow.to_string()).unwrap();
    assert_eq!(named(), [line.as_str()], "tried, and of other pods");
    allow["metadata"].as_object_mut().unwrap().remove("annotations");
    shut.apply(&allow.to_string()).unwrap();
    assert_eq!(named(), [line.as_str()], "of other pods");
    shut.ok(&["label", "pod", "app", "app=mine", "-n", &shut_own]).unwrap();
    assert_eq!(named(), [""; 0]);

    deny_all.becomes("Enforce");
    until(|| denied().filter(|policy| !is_tried(policy)));
    assert_eq!(denied().unwrap()["spec"], json!({}));
    deny_all.becomes("Never");
    until(|| denied().is_none());
    until(|| policy(&admin, &own, "allow-same-tenant").is_none());
    until(|| policy(&admin, "default", "bulkhead-platform").is_none());

    admin.ok(&["label", "namespace", "default", "istio-injection-"]).unwrap();
    it.controller.terminate().unwrap();
    it.controller.wait(Duration::from_secs(20)).unwrap();
    it.controller = program::controller(&it.cluster, BINARY.as_ref()).unwrap();
}

/// What `bulkhead deny-all` names in a namespace.
pub(crate) fn closed(admin: &Kubectl, namespace: &str) -> Vec<String> {
    let (code, said) = bulkhead(admin, &["deny-all"]);
    assert_eq!(code, i32::from(!said.stdout.is_empty()), "{said:?}");
    let is_within = |line: &&str| line.starts_with(&format!("{namespace}/"));
    said.stdout.lines().filter(is_within).map(str::to_owned).collect()
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
