use serde_json::json;

use super::{Body, Kind, Object, Place};
use crate::api::Authorization;

/// Only beside a mesh-wide deny, and for a tenant that wants it: what one policy allows no finer one takes back.
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
