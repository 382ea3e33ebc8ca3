use serde_json::json;

use super::{Kind, Object};

/// Nothing in, nothing out; the others open what must be open.
pub(super) const OBJECT: Object = Object {
    kind: Kind::NetworkPolicy,
    name: "default-deny-all",
    body: |_| json!({ "spec": { "podSelector": {}, "policyTypes": ["Ingress", "Egress"] } }),
};
