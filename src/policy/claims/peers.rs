//! Peers of NetworkPolicies.

use super::cidr::Cidr;
use super::namespaces::{SelectedNamespaces, select};
use super::{Claim, Owner};
use crate::baseline::{DNS_PODS, DNS_PORT, ISTIOD_PODS, ISTIOD_PORT, NODE_LOCAL_DNS};
use crate::policy::Request;
use crate::policy::object::{Direction, Located, NetworkPolicy, Peer, Selector, TrafficRule};
use crate::snapshot::Tenant;

/// Returns the claims that a NetworkPolicy makes. A peer with only a `podSelector` makes none: it selects pods of the
/// policy's own namespace.
pub(super) fn claims<'o>(policy: &'o NetworkPolicy<'o>) -> impl Iterator<Item = Located<'o, Claim<'o>>> {
    policy.rules().flat_map(|rule| {
        let peers = rule.peers();
        let no_peers =
            peers.value.is_empty().then(|| Located { value: Claim::NoPeers(rule), path: rule.path() });
        no_peers.into_iter().chain(peers.elements().filter_map(move |peer| claim(rule, peer)))
    })
}

fn claim<'o>(
    rule: TrafficRule<'o, 'o>,
    peer: Located<'static, &'o Peer<'o>>,
) -> Option<Located<'o, Claim<'o>>> {
    if let Some(Located { value, path }) = peer.cidr() {
        return Some(Located { value: Claim::Cidr(rule, value), path });
    }
    let pods = peer.value.pod_selector.as_ref();
    match peer.namespace_selector() {
        Some(Located { value: namespaces, path }) => {
            Some(Located { value: Claim::Namespaces { rule, namespaces, pods }, path })
        }
        None if pods.is_some() => None,
        None => Some(Located { value: Claim::EmptyPeer(rule), path: peer.path }),
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
    pods: Option<&Selector<'_>>,
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
    pods: Option<&Selector<'_>>,
) -> SelectedNamespaces<'o> {
    select(request, namespaces, |name| is_allowed_namespace(request, rule, name, pods))
}

/// True if the tenant may name the foreign namespace `name` for these pods in it. For ingress, a grant for the
/// namespace is enough, because a tenant that allows too much harms only itself. For egress, the pods must be covered
/// too, because they belong to someone else.
fn is_allowed_namespace(
    request: &Request<'_>,
    rule: &TrafficRule<'_, '_>,
    name: &str,
    pods: Option<&Selector<'_>>,
) -> bool {
    let (snapshot, tenant) = (request.snapshot, request.tenant.and_then(|(_, tenant)| tenant));
    let pods_have = |(key, value): (&str, &str)| pods.is_some_and(|pods| pods.requires(key, value));
    match rule.direction {
        Direction::In => tenant.is_some_and(|tenant| {
            snapshot.gateways(tenant).any(|gateway| gateway.namespace() == name)
                || tenant.grants.callers.iter().any(|caller| caller.namespace == name)
                || snapshot.services_calling(&tenant.name).any(|service| service.namespace == name)
        }),
        Direction::Out => {
            let is_dns =
                name == "kube-system" && (pods_have(DNS_PODS) || rule.allows_only_ports(&[DNS_PORT]));
            let is_mesh = name == snapshot.settings.mesh_root
                && (pods_have(ISTIOD_PODS) || rule.allows_only_ports(&[ISTIOD_PORT]));
            let is_granted = |tenant: &Tenant| {
                let mut services = snapshot.reachable_services(tenant);
                let gateway = snapshot.egress_gateway(tenant);
                let pods_have = |labels| pods.is_some_and(|pods| pods.requires_all(labels));
                services.any(|service| service.namespace == name && pods_have(&service.selector))
                    || gateway
                        .is_some_and(|gateway| gateway.namespace == name && pods_have(&gateway.selector))
            };
            is_dns || is_mesh || tenant.is_some_and(is_granted)
        }
    }
}

/// True if the tenant may name `range` for the rule's ports.
fn is_allowed_range(request: &Request<'_>, rule: &TrafficRule<'_, '_>, range: Cidr) -> bool {
    let endpoints = &request.snapshot.endpoints;
    let tenant = request.tenant.and_then(|(_, tenant)| tenant);
    let mut api_servers = endpoints.api_servers.iter();
    match rule.direction {
        Direction::In => {
            let has_callbacks = tenant.is_some_and(|tenant| !tenant.grants.api_server_callbacks.is_empty());
            has_callbacks && api_servers.any(|(address, _)| range.is_exactly(*address))
        }
        Direction::Out => {
            let is_dns = rule.allows_only_ports(&[DNS_PORT])
                && endpoints.dns.iter().chain([&NODE_LOCAL_DNS]).any(|address| range.is_exactly(*address));
            let is_granted = |tenant: &Tenant| {
                let mut granted = tenant.grants.reach.cidrs.iter();
                rule.allows_only_tcp()
                    && granted.any(|granted| {
                        range.is_within(&granted.cidr) && rule.allows_only_ports(&granted.ports)
                    })
            };
            is_dns
                || api_servers
                    .any(|(address, port)| range.is_exactly(*address) && rule.allows_only_ports(&[*port]))
                || tenant.is_some_and(is_granted)
        }
    }
}
