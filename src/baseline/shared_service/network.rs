use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Body, Kind, Object, Served, peers};
use crate::world::TENANT_LABEL;

/// Allows ingress from the tenants that reach the service, on its ports. Allows egress only to DNS, the mesh, the
/// API servers, its own namespace, those in its `egress`, and the tenants that it may call: a shared service must
/// not be a path from one tenant to another.
pub(super) const fn object<'w>() -> Object<Served<'w>> {
    Object { kind: Kind::NetworkPolicy, name: "", body: Body::Always(body) }
}

fn body(served: Served<'_>) -> Value {
    let settings = &served.world.settings;
    let tenants: Vec<&str> =
        served.world.reaching(served.service).map(|tenant| tenant.name.as_str()).collect();
    let labelled = |tenants: &[&str]| {
        json!({ "namespaceSelector": {
            "matchExpressions": [{ "key": TENANT_LABEL, "operator": "In", "values": tenants }],
        } })
    };
    let ports = peers::ports(settings, served.service.ports.iter().map(|port| port.port));
    let mut ingress = vec![json!({ "from": [{ "podSelector": {} }] })];
    if !tenants.is_empty() {
        ingress.push(json!({ "from": [labelled(&tenants)], "ports": ports }));
    }
    let surroundings = &served.world.surroundings;
    let mut egress =
        vec![json!({ "to": [{ "podSelector": {} }] }), peers::dns(surroundings), peers::istiod(settings)];
    egress.extend(peers::api_servers(surroundings));
    let hosts = served.service.egress.iter();
    let namespaces: BTreeSet<&str> = hosts.filter_map(|host| Some(host.split_once('/')?.0)).collect();
    egress.extend(namespaces.into_iter().map(|name| json!({ "to": [peers::namespace(name)] })));
    let calls: Vec<&str> = served.service.calls_tenants.iter().map(String::as_str).collect();
    if !calls.is_empty() {
        egress.push(json!({ "to": [labelled(&calls)] }));
    }
    json!({ "spec": {
        "podSelector": served.selector(),
        "policyTypes": ["Ingress", "Egress"],
        "ingress": ingress,
        "egress": egress,
    } })
}
