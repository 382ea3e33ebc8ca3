use serde_json::json;

use super::{Body, IDENTITY_HEADER, Kind, Object, Served};

/// Denies requests in which the caller sets the identity header, so that a forged one is not believed even where
/// the proxy's own filter is missing.
pub(super) const fn object<'w>() -> Object<Served<'w>> {
    Object {
        kind: Kind::AuthorizationPolicy,
        name: "reserved-header",
        body: Body::Where(|served| {
            let ports: Vec<String> = served.http_ports().map(|port| port.port.to_string()).collect();
            let rule = json!({
                "to": [{ "operation": { "ports": ports } }],
                "when": [{ "key": format!("request.headers[{IDENTITY_HEADER}]"), "values": ["*"] }],
            });
            let spec = json!({ "action": "DENY", "rules": [rule], "selector": served.selector() });
            (!ports.is_empty()).then(|| json!({ "spec": spec }))
        }),
    }
}
