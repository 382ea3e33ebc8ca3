use serde_json::json;

use super::{Body, Object, ServiceSite};
use crate::kinds::Kind;

/// Rejects plaintext, because callers must have an identity.
pub(super) const fn object<'w>() -> Object<ServiceSite<'w>> {
    Object {
        kind: Kind::PeerAuthentication,
        name: "",
        body: Body::Always(
            |site| json!({ "spec": { "mtls": { "mode": "STRICT" }, "selector": site.selector() } }),
        ),
    }
}
