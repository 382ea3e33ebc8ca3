use serde_json::{Value, json};

use super::network_policy::{namespaces_of, reaching_tenants};
use super::{Body, Object, ServiceSite, network};
use crate::kinds::Kind;

/// Allows tenants that reach the service to reach its waypoint, and the waypoint to reach the service's pods and istiod
/// alone.
pub(super) const fn object<'w>() -> Object<ServiceSite<'w>> {
    Object { kind: Kind::NetworkPolicy, name: "waypoint", body: Body::Optional(body) }
}

fn body(site: ServiceSite<'_>) -> Option<Value> {
    let waypoint = site.waypoint()?;
    let settings = site.settings();
    let tenants = reaching_tenants(site);
    let mut ingress = vec![json!({ "from": [{ "podSelector": {} }] })];
    if !tenants.is_empty() {
        ingress
            .push(json!({ "from": [namespaces_of(&tenants)], "ports": network::tcp([network::HBONE_PORT]) }));
    }
    let ports = network::ports(site.snapshot, site.service.ports.iter().map(|port| port.port));
    let mut egress = vec![json!({ "to": [{ "podSelector": site.selector() }], "ports": ports })];
    egress.extend(network::dns(settings, &site.snapshot.endpoints));
    egress.push(network::istiod(settings));
    Some(json!({ "spec": {
        "podSelector": { "matchLabels": network::gateway_pods(&waypoint) },
        "policyTypes": ["Ingress", "Egress"],
        "ingress": ingress,
        "egress": egress,
    } }))
}
