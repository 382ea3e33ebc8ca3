use serde_json::json;

use super::{Body, Kind, Object, Place};

/// Makes the tenant's proxies log denied requests with the caller's identity.
pub(super) const fn object<'w>() -> Object<Place<'w>> {
    Object {
        kind: Kind::Telemetry,
        name: "access-log",
        body: Body::Where(|place| {
            let provider = place.settings().access_log.as_ref()?;
            let logging = json!({
                "filter": { "expression": "response.code == 403 || response.code == 0" },
                "match": { "mode": "SERVER" },
                "providers": [{ "name": provider }],
            });
            Some(json!({ "spec": { "accessLogging": [logging] } }))
        }),
    }
}
