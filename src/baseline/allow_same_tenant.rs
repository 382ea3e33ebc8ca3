use serde_json::{Value, json};

use super::{Kind, Object, Place};
use crate::world::TENANT_LABEL;

/// A tenant's namespaces among themselves.
pub(super) const OBJECT: Object = Object { kind: Kind::NetworkPolicy, name: "allow-same-tenant", body };

fn body(place: Place<'_>) -> Value {
    let own = json!([{ "namespaceSelector": { "matchLabels": { TENANT_LABEL: place.tenant.name } } }]);
    json!({ "spec": {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{ "from": own }],
        "egress": [{ "to": own }],
    } })
}
