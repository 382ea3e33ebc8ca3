use serde_json::{Value, json};

use super::{Body, Kind, Object, Place, peers};

/// Allows egress to the destinations, and ingress from the callers, that the tenant was granted.
pub(super) const fn object<'w>() -> Object<Place<'w>> {
    Object { kind: Kind::NetworkPolicy, name: "allow-granted", body: Body::Always(body) }
}

fn body(place: Place<'_>) -> Value {
    json!({ "spec": {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": ingress(place),
        "egress": egress(place),
    } })
}

fn ingress(place: Place<'_>) -> Vec<Value> {
    let gateways = place
        .world
        .gateways(place.tenant)
        .map(|gateway| json!({ "from": [peers::pods(gateway.namespace(), &gateway.selector)] }));
    let services = place
        .world
        .calling(&place.tenant.name)
        .map(|service| json!({ "from": [peers::pods(&service.namespace, &service.selector)] }));
    let callers = place.tenant.grants.callers.iter().map(|caller| {
        let from = [peers::namespace(&caller.namespace)];
        if caller.ports.is_empty() {
            return json!({ "from": from });
        }
        json!({ "from": from, "ports": peers::ports(place.settings(), caller.ports.iter().copied()) })
    });
    gateways.chain(services).chain(callers).collect()
}

fn egress(place: Place<'_>) -> Vec<Value> {
    let grants = &place.tenant.grants.reach;
    let services = place.world.reached(place.tenant).map(|service| {
        let ports = service.ports.iter().map(|port| port.port);
        json!({
            "to": [peers::pods(&service.namespace, &service.selector)],
            "ports": peers::ports(place.settings(), ports),
        })
    });
    let gateway = place.world.egress_gateway(place.tenant).map(|gateway| {
        json!({
            "to": [peers::pods(&gateway.namespace, &gateway.selector)],
            "ports": peers::ports(place.settings(), [gateway.port]),
        })
    });
    let cidrs = grants.cidrs.iter().map(|granted| {
        json!({
            "to": [{ "ipBlock": { "cidr": granted.cidr } }],
            "ports": peers::tcp(granted.ports.iter().copied()),
        })
    });
    services.chain(gateway).chain(cidrs).collect()
}
