use serde_json::{Value, json};

use super::{Body, IDENTITY_HEADER, Object, ServiceSite};
use crate::api::SharedPort;
use crate::baseline::network::waypoint_targets;
use crate::kinds::Kind;

/// Denies requests in which the caller sets the identity header, so that a forged one is not believed even where
/// the proxy's own filter is missing.
pub(super) const fn object<'w>() -> Object<ServiceSite<'w>> {
    Object { kind: Kind::AuthorizationPolicy, name: "reserved-header", body: Body::Optional(body) }
}

fn body(site: ServiceSite<'_>) -> Option<Value> {
    let waypoint = site.waypoint();
    let number = |port: &SharedPort| if waypoint.is_some() { port.at_waypoint() } else { port.port };
    let ports: Vec<String> = site.http_ports().map(|port| number(port).to_string()).collect();
    if ports.is_empty() {
        return None;
    }
    let rule = json!({
        "to": [{ "operation": { "ports": ports } }],
        "when": [{ "key": format!("request.headers[{IDENTITY_HEADER}]"), "values": ["*"] }],
    });
    // ztunnel does not know headers, and would never deny a call by this rule.
    let (field, proxies) = match waypoint {
        Some(waypoint) => ("targetRefs", waypoint_targets(&waypoint)),
        None => ("selector", site.selector()),
    };
    Some(json!({ "spec": { "action": "DENY", "rules": [rule], field: proxies } }))
}
