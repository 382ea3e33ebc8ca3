use serde_json::json;

use super::{Body, NamespaceSite, Object};
use crate::kinds::Kind;

/// Rejects plaintext.
pub(super) const fn object<'w>() -> Object<NamespaceSite<'w>> {
    Object {
        kind: Kind::PeerAuthentication,
        name: "default",
        body: Body::Always(|_| json!({ "spec": { "mtls": { "mode": "STRICT" } } })),
    }
}
