use serde_json::json;

use super::{Body, Kind, NamespaceSite, Object};

/// Nothing in, nothing out; the others open what must be open.
pub(super) const fn object<'w>() -> Object<NamespaceSite<'w>> {
    Object {
        kind: Kind::NetworkPolicy,
        name: "default-deny-all",
        body: Body::Always(
            |_| json!({ "spec": { "podSelector": {}, "policyTypes": ["Ingress", "Egress"] } }),
        ),
    }
}
