//! Baseline objects that webhooks and policies of somebody else change while Bulkhead writes them. Labels, annotations
//! and spelled-out defaults do not matter; a change of the meaning keeps the namespace from becoming ready.

use base64::Engine as _;
use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::mutator;
use bulkhead_harness::pki::Authority;
use serde_json::{Value, json};
use support::cluster::{jsonpath, new_tenant, shared, wait_until_ready};
use support::conditions::condition;
use support::refusal::{expect_admitted, refused};
use support::wait::until;

const ADMISSION: &str = "admissionregistration.k8s.io/v1";

/// Selects the namespace, and the one in which [`activate`] tries.
fn selector(namespace: &str) -> Value {
    let names = [namespace.to_owned(), format!("{namespace}-probe")];
    json!({ "matchExpressions": [{ "key": "kubernetes.io/metadata.name", "operator": "In", "values": names }] })
}

/// Creates the configuration that changes such objects, and waits until the API server applies it.
fn activate(admin: &Kubectl, namespace: &str, configuration: &[Value], mut object: Value) {
    let probe = format!("{namespace}-probe");
    admin.ok(&["create", "namespace", &probe]).unwrap();
    object["metadata"] = json!({ "name": "probe", "namespace": probe, "labels": { "app": "probe" } });
    let written = || {
        let arguments = ["create", "--dry-run=server", "-o", "json", "-f", "-"];
        let answer = admin.feed(&arguments, &object.to_string()).unwrap();
        let written: Value = serde_json::from_str(&answer.stdout).unwrap();
        (written["spec"].clone(), written["metadata"]["labels"].clone())
    };
    let unchanged = written();
    for part in configuration {
        admin.apply(&part.to_string()).unwrap();
    }
    until(|| written() != unchanged);
    admin.ok(&["delete", "namespace", &probe, "--wait=false"]).unwrap();
}

/// Creates a MutatingAdmissionPolicy for NetworkPolicies of the namespace, and waits until it has an effect.
fn mutate_network_policies(admin: &Kubectl, name: &str, namespace: &str, mutation: &Value) {
    let rule = json!({
        "apiGroups": ["networking.k8s.io"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
        "resources": ["networkpolicies"],
    });
    let policy = json!({
        "apiVersion": ADMISSION, "kind": "MutatingAdmissionPolicy", "metadata": { "name": name },
        "spec": {
            "matchConstraints": {
                "namespaceSelector": selector(namespace),
                "resourceRules": [rule],
            },
            "failurePolicy": "Fail", "reinvocationPolicy": "Never",
            "mutations": [mutation],
        },
    });
    let binding = json!({
        "apiVersion": ADMISSION, "kind": "MutatingAdmissionPolicyBinding", "metadata": { "name": name },
        "spec": { "policyName": name },
    });
    let object = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "spec": { "podSelector": {}, "policyTypes": ["Ingress", "Egress"] },
    });
    activate(admin, namespace, &[policy, binding], object);
}

fn labels(admin: &Kubectl, object: &[&str]) -> Value {
    serde_json::from_str(&jsonpath(admin, object, "{.metadata.labels}")).unwrap()
}

#[test]
fn policy_that_labels_every_object_does_not_block_a_namespace() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let name = "tenant-other-map";
    let expression = r#"Object{metadata: Object.metadata{labels: {"cost": "42", "policy.example.com/checked": "yes"}, annotations: {"policy.example.com/at": "now"}}}"#;
    let mutation =
        json!({ "patchType": "ApplyConfiguration", "applyConfiguration": { "expression": expression } });
    mutate_network_policies(&admin, "other-map", name, &mutation);
    let member = new_tenant(&it, "other-map");
    member.ok(&["create", "namespace", name]).unwrap();
    wait_until_ready(&member, name);
    let deny = ["networkpolicy", "default-deny-all", "-n", name];
    let found = labels(&admin, &deny);
    assert_eq!((&found["cost"], &found["app.kubernetes.io/managed-by"]), (&json!("42"), &json!("bulkhead")));

    // It is in sync: nothing is written again.
    let version = || jsonpath(&admin, &deny, "{.metadata.resourceVersion}");
    let before = version();
    std::thread::sleep(std::time::Duration::from_secs(5));
    assert_eq!(version(), before);

    // A write that changes nothing is admitted, one that adds or changes a label is not.
    let stored = admin.ok(&["get", "networkpolicy", "default-deny-all", "-n", name, "-o", "json"]).unwrap();
    expect_admitted(&member.replace(&stored).unwrap());
    let label = |text: &'static str| [&["label"], &deny[..], &[text, "--overwrite"]].concat();
    refused(&member, &label("team=mine"), "", &[("BH202", "metadata.labels.team")]);
    let instance = [("BH202", "metadata.labels[app.kubernetes.io/instance]")];
    refused(&member, &label("app.kubernetes.io/instance=shop"), "", &instance);
    admin.ok(&["delete", "mutatingadmissionpolicybinding,mutatingadmissionpolicy", "other-map"]).unwrap();
}

