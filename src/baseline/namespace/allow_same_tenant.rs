use serde_json::{Value, json};

use super::{Body, Kind, Object, Place};
use crate::settings::SameTenant;
use crate::world::TENANT_LABEL;

/// Allows traffic between the tenant's namespaces, or only within each of them, as the settings say.
pub(super) const fn object<'w>() -> Object<Place<'w>> {
    Object { kind: Kind::NetworkPolicy, name: "allow-same-tenant", body: Body::Always(body) }
}

fn body(place: Place<'_>) -> Value {
    let own = match place.settings().same_tenant {
        SameTenant::Tenant => {
            json!([{ "namespaceSelector": { "matchLabels": { TENANT_LABEL: place.tenant.name } } }])
        }
        SameTenant::Namespace => json!([{ "podSelector": {} }]),
    };
    json!({ "spec": {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{ "from": own }],
        "egress": [{ "to": own }],
    } })
}
