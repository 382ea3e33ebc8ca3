//! Peers of NetworkPolicies.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::cidr::Cidr;
use super::namespaces::{SelectedNamespaces, select};
use super::{Claim, Owner};
use crate::baseline::{DNS_PORTS, ISTIOD_PODS, ISTIOD_PORT, Port, dns_addresses, dns_ports, mesh_ports};
use crate::policy::Request;
use crate::policy::object::{Direction, Located, NetworkPolicy, Peer, Selector, TrafficRule, UnreadSelector};

/// Returns the claims that a NetworkPolicy makes. A peer with only a `podSelector` makes none: it selects pods of the
/// policy's own namespace.
pub(super) fn claims<'o>(policy: &'o NetworkPolicy<'o>) -> impl Iterator<Item = Located<'o, Claim<'o>>> {
    policy.rules().flat_map(|rule| {
        let no_peers =
            rule.allows_all_peers().then(|| Located { value: Claim::NoPeers(rule), path: rule.path() });
        no_peers.into_iter().chain(rule.peers_elsewhere().map(move |peer| claim(rule, peer)))
    })
}

fn claim<'o>(rule: TrafficRule<'o, 'o>, peer: Located<'static, &'o Peer<'o>>) -> Located<'o, Claim<'o>> {
    if let Some(Located { value, path }) = peer.cidr() {
        return Located { value: Claim::Cidr(rule, value), path };
    }
    let pods = peer.value.pod_selector;
    match peer.namespace_selector() {
        Some(Located { value: namespaces, path }) => {
            Located { value: Claim::Namespaces { rule, namespaces, pods }, path }
        }
        None => Located { value: Claim::EmptyPeer(rule), path: peer.path },
    }
}

pub(super) fn resolve_range(request: &Request<'_>, rule: &TrafficRule<'_, '_>, range: &str) -> Owner {
    match Cidr::parse(range) {
        Some(range) if range.is_wide() => Owner::Anyone,
        Some(range) if is_allowed_range(request, rule, range) => Owner::Granted,
        Some(_) => Owner::Foreign,
        None => Owner::Malformed,
    }
}

pub(super) fn resolve_namespaces(
    request: &Request<'_>,
    rule: &TrafficRule<'_, '_>,
    namespaces: &Selector<'_>,
    pods: Option<UnreadSelector<'_>>,
) -> Owner {
    match selected_namespaces(request, rule, namespaces, pods) {
        SelectedNamespaces::Allowed => Owner::Granted,
        SelectedNamespaces::Any => Owner::Anyone,
        SelectedNamespaces::Foreign(_) => Owner::Foreign,
    }
}

pub(super) fn selected_namespaces<'o>(
    request: &Request<'_>,
    rule: &TrafficRule<'_, '_>,
    namespaces: &'o Selector<'_>,
    pods: Option<UnreadSelector<'_>>,
) -> SelectedNamespaces<'o> {
    let pods = pods.map(UnreadSelector::read);
    select(request, namespaces, |name| is_allowed_namespace(request, rule, name, pods.as_ref()))
}

/// Pods of a foreign namespace that the tenant may call, and the ports on which it may call them.
pub(super) struct Destination<'s> {
    pub(super) pods: Vec<(&'s str, &'s str)>,
    pub(super) ports: Vec<Port>,
}

/// Returns the pods of the foreign namespace `name` that the baseline lets the tenant call.
pub(super) fn destinations<'r>(request: &Request<'r>, name: &str) -> Vec<Destination<'r>> {
    fn labels(selector: &BTreeMap<String, String>) -> Vec<(&str, &str)> {
        selector.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
    }
    let snapshot = request.snapshot;
    let settings = &snapshot.settings;
    let mut found = Vec::new();
    if name == settings.dns.namespace {
        let ports = dns_ports(settings.dns.pod_port).to_vec();
        found.push(Destination { pods: labels(&settings.dns.pod_labels), ports });
    }
    if name == settings.mesh_root {
        found.push(Destination { pods: vec![ISTIOD_PODS], ports: vec![ISTIOD_PORT] });
    }
    let Some(tenant) = request.tenant_object() else { return found };
    for service in snapshot.reachable_services(tenant).filter(|service| service.namespace == name) {
        let ports = mesh_ports(snapshot, service.ports.iter().map(|port| port.port)).collect();
        found.push(Destination { pods: labels(&service.selector), ports });
    }
    if let Some(gateway) = snapshot.egress_gateway(tenant).filter(|gateway| gateway.namespace == name) {
        let ports = mesh_ports(snapshot, [gateway.port]).collect();
        found.push(Destination { pods: labels(&gateway.selector), ports });
    }
    found
}

