use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Body, Object, ServiceSite, network};
use crate::keys::TENANT_LABEL;
use crate::kinds::Kind;

/// Allows ingress from the tenants that reach the service, on the ports that they call without a waypoint. Allows
/// egress only to DNS, the mesh, the API servers, its own namespace, those in its `egress`, and the tenants that it
/// may call: a shared service must not be a path from one tenant to another.
pub(super) const fn object<'w>() -> Object<ServiceSite<'w>> {
    Object { kind: Kind::NetworkPolicy, name: "", body: Body::Always(body) }
}

fn body(site: ServiceSite<'_>) -> Value {
    let settings = site.settings();
    let tenants = reaching_tenants(site);
    let mut ingress = vec![json!({ "from": [{ "podSelector": {} }] })];
    let mut direct = site.direct_ports().map(|port| port.port).peekable();
    if !tenants.is_empty() && direct.peek().is_some() {
        ingress.push(
            json!({ "from": [namespaces_of(&tenants)], "ports": network::ports(site.snapshot, direct) }),
        );
    }
    ingress.extend(site.snapshot.has_captured_pods().then(network::probes));
    let endpoints = &site.snapshot.endpoints;
    let mut egress = vec![json!({ "to": [{ "podSelector": {} }] })];
    egress.extend(network::dns(settings, endpoints));
    egress.push(network::istiod(settings));
    egress.extend(network::api_servers(endpoints));
    let hosts = site.service.egress.iter();
    let namespaces: BTreeSet<&str> = hosts.filter_map(|host| Some(host.split_once('/')?.0)).collect();
    egress.extend(namespaces.into_iter().map(|name| json!({ "to": [network::namespace(name)] })));
    let calls: Vec<&str> = site.service.calls_tenants.iter().map(String::as_str).collect();
    if !calls.is_empty() {
        egress.push(json!({ "to": [namespaces_of(&calls)] }));
    }
    json!({ "spec": {
        "podSelector": site.selector(),
        "policyTypes": ["Ingress", "Egress"],
        "ingress": ingress,
        "egress": egress,
    } })
}

/// Returns the names of the tenants that reach the service.
pub(super) fn reaching_tenants(site: ServiceSite<'_>) -> Vec<&str> {
    site.snapshot.tenants_reaching(site.service).map(|tenant| tenant.name.as_str()).collect()
}

/// Returns a peer that matches all pods of the tenants.
pub(super) fn namespaces_of(tenants: &[&str]) -> Value {
    json!({ "namespaceSelector": {
        "matchExpressions": [{ "key": TENANT_LABEL, "operator": "In", "values": tenants }],
    } })
}
