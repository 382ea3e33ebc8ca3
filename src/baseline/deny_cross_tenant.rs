use serde_json::{Value, json};

use super::{Kind, Object, Place};

/// Whoever is not of the tenant is denied: other tenants, foreign trust domains and plaintext, which has no
/// principal at all.
pub(super) const OBJECT: Object = Object { kind: Kind::AuthorizationPolicy, name: "deny-cross-tenant", body };

fn body(place: Place<'_>) -> Value {
    let trust_domain = &place.world.settings.trust_domain;
    let own: Vec<String> = place
        .world
        .namespaces_of(&place.tenant.name)
        .map(|namespace| format!("{trust_domain}/ns/{namespace}/sa/*"))
        .collect();
    json!({ "spec": { "action": "DENY", "rules": [{ "from": [{ "source": { "notPrincipals": own } }] }] } })
}
