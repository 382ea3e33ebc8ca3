use serde_json::json;

use super::{Body, NamespaceSite, Object};
use crate::kinds::Kind;

/// Denies all ingress and egress; other policies allow what is needed.
pub(super) const fn object<'w>() -> Object<NamespaceSite<'w>> {
    Object {
        kind: Kind::NetworkPolicy,
        name: "default-deny-all",
        body: Body::Always(
            |_| json!({ "spec": { "podSelector": {}, "policyTypes": ["Ingress", "Egress"] } }),
        ),
    }
}
