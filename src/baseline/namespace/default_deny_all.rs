use serde_json::json;

use super::{Body, Kind, Object, Place};

/// Nothing in, nothing out; the others open what must be open.
pub(super) const fn object<'w>() -> Object<Place<'w>> {
    Object {
        kind: Kind::NetworkPolicy,
        name: "default-deny-all",
        body: Body::Always(
            |_| json!({ "spec": { "podSelector": {}, "policyTypes": ["Ingress", "Egress"] } }),
        ),
    }
}
