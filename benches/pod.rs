//! The pod that most benchmarks judge, and its review.

use bulkhead::kinds::Kind;
use serde_json::{Value, json};

use crate::review;

/// Returns the examples' pod after the real injector, `examples/injected/shop.json`. A test compares it with the
/// injector's output.
pub(crate) fn injected() -> Value {
    let pod = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/injected/shop.json"));
    serde_json::from_str(&pod.expect("the injected example")).expect("JSON")
}

/// Returns an `AdmissionReview` of about 14 kB: a create of this pod in `namespace`.
pub(crate) fn review(namespace: &str) -> Vec<u8> {
    let controller = json!({
        "username": "system:serviceaccount:kube-system:replicaset-controller",
        "uid": "1f0b8f4e-1f57-4a0e-9f5e-3a1f5b0c7d2e",
        "groups": ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"],
    });
    review::of(Kind::Pod, namespace, &controller, &injected())
}
