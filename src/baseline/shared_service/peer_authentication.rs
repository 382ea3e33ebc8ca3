use serde_json::json;

use super::{Body, Kind, Object, Served};

/// Rejects plaintext, because callers must have an identity.
pub(super) const fn object<'w>() -> Object<Served<'w>> {
    Object {
        kind: Kind::PeerAuthentication,
        name: "",
        body: Body::Always(
            |served| json!({ "spec": { "mtls": { "mode": "STRICT" }, "selector": served.selector() } }),
        ),
    }
}
