use serde_json::{Value, json};

use super::{Body, Calico, Object, TenantSite};
use crate::keys::TENANT_LABEL;
use crate::kinds::Kind;

/// Denies traffic between tenants where Calico is installed; no other policy can allow it again. NetworkPolicies
/// only add up, so this policy only denies and is evaluated first. It has no `Allow` or `Pass` action, which would
/// end the evaluation before the tenant's own policies. This is the form in which Calico stores it.
pub(super) const fn crd<'w>() -> Object<TenantSite<'w>> {
    Object {
        kind: Kind::GlobalNetworkPolicyCrd,
        name: "default.bulkhead-",
        body: Body::Optional(|site| body(site, Calico::Crd)),
    }
}

/// The same policy, in the form that Calico's own API server accepts.
pub(super) const fn api_server<'w>() -> Object<TenantSite<'w>> {
    Object {
        kind: Kind::GlobalNetworkPolicy,
        name: "bulkhead-",
        body: Body::Optional(|site| body(site, Calico::ApiServer)),
    }
}

/// Before NetworkPolicies, which Calico gives the order 1000.
const ORDER: u32 = 100;

fn body(site: TenantSite<'_>, calico: Calico) -> Option<Value> {
    let name = &site.tenant.name;
    let other = format!("has({TENANT_LABEL}) && {TENANT_LABEL} != \"{name}\"");
    (site.snapshot.settings.calico == Some(calico)).then(|| {
        json!({ "spec": {
            "namespaceSelector": format!("{TENANT_LABEL} == \"{name}\""),
            "order": ORDER,
            "types": ["Ingress", "Egress"],
            "ingress": [{ "action": "Deny", "source": { "namespaceSelector": other } }],
            "egress": [{ "action": "Deny", "destination": { "namespaceSelector": other } }],
        } })
    })
}
