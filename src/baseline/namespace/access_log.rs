use serde_json::json;

use super::{Body, NamespaceSite, Object};
use crate::kinds::Kind;

/// Makes the tenant's proxies log denied requests with the caller's identity.
pub(super) const fn object<'w>() -> Object<NamespaceSite<'w>> {
    Object {
        kind: Kind::Telemetry,
        name: "access-log",
        body: Body::Optional(|site| {
            let provider = site.settings().access_log.as_ref()?;
            let logging = json!({
                "filter": { "expression": "response.code == 403 || response.code == 0" },
                "match": { "mode": "SERVER" },
                "providers": [{ "name": provider }],
            });
            Some(json!({ "spec": { "accessLogging": [logging] } }))
        }),
    }
}
