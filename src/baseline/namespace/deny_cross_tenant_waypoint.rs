use serde_json::json;

use super::{Body, NamespaceSite, Object, deny_cross_tenant};
use crate::kinds::Kind;
use crate::settings::Dataplane;

/// Repeats the deny rules for each waypoint, which applies only policies that name it. The pods behind it see only
/// the waypoint's own identity.
pub(super) const fn object<'w>() -> Object<NamespaceSite<'w>> {
    Object {
        kind: Kind::AuthorizationPolicy,
        name: "deny-cross-tenant",
        body: Body::Many(|site| {
            let settings = site.settings();
            let waypoints = settings.waypoints.iter().filter(|_| settings.dataplane == Dataplane::Ambient);
            let policy = waypoints.map(|waypoint| {
                let target =
                    json!({ "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": waypoint });
                let rules = deny_cross_tenant::rules(site);
                let spec = json!({ "action": "DENY", "targetRefs": [target], "rules": rules });
                (waypoint.clone(), json!({ "spec": spec }))
            });
            policy.collect()
        }),
    }
}
