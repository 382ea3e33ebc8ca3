use serde_json::{Value, json};

use super::{Body, NamespaceSite, Object};
use crate::keys::TENANT_LABEL;
use crate::kinds::Kind;
use crate::settings::SameTenant;

/// Allows traffic between the tenant's namespaces, or only within each of them, as the settings say.
pub(super) const fn object<'w>() -> Object<NamespaceSite<'w>> {
    Object { kind: Kind::NetworkPolicy, name: "allow-same-tenant", body: Body::Always(body) }
}

fn body(site: NamespaceSite<'_>) -> Value {
    let own = match site.settings().same_tenant {
        SameTenant::Tenant => {
            json!([{ "namespaceSelector": { "matchLabels": { TENANT_LABEL: site.tenant.name } } }])
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
