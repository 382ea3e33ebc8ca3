//! `AdmissionReview`s, as an API server sends them.

use bulkhead_harness::wire::Caller;
use serde_json::{Value, json};

/// The uid of every review made here.
pub const UID: &str = "0f4b";

/// The review of the creation of an object by `user`.
pub fn creation(resource: &str, namespace: &str, user: &str, object: &Value) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": UID, "resource": { "group": "", "version": "v1", "resource": resource },
            "namespace": namespace, "operation": "CREATE", "userInfo": { "username": user },
            "object": object,
        },
    })
}

/// The review of a pod that is as Istio injects it.
pub fn injected_pod(namespace: &str) -> Vec<u8> {
    let pod = std::fs::read_to_string(crate::repository("examples/injected/shop.json")).unwrap();
    let pod: Value = serde_json::from_str(&pod).unwrap();
    creation("pods", namespace, "alice", &pod).to_string().into_bytes()
}

/// True if the webhook allows an injected pod in the namespace.
pub fn allows_pod_in(namespace: &str, caller: &Caller) -> bool {
    is_allowed(caller, "/validate/workloads?timeout=5s", &injected_pod(namespace))
}

/// True if the webhook allows the request of the review.
pub fn is_allowed(caller: &Caller, path: &str, review: &[u8]) -> bool {
    let answer = caller.post(path, review).unwrap();
    serde_json::from_str::<Value>(&answer.body).unwrap()["response"]["allowed"] == true
}
