use serde_json::json;

use super::{Kind, Object};

/// No plaintext.
pub(super) const OBJECT: Object = Object {
    kind: Kind::PeerAuthentication,
    name: "default",
    body: |_| json!({ "spec": { "mtls": { "mode": "STRICT" } } }),
};
