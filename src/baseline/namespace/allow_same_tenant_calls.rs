use serde_json::json;

use super::{Body, Kind, Object, Place};
use crate::api::Authorization;

/// Allows calls within the tenant where the mesh denies by default, if the Tenant asks for it with `authorization:
/// Open`. It is optional because allow policies add up: a narrower policy cannot take back what this one allows.
pub(super) const fn object<'w>() -> Object<Place<'w>> {
    Object {
        kind: Kind::AuthorizationPolicy,
        name: "allow-same-tenant",
        body: Body::Where(|place| {
            let is_open = place.tenant.authorization == Authorization::Open;
            (is_open && place.settings().denies_all()).then(|| {
                let rule = json!({ "from": [{ "source": { "principals": place.allowed() } }] });
                json!({ "spec": { "action": "ALLOW", "rules": [rule] } })
            })
        }),
    }
}
