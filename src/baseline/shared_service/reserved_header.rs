use serde_json::json;

use super::{Body, IDENTITY_HEADER, Object, ServiceSite};
use crate::kinds::Kind;

/// Denies requests in which the caller sets the identity header, so that a forged one is not believed even where
/// the proxy's own filter is missing.
pub(super) const fn object<'w>() -> Object<ServiceSite<'w>> {
    Object {
        kind: Kind::AuthorizationPolicy,
        name: "reserved-header",
        body: Body::Optional(|site| {
            let ports: Vec<String> = site.http_ports().map(|port| port.port.to_string()).collect();
            let rule = json!({
                "to": [{ "operation": { "ports": ports } }],
                "when": [{ "key": format!("request.headers[{IDENTITY_HEADER}]"), "values": ["*"] }],
            });
            let spec = json!({ "action": "DENY", "rules": [rule], "selector": site.selector() });
            (!ports.is_empty()).then(|| json!({ "spec": spec }))
        }),
    }
}
