use serde_json::json;

use super::{Body, NamespaceSite, Object};
use crate::kinds::Kind;

/// Mounts no token into pods that name no service account.
pub(super) const fn object<'w>() -> Object<NamespaceSite<'w>> {
    Object {
        kind: Kind::ServiceAccount,
        name: NAME,
        body: Body::Always(|_| json!({ "automountServiceAccountToken": false })),
    }
}

/// Service account of pods that name none.
pub const NAME: &str = "default";
