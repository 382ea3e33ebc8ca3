use serde_json::json;

use super::{Body, Kind, NamespaceSite, Object};
use crate::api::Authorization;

/// Only beside a mesh-wide deny, and for a tenant that wants it: what one policy allows no finer one takes back.
pub(super) const fn object<'w>() -> Object<NamespaceSite<'w>> {
    Object {
        kind: Kind::AuthorizationPolicy,
        name: "allow-same-tenant",
        body: Body::Optional(|site| {
            let is_open = site.tenant.authorization == Authorization::Open;
            (is_open && site.settings().denies_all()).then(|| {
                let rule = json!({ "from": [{ "source": { "principals": site.allowed_principals() } }] });
                json!({ "spec": { "action": "ALLOW", "rules": [rule] } })
            })
        }),
    }
}
