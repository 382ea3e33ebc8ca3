use super::cidr::Cidr;
use super::namespace::{SelectedNamespaces, resolve_namespaces};
use crate::baseline::{DNS_PODS, DNS_PORT, ISTIOD_PODS, ISTIOD_PORT, NODE_LOCAL_DNS};
use crate::policy::object::{Direction, Located, NetworkPolicy, Path, Peer, Selector, TrafficRule};
use crate::policy::{Request, quote, quote_all};
use crate::snapshot::Tenant;

/// The owner of the pods or addresses that a peer of a NetworkPolicy allows.
#[derive(Debug)]
pub enum PeerOrigin {
    /// The tenant, or an owner for whom the tenant has a grant.
    Allowed,
    /// Any owner: the peer matches any pod or address. Holds the path and the message of the violation.
    Anyone(Path<'static>, String),
    /// Another owner, without a grant. Holds the path and the message of the violation.
    Foreign(Path<'static>, String),
}

/// Returns every peer that the NetworkPolicy allows, with its rule and its owner.
pub fn resolve_peers<'o>(
    request: &'o Request<'_>,
    policy: &'o NetworkPolicy<'o>,
) -> impl Iterator<Item = (TrafficRule<'o, 'o>, PeerOrigin)> {
    policy.rules().flat_map(move |rule| {
        let anyone = || {
            let message = format!("a rule without `{}` matches every pod and every address", rule.list());
            PeerOrigin::Anyone(rule.path(), message)
        };
        let anyone = rule.peers().value.is_empty().then(anyone);
        let peers = rule.peers().elements().map(move |peer| resolve_peer(request, &rule, peer));
        anyone.into_iter().chain(peers).map(move |origin| (rule, origin))
    })
}

/// Returns the owner of a peer.
fn resolve_peer(
    request: &Request<'_>,
    rule: &TrafficRule<'_, '_>,
    peer: Located<'static, &Peer<'_>>,
) -> PeerOrigin {
    if let Some(Located { value, path: field_path }) = peer.cidr() {
        let cidr = quote(value);
        return match Cidr::parse(value) {
            Some(range) if range.is_wide() => PeerOrigin::Anyone(
                field_path,
                format!("{cidr} is wider than /8, and can match the addresses of any pod"),
            ),
            Some(range) if is_allowed_range(request, rule, range) => PeerOrigin::Allowed,
            Some(_) => PeerOrigin::Foreign(field_path, outside(request, &cidr)),
            None => PeerOrigin::Foreign(
                field_path,
                format!("{cidr} is written in a way that programs read as different ranges"),
            ),
        };
    }
    let pods = peer.value.pod_selector.as_ref();
    let Some(Located { value: namespaces, path: field_path }) = peer.namespace_selector() else {
        return match pods {
            Some(_) => PeerOrigin::Allowed,
            None => PeerOrigin::Anyone(
                peer.path,
                "this peer has no selector and no `ipBlock`, so it matches every pod".to_owned(),
            ),
        };
    };
    match resolve_namespaces(request, namespaces, |name| is_allowed_namespace(request, rule, name, pods)) {
        SelectedNamespaces::Allowed => PeerOrigin::Allowed,
        SelectedNamespaces::Any => {
            let message = "this `namespaceSelector` names no namespace, and can match those of other tenants";
            PeerOrigin::Anyone(field_path, message.to_owned())
        }
        SelectedNamespaces::Foreign(names) => {
            PeerOrigin::Foreign(field_path, outside(request, &quote_all(&names)))
        }
    }
}

fn outside(request: &Request<'_>, named: &str) -> String {
    format!(
        "this peer names {named}, which is outside tenant {} and covered by no grant",
        request.tenant_name()
    )
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
