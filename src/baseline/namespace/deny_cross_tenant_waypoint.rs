use serde_json::json;

use super::{Body, NamespaceSite, Object, deny_cross_tenant};
use crate::baseline::network::waypoint_targets;
use crate::kinds::Kind;

/// Repeats the deny rules for each waypoint, which applies only policies that name it. The pods behind it see only
/// the waypoint's own identity.
pub(super) const fn object<'w>() -> Object<NamespaceSite<'w>> {
    Object {
        kind: Kind::AuthorizationPolicy,
        name: "deny-cross-tenant",
        body: Body::Many(|site| {
            let waypoints = site.settings().waypoints.iter().filter(|_| site.may_be_captured());
            let policy = waypoints.map(|waypoint| {
                let (targets, rules) = (waypoint_targets(waypoint), deny_cross_tenant::rules(site));
                let spec = json!({ "action": "DENY", "targetRefs": targets, "rules": rules });
                (waypoint.clone(), json!({ "spec": spec }))
            });
            policy.collect()
        }),
    }
}
