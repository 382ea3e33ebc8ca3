use serde_json::json;

use super::{Body, Kind, Object, Place};

/// Rejects plaintext.
pub(super) const fn object<'w>() -> Object<Place<'w>> {
    Object {
        kind: Kind::PeerAuthentication,
        name: "default",
        body: Body::Always(|_| json!({ "spec": { "mtls": { "mode": "STRICT" } } })),
    }
}
