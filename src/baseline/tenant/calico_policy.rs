use serde_json::{Value, json};

use super::{Body, Calico, Kind, Object, TenantSite};
use crate::snapshot::TENANT_LABEL;

/// Where Calico is: what no other policy opens. Policies of Kubernetes only add up; this one only denies, and comes
/// first. It neither allows nor passes on, which would end the evaluation before the tenant's own policies. This is
/// how Calico keeps it.
pub(super) const fn crd<'w>() -> Object<TenantSite<'w>> {
    Object {
        kind: Kind::GlobalNetworkPolicy(Calico::Crd),
        name: "default.bulkhead-",
        body: Body::Optional(|site| body(site, Calico::Crd)),
    }
}

/// The same, as Calico's own API server is asked.
pub(super) const fn api_server<'w>() -> Object<TenantSite<'w>> {
    Object {
        kind: Kind::GlobalNetworkPolicy(Calico::ApiServer),
        name: "bulkhead-",
        body: Body::Optional(|site| body(site, Calico::ApiServer)),
    }
}

/// Before the policies of Kubernetes, which Calico takes to be of order 1000.
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
