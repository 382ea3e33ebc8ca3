use serde_json::json;

use super::{Body, NamespaceSite, Object};
use crate::api::Authorization;
use crate::kinds::Kind;

/// Allows calls within the tenant where the mesh denies by default, if the Tenant asks for it with `authorization:
/// Open`. It is optional because allow policies add up: a narrower policy cannot take back what this one allows.
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
