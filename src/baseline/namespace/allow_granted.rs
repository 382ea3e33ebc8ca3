use serde_json::{Value, json};

use super::network::{self, Port};
use super::{Body, NamespaceSite, Object};
use crate::baseline::shared_service::{direct_ports, waypoint_name};
use crate::kinds::Kind;

/// Allows egress to the destinations, and ingress from the callers, that the tenant was granted.
pub(super) const fn object<'w>() -> Object<NamespaceSite<'w>> {
    Object { kind: Kind::NetworkPolicy, name: "allow-granted", body: Body::Always(body) }
}

fn body(site: NamespaceSite<'_>) -> Value {
    json!({ "spec": {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": ingress(site),
        "egress": egress(site),
    } })
}

fn ingress(site: NamespaceSite<'_>) -> Vec<Value> {
    let gateways = site
        .snapshot
        .gateways(site.tenant)
        .map(|gateway| json!({ "from": [network::pods(gateway.namespace(), &gateway.selector)] }));
    let services = site
        .snapshot
        .services_calling(&site.tenant.name)
        .map(|service| json!({ "from": [network::pods(&service.namespace, &service.selector)] }));
    let callers = site.tenant.grants.callers.iter().map(|caller| {
        let from = [network::namespace(&caller.namespace)];
        if caller.ports.is_empty() {
            return json!({ "from": from });
        }
        json!({ "from": from, "ports": network::ports(site.snapshot, caller.ports.iter().copied()) })
    });
    gateways.chain(services).chain(callers).collect()
}

fn egress(site: NamespaceSite<'_>) -> Vec<Value> {
    let grants = &site.tenant.grants.reach;
    let services = site.snapshot.reachable_services(site.tenant).flat_map(|service| {
        let ports: Vec<u16> = direct_ports(site.settings(), service).map(|port| port.port).collect();
        let pods = (!ports.is_empty()).then(|| {
            json!({
                "to": [network::pods(&service.namespace, &service.selector)],
                "ports": network::ports(site.snapshot, ports),
            })
        });
        let waypoint = waypoint_name(site.settings(), service).map(|waypoint| {
            json!({
                "to": [network::pods(&service.namespace, &network::gateway_pods(&waypoint))],
                "ports": network::tcp([network::HBONE_PORT]),
            })
        });
        pods.into_iter().chain(waypoint)
    });
    let gateway = site.snapshot.egress_gateway(site.tenant).map(|gateway| {
        json!({
            "to": [network::pods(&gateway.namespace, &gateway.selector)],
            "ports": network::ports(site.snapshot, [gateway.port]),
        })
    });
    let cidrs = grants.cidrs.iter().map(|granted| {
        json!({
            "to": [{ "ipBlock": { "cidr": granted.cidr } }],
            "ports": Port::of_range(granted).map(Port::manifest).collect::<Vec<_>>(),
        })
    });
    services.chain(gateway).chain(cidrs).collect()
}
