use serde_json::{Value, json};

use super::{Beyond, Body, Calico, Kind, Object};
use crate::world::TENANT_LABEL;

/// Denies traffic between tenants where Calico is installed; no other policy can allow it again. NetworkPolicies
/// only add up, so this policy only denies and is evaluated first. It has no `Allow` or `Pass` action, which would
/// end the evaluation before the tenant's own policies. This is the form in which Calico stores it.
pub(super) const fn stored<'w>() -> Object<Beyond<'w>> {
    Object {
        kind: Kind::GlobalNetworkPolicy(Calico::Stored),
        name: "default.bulkhead-",
        body: Body::Where(|beyond| body(beyond, Calico::Stored)),
    }
}

/// The same policy, in the form that Calico's own API server accepts.
pub(super) const fn served<'w>() -> Object<Beyond<'w>> {
    Object {
        kind: Kind::GlobalNetworkPolicy(Calico::Server),
        name: "bulkhead-",
        body: Body::Where(|beyond| body(beyond, Calico::Server)),
    }
}

/// Before NetworkPolicies, which Calico gives the order 1000.
const ORDER: u32 = 100;

fn body(beyond: Beyond<'_>, calico: Calico) -> Option<Value> {
    let name = &beyond.tenant.name;
    let other = format!("has({TENANT_LABEL}) && {TENANT_LABEL} != \"{name}\"");
    (beyond.world.settings.calico == Some(calico)).then(|| {
        json!({ "spec": {
            "namespaceSelector": format!("{TENANT_LABEL} == \"{name}\""),
            "order": ORDER,
            "types": ["Ingress", "Egress"],
            "ingress": [{ "action": "Deny", "source": { "namespaceSelector": other } }],
            "egress": [{ "action": "Deny", "destination": { "namespaceSelector": other } }],
        } })
    })
}
