use super::cidr::Cidr;
use super::namespace::{Picked, picked};
use crate::baseline::{DNS_PODS, DNS_PORT, ISTIOD_PODS, ISTIOD_PORT, NODE_LOCAL_DNS};
use crate::policy::object::{Direction, NetworkPolicy, Opening, Peer, Selector, Spec};
use crate::policy::path::Path;
use crate::policy::{Scope, quote, quote_all};
use crate::snapshot::Tenant;

/// Whose the pods or the addresses are that a peer of a network policy lets through.
#[derive(Debug)]
pub enum Whose {
    /// The tenant's, or granted to it.
    Known,
    /// Everybody's: what does, and where it stands.
    Everybody(Path<'static>, String),
    /// Another's: what names it, and where it stands.
    Foreign(Path<'static>, String),
}

/// Every peer that the network policy which is written lets through, with its rule, and whose that is.
pub fn peers<'r>(scope: &Scope<'r>) -> impl Iterator<Item = (Opening<'r, 'r>, Whose)> {
    let policy = match scope.spec_beside_the_baseline() {
        Some(Spec::NetworkPolicy(policy)) => Some(policy),
        _ => None,
    };
    policy.into_iter().flat_map(NetworkPolicy::openings).flat_map(move |opening| {
        let nobody = || {
            let message = format!("a rule without `{}` matches every pod and every address", opening.list());
            Whose::Everybody(opening.path(), message)
        };
        let nobody = opening.peers.is_empty().then(nobody);
        let peers = opening.peers.iter().enumerate();
        let peers = peers.map(move |(index, peer)| whose(scope, &opening, index, peer));
        nobody.into_iter().chain(peers).map(move |whose| (opening, whose))
    })
}

/// Whose the peer at `index` is.
fn whose(scope: &Scope<'_>, opening: &Opening<'_, '_>, index: usize, peer: &Peer<'_>) -> Whose {
    let path = opening.peer_path(index);
    if let Some(block) = &peer.ip_block {
        let at = path.fields(&["ipBlock", "cidr"]);
        let said = quote(&block.cidr);
        return match Cidr::parse(&block.cidr) {
            Some(range) if range.is_wide() => Whose::Everybody(
                at,
                format!("{said} is wider than /8, and can match the addresses of any pod"),
            ),
            Some(range) if is_known_range(scope, opening, range) => Whose::Known,
            Some(_) => Whose::Foreign(at, outside(scope, &said)),
            None => Whose::Foreign(
                at,
                format!("{said} is written in a way that programs read as different ranges"),
            ),
        };
    }
    let Some(namespaces) = &peer.namespace_selector else {
        return match peer.pod_selector {
            Some(_) => Whose::Known,
            None => Whose::Everybody(
                path,
                "this peer has no selector and no `ipBlock`, so it matches every pod".to_owned(),
            ),
        };
    };
    let pods = peer.pod_selector.as_ref();
    let at = path.fields(&["namespaceSelector"]);
    match picked(scope, namespaces, |name| is_known_namespace(scope, opening, name, pods)) {
        Picked::Known => Whose::Known,
        Picked::Any => {
            let message = "this `namespaceSelector` names no namespace, and can match those of other tenants";
            Whose::Everybody(at, message.to_owned())
        }
        Picked::Foreign(names) => Whose::Foreign(at, outside(scope, &quote_all(&names))),
    }
}

fn outside(scope: &Scope<'_>, named: &str) -> String {
    format!(
        "this peer names {named}, which is outside tenant {} and covered by no grant",
        scope.tenant_name()
    )
}

/// Whether a namespace beyond the tenant's own may be named for these pods in it. Whom a tenant lets in harms itself
/// alone, so that his namespace is enough; what it goes out to is another's.
fn is_known_namespace(
    scope: &Scope<'_>,
    opening: &Opening<'_, '_>,
    name: &str,
    pods: Option<&Selector<'_>>,
) -> bool {
    let (snapshot, tenant) = (scope.snapshot, scope.tenant.and_then(|(_, tenant)| tenant));
    let are = |(key, value): (&str, &str)| pods.is_some_and(|pods| pods.has(key, value));
    match opening.direction {
        Direction::In => tenant.is_some_and(|tenant| {
            snapshot.gateways(tenant).any(|gateway| gateway.namespace() == name)
                || tenant.grants.callers.iter().any(|caller| caller.namespace == name)
                || snapshot.services_calling(&tenant.name).any(|service| service.namespace == name)
        }),
        Direction::Out => {
            let is_dns = name == "kube-system" && (are(DNS_PODS) || opening.is_only_for(&[DNS_PORT]));
            let is_mesh =
                name == snapshot.settings.mesh_root && (are(ISTIOD_PODS) || opening.is_only_for(&[ISTIOD_PORT]));
            let is_reached = |tenant: &Tenant| {
                let mut services = snapshot.reachable_services(tenant);
                let gateway = snapshot.egress_gateway(tenant);
                let are = |labels| pods.is_some_and(|pods| pods.has_all(labels));
                services.any(|service| service.namespace == name && are(&service.selector))
                    || gateway.is_some_and(|gateway| gateway.namespace == name && are(&gateway.selector))
            };
            is_dns || is_mesh || tenant.is_some_and(is_reached)
        }
    }
}

/// Whether a range may be named for these ports.
fn is_known_range(scope: &Scope<'_>, opening: &Opening<'_, '_>, range: Cidr) -> bool {
    let around = &scope.snapshot.endpoints;
    let tenant = scope.tenant.and_then(|(_, tenant)| tenant);
    let mut servers = around.api_servers.iter();
    match opening.direction {
        Direction::In => {
            let is_called = tenant.is_some_and(|tenant| !tenant.grants.api_server_callbacks.is_empty());
            is_called && servers.any(|(address, _)| range.is(*address))
        }
        Direction::Out => {
            let is_dns = opening.is_only_for(&[DNS_PORT])
                && around.dns.iter().chain([&NODE_LOCAL_DNS]).any(|address| range.is(*address));
            let is_granted = |tenant: &Tenant| {
                let mut granted = tenant.grants.reach.cidrs.iter();
                opening.is_only_tcp()
                    && granted
                        .any(|granted| range.is_within(&granted.cidr) && opening.is_only_for(&granted.ports))
            };
            is_dns
                || servers.any(|(address, port)| range.is(*address) && opening.is_only_for(&[*port]))
                || tenant.is_some_and(is_granted)
        }
    }
}
