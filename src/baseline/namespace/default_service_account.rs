use serde_json::json;

use super::{Body, Kind, NamespaceSite, Object};

/// Who asks for no account gets no token of one.
pub(super) const fn object<'w>() -> Object<NamespaceSite<'w>> {
    Object {
        kind: Kind::ServiceAccount,
        name: NAME,
        body: Body::Always(|_| json!({ "automountServiceAccountToken": false })),
    }
}

/// What a pod runs as that names none.
pub const NAME: &str = "default";
