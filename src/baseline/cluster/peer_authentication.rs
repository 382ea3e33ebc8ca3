use serde_json::json;

use super::{Body, ClusterSite, Object};
use crate::kinds::Kind;

/// Rejects plaintext in the whole mesh, except where a namespace has its own policy.
pub(super) const fn object<'w>() -> Object<ClusterSite<'w>> {
    Object {
        kind: Kind::PeerAuthentication,
        name: "default",
        body: Body::Always(|_| json!({ "spec": { "mtls": { "mode": "STRICT" } } })),
    }
}