/// True if the tenant may name the foreign namespace `name` for these pods in it, in this rule. For egress, pods and
/// ports must be within the same grants. For ingress, the namespace is enough, and the ports of a granted caller: a
/// tenant that lets in other pods of that namespace harms only itself.
fn is_allowed_namespace(
    request: &Request<'_>,
    rule: &TrafficRule<'_, '_>,
    name: &str,
    pods: Option<&Selector<'_>>,
) -> bool {
    match rule.direction {
        Direction::In => is_allowed_source(request, rule, name),
        Direction::Out => {
            // Many charts name DNS and istiod by namespace and port only. No other pod there has these ports.
            let settings = &request.snapshot.settings;
            let Some(pods) = pods else {
                return name == settings.dns.namespace && rule.allows_only(&dns_ports(settings.dns.pod_port))
                    || name == settings.mesh_root && rule.allows_only(&[ISTIOD_PORT]);
            };
            let mut granted = Vec::new();
            for destination in destinations(request, name) {
                if destination.pods.iter().all(|(key, value)| pods.requires(key, value)) {
                    granted.extend(destination.ports);
                }
            }
            rule.allows_only(&granted)
        }
    }
}

fn is_allowed_source(request: &Request<'_>, rule: &TrafficRule<'_, '_>, name: &str) -> bool {
    let snapshot = request.snapshot;
    let Some(tenant) = request.tenant_object() else { return false };
    let callers: Vec<_> = tenant.grants.callers.iter().filter(|caller| caller.namespace == name).collect();
    let ports = callers.iter().flat_map(|caller| caller.ports.iter().copied());
    let ports: Vec<Port> = mesh_ports(snapshot, ports).collect();
    snapshot.gateways(tenant).any(|gateway| gateway.namespace() == name)
        || snapshot.services_calling(&tenant.name).any(|service| service.namespace == name)
        || callers.iter().any(|caller| caller.ports.is_empty())
        || (!callers.is_empty() && rule.allows_only(&ports))
}

/// True if the tenant may name `range` for the rule's ports and, for ingress, for the pods of the policy.
fn is_allowed_range(request: &Request<'_>, rule: &TrafficRule<'_, '_>, range: Cidr) -> bool {
    let endpoints = &request.snapshot.endpoints;
    let grants = request.tenant_object().map(|tenant| &tenant.grants);
    let is_server = |(address, _): &&(IpAddr, u16)| range.is_exactly(*address);
    let granted: Vec<Port> = match rule.direction {
        Direction::In if endpoints.api_servers.iter().any(|server| is_server(&server)) => {
            let callbacks = grants.into_iter().flat_map(|grants| &grants.api_server_callbacks);
            let callbacks = callbacks.filter(|callback| rule.is_for(&callback.selector));
            callbacks.map(|callback| Port::tcp(callback.port)).collect()
        }
        Direction::In => return false,
        Direction::Out => {
            let mut dns = dns_addresses(&request.snapshot.settings, endpoints);
            let dns = dns.any(|address| range.is_exactly(*address)).then_some(DNS_PORTS);
            let servers = endpoints.api_servers.iter().filter(is_server).map(|(_, port)| *port);
            let cidrs = grants.into_iter().flat_map(|grants| &grants.reach.cidrs);
            let cidrs = cidrs.filter(|granted| range.is_within(&granted.cidr));
            let ranges = cidrs.flat_map(Port::of_range);
            dns.into_iter().flatten().chain(servers.map(Port::tcp)).chain(ranges).collect()
        }
    };
    rule.allows_only(&granted)
}
