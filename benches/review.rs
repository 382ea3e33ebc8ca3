//! Reviews as an API server sends them.

use bulkhead::kinds::Kind;
use serde_json::{Value, json};

/// Returns an `AdmissionReview` of a create of this object by this user.
pub(crate) fn of(kind: Kind, namespace: &str, user: &Value, object: &Value) -> Vec<u8> {
    let (group, version) = (kind.group(), kind.version());
    let resource = json!({ "group": group, "version": version, "resource": kind.plural() });
    let kind = json!({ "group": group, "version": version, "kind": kind.name() });
    let name = object.pointer("/metadata/name");
    let review = json!({
        "kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "9d5f1c0a-6f0e-4d0b-8a53-0e7a2f1b3c4d",
            "kind": kind, "resource": resource, "requestKind": kind, "requestResource": resource,
            "name": name, "namespace": namespace, "operation": "CREATE", "userInfo": user,
            "object": object, "oldObject": null, "dryRun": false,
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
