use serde_json::json;

use super::{Body, Object, ServiceSite, allow_tenants};
use crate::api::SharedPort;
use crate::baseline::network::waypoint_targets;
use crate::kinds::Kind;

/// Allows each tenant the requests that are its own at the waypoint, and denies all others. Selects the waypoint and not
/// the Service, so that it holds for every Service that uses the waypoint.
pub(super) const fn object<'w>() -> Object<ServiceSite<'w>> {
    Object {
        kind: Kind::AuthorizationPolicy,
        name: "waypoint-tenants",
        body: Body::Optional(|site| {
            let target = waypoint_targets(&site.waypoint()?);
            let ports: Vec<&SharedPort> = site.service.ports.iter().collect();
            let rules = allow_tenants::rules_of_tenants(site, &ports, SharedPort::at_waypoint);
            Some(json!({ "spec": { "action": "ALLOW", "rules": rules, "targetRefs": target } }))
        }),
    }
}
