//! The webhook configurations, as `bulkhead manifests` prints them.

use std::path::Path;

use bulkhead::registration::{Service, mutating, validating};
use bulkhead::sources::files;
use serde_json::{Value, json};
use support::SETTINGS;

/// The validating entries, and the mutating ones.
fn entries() -> [Vec<Value>; 2] {
    let settings = files::settings(Path::new(SETTINGS)).unwrap();
    let service = Service {
        namespace: "bulkhead-system".to_owned(),
        name: "bulkhead".to_owned(),
        port: 443,
        ca_bundle: None,
    };
    let validating = serde_json::to_value(validating(&service, &settings)).unwrap();
    let mutating = serde_json::to_value(mutating(&service, &settings)).unwrap();
    [validating, mutating].map(|configuration| configuration["webhooks"].as_array().unwrap().clone())
}

/// No label of an object exempts it from the webhook: the API server selects by the namespace alone, and namespaces,
/// Tenants and other cluster-wide objects without any selector.
#[test]
fn webhook_configurations_have_no_object_selector() {
    let of_tenants = json!({ "matchExpressions": [{ "key": "bulkhead.dev/tenant", "operator": "Exists" }] });
    let shared = json!({ "matchExpressions": [{
        "key": "kubernetes.io/metadata.name", "operator": "In",
        "values": ["bulkhead-system", "istio-ingress", "istio-system", "kube-system", "monitoring", "shared-services"],
    }] });
    let entries = entries().concat();
    let found: Vec<(&str, &Value)> =
        entries.iter().map(|entry| (entry["name"].as_str().unwrap(), &entry["namespaceSelector"])).collect();
    assert_eq!(
        found,
        [
            ("namespaces.bulkhead.dev", &Value::Null),
            ("workloads.bulkhead.dev", &of_tenants),
            ("policies.bulkhead.dev", &of_tenants),
            ("identities.bulkhead.dev", &of_tenants),
            ("shared.bulkhead.dev", &shared),
            ("cluster.bulkhead.dev", &Value::Null),
            ("labels.bulkhead.dev", &Value::Null),
        ]
    );
    for entry in &entries {
        assert_eq!(entry["objectSelector"], Value::Null, "{entry}");
    }
}

#[test]
fn validating_webhooks_fail_closed_for_every_version() {
    let [validating, mutating] = entries();
    let policies =
        |entry: &Value| ["failurePolicy", "matchPolicy", "sideEffects"].map(|key| entry[key].clone());
    for entry in &validating {
        assert_eq!(policies(entry), ["Fail", "Equivalent", "None"], "{entry}");
    }
    // The validating side refuses a namespace without its labels.
    for entry in &mutating {
        assert_eq!(policies(entry), ["Ignore", "Equivalent", "None"], "{entry}");
    }
}