#[test]
fn policy_that_changes_the_meaning_is_named_with_field_and_value() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let name = "tenant-other-open";
    let expression = r#"[JSONPatch{op: "replace", path: "/spec/policyTypes", value: ["Ingress"]}]"#;
    let mutation = json!({ "patchType": "JSONPatch", "jsonPatch": { "expression": expression } });
    mutate_network_policies(&admin, "other-open", name, &mutation);
    let member = new_tenant(&it, "other-open");
    member.ok(&["create", "namespace", name]).unwrap();
    until(|| {
        let message = condition(&admin, "tenant", "other-open", "Ready").message;
        message.contains(
            "another webhook or policy changes NetworkPolicy default-deny-all while it is written: \
             spec.policyTypes is `[\"Ingress\"]` instead of `[\"Ingress\",\"Egress\"]`",
        )
    });
    admin.ok(&["delete", "mutatingadmissionpolicybinding,mutatingadmissionpolicy", "other-open"]).unwrap();
    wait_until_ready(&member, name);
}

/// Registers a mutating webhook for AuthorizationPolicies of the namespace, and waits until it has an effect.
fn register(admin: &Kubectl, name: &str, namespace: &str, patch: &Value) {
    let authority = Authority::new(name).unwrap();
    let address = mutator::start(&authority, patch).unwrap();
    let bundle = base64::engine::general_purpose::STANDARD.encode(&authority.certificate);
    let webhook = json!({
        "name": format!("{name}.example.com"), "admissionReviewVersions": ["v1"], "sideEffects": "None",
        "clientConfig": { "url": format!("https://{address}/"), "caBundle": bundle },
        "namespaceSelector": selector(namespace),
        "rules": [{
            "apiGroups": ["security.istio.io"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
            "resources": ["authorizationpolicies"],
        }],
    });
    let configuration = json!({
        "apiVersion": ADMISSION, "kind": "MutatingWebhookConfiguration", "metadata": { "name": name },
        "webhooks": [webhook],
    });
    let object = json!({
        "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy", "spec": { "action": "DENY" },
    });
    activate(admin, namespace, &[configuration], object);
}

#[test]
fn webhook_that_adds_labels_and_defaults_does_not_block_a_namespace() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let metadata = json!([
        { "op": "add", "path": "/metadata/labels/cost", "value": "42" },
        { "op": "add", "path": "/metadata/annotations", "value": { "policies.kyverno.io/last-applied-patches": "cost" } },
    ]);
    register(&admin, "other-hook", "tenant-other-hook", &metadata);
    let member = new_tenant(&it, "other-hook");
    member.ok(&["create", "namespace", "tenant-other-hook"]).unwrap();
    wait_until_ready(&member, "tenant-other-hook");
    let object = ["authorizationpolicies.security.istio.io", "deny-cross-tenant", "-n", "tenant-other-hook"];
    assert_eq!(labels(&admin, &object)["cost"], "42");
    admin.ok(&["delete", "mutatingwebhookconfiguration", "other-hook"]).unwrap();

    // A change of the meaning blocks the namespace, and the status says which.
    let allow = json!([{ "op": "add", "path": "/spec/action", "value": "ALLOW" }]);
    register(&admin, "other-hook-allow", "tenant-other-hook-more", &allow);
    member.ok(&["create", "namespace", "tenant-other-hook-more"]).unwrap();
    until(|| {
        let message = condition(&admin, "tenant", "other-hook", "Ready").message;
        message.contains("AuthorizationPolicy deny-cross-tenant while it is written: spec.action is `\"ALLOW\"` instead of `\"DENY\"`")
    });
    admin.ok(&["delete", "mutatingwebhookconfiguration", "other-hook-allow"]).unwrap();
    wait_until_ready(&member, "tenant-other-hook-more");
}
