use serde_json::{Value, json};

use super::{Body, Kind, Object, Spot, peers};

/// Denies callers that impersonate a shared service: an account of its name in another namespace, or its namespace
/// in another trust domain.
pub(super) const fn object<'w>() -> Object<Spot<'w>> {
    Object {
        kind: Kind::AuthorizationPolicy,
        name: "deny-shared-service-impersonation",
        body: Body::Where(|spot| {
            let settings = &spot.world.settings;
            let rules = spot.world.shared_services().flat_map(|service| {
                let (namespace, account) = (&service.namespace, &service.service_account);
                let named = json!({
                    "principals": [format!("*/sa/{account}")],
                    "notPrincipals": [peers::principal(settings, namespace, account)],
                });
                let housed = json!({
                    "namespaces": [namespace],
                    "notPrincipals": [peers::principal(settings, namespace, "*")],
                });
                [named, housed].map(|source| json!({ "from": [{ "source": source }] }))
            });
            let rules: Vec<Value> = rules.collect();
            (!rules.is_empty()).then(|| json!({ "spec": { "action": "DENY", "rules": rules } }))
        }),
    }
}
