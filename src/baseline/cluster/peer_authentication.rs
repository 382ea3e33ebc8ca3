use serde_json::json;

use super::{Body, ClusterSite, Kind, Object};

/// No plaintext in the whole mesh, unless a namespace says otherwise.
pub(super) const fn object<'w>() -> Object<ClusterSite<'w>> {
    Object {
        kind: Kind::PeerAuthentication,
        name: "default",
        body: Body::Always(|_| json!({ "spec": { "mtls": { "mode": "STRICT" } } })),
    }
}
