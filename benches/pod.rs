//! The review that most benchmarks judge.

use bulkhead::kinds::Kind;
use serde_json::json;

use crate::review;

/// Returns an `AdmissionReview` of about 14 kB: a create of the examples' pod in `namespace`, after the real injector.
/// The pod is `examples/injected/shop.json`, which a test compares with the injector's output.
pub(crate) fn review(namespace: &str) -> Vec<u8> {
    let pod = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/injected/shop.json"));
    let pod = serde_json::from_str(&pod.expect("the injected example")).expect("JSON");
    let controller = json!({
        "username": "system:serviceaccount:kube-system:replicaset-controller",
        "uid": "1f0b8f4e-1f57-4a0e-9f5e-3a1f5b0c7d2e",
        "groups": ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"],
    });
    review::of(Kind::Pod, namespace, &controller, &pod)
}
