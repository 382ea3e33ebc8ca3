//! The review that the benchmarks judge: a create of the examples' pod, as an API server sends it after the real
//! injector. The pod is `examples/injected/shop.json`, which a test compares with the injector's output.

use serde_json::{Value, json};

/// Returns an `AdmissionReview` of about 14 kB, for the pod in `namespace`.
pub(crate) fn review(namespace: &str) -> Vec<u8> {
    let pod = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/injected/shop.json"));
    let pod: Value = serde_json::from_str(&pod.expect("the injected example")).expect("JSON");
    let kind = json!({ "group": "", "version": "v1", "kind": "Pod" });
    let resource = json!({ "group": "", "version": "v1", "resource": "pods" });
    let review = json!({
        "kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "9d5f1c0a-6f0e-4d0b-8a53-0e7a2f1b3c4d",
            "kind": kind, "resource": resource, "requestKind": kind, "requestResource": resource,
            "name": "shop", "namespace": namespace, "operation": "CREATE",
            "userInfo": {
                "username": "system:serviceaccount:kube-system:replicaset-controller",
                "uid": "1f0b8f4e-1f57-4a0e-9f5e-3a1f5b0c7d2e",
                "groups": ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"],
            },
            "object": pod, "oldObject": null, "dryRun": false,
            "options": { "kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1" },
        },
    });
    let mut bytes = Vec::new();
    write(&review, &mut bytes);
    bytes
}

/// Writes JSON as an API server does: the names of objects, containers and variables come first, and the review's
/// object comes after the fields that announce it.
fn write(value: &Value, bytes: &mut Vec<u8>) {
    match value {
        Value::Object(fields) => {
            let rank = |key: &str| match key {
                "name" | "uid" | "kind" => 0,
                "object" => 2,
                "oldObject" | "options" | "dryRun" => 3,
                _ => 1,
            };
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| rank(key));
            separated(*b"{}", fields, bytes, |(key, value), bytes| {
                serde_json::to_writer(&mut *bytes, key).expect("JSON");
                bytes.push(b':');
                write(value, bytes);
            });
        }
        Value::Array(items) => separated(*b"[]", items, bytes, write),
        scalar => serde_json::to_writer(bytes, scalar).expect("JSON"),
    }
}

fn separated<T>(
    [open, close]: [u8; 2],
    items: impl IntoIterator<Item = T>,
    bytes: &mut Vec<u8>,
    write: impl Fn(T, &mut Vec<u8>),
) {
    bytes.push(open);
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            bytes.push(b',');
        }
        write(item, bytes);
    }
    bytes.push(close);
}
