//! Hosts in the mesh's kinds, as istiod and the proxies read them.
//!
//! Istiod adds the object's namespace to a short name, and takes every other name as it is. A proxy answers to a
//! Service's full name, to `NAME.NAMESPACE.svc` and `NAME.NAMESPACE`, each also with a dot at the end.

use std::net::IpAddr;

use super::Owner;
use crate::baseline;
use crate::kinds::Kind;
use crate::policy::Request;
use crate::snapshot::{NamespaceOwner, covers_host};

/// The domains of the Services of this cluster and of a set of clusters, and the form without one.
const SERVICE_DOMAINS: [&str; 3] = [".svc.cluster.local", ".svc.clusterset.local", ".svc"];
const CLUSTER_DOMAINS: [&str; 2] = ["cluster.local", "clusterset.local"];

pub(super) fn resolve(request: &Request<'_>, host: &str) -> Owner {
    match Name::parse(host) {
        None => Owner::Malformed,
        Some(name) if request.tenant.is_none() => resolve_outside_tenants(request, &name),
        Some(Name::All | Name::Any) => Owner::Anyone,
        // Every namespace has such a name.
        Some(Name::Short) if !has_own_namespace(request.kind) => Owner::Anyone,
        Some(Name::Short) => Owner::Own,
        Some(Name::Service { name, namespace }) => owner_of_service(request, namespace, name),
        Some(Name::Dotted(host)) => {
            let owner = host.rsplit_once('.').map(|(name, last)| owner_of_service(request, last, name));
            owner.filter(|owner| *owner != Owner::Foreign).unwrap_or_else(|| owner_of_outside(request, host))
        }
        Some(Name::Address | Name::Cluster) => Owner::Foreign,
    }
}

/// Resolves a host that the object serves. Gateways serve Ingresses and routes of the Gateway API to all callers: it is
/// not enough that the tenant may call the host.
pub(super) fn resolve_served(request: &Request<'_>, host: &str) -> Owner {
    match resolve(request, host) {
        Owner::Granted if request.kind == Kind::Ingress || request.kind.is_route() => Owner::Foreign,
        owner => owner,
    }
}

/// Resolves a host in a namespace of no tenant: other hosts than those of tenants and shared services concern no one.
fn resolve_outside_tenants(request: &Request<'_>, name: &Name<'_>) -> Owner {
    let snapshot = request.snapshot;
    let is_protected = |namespace| is_protected(request, namespace);
    let is_served = |host: &str| {
        let mut served = snapshot.tenants().flat_map(|tenant| &tenant.grants.serve.hosts);
        served.any(|served| covers_host(served, host) || covers_host(host, served))
    };
    let is_foreign = match *name {
        Name::Any => return Owner::Anyone,
        Name::Short if request.kind == Kind::ServiceEntry => return Owner::Anyone,
        Name::Service { namespace, .. } => is_protected(namespace),
        Name::Dotted(host) => {
            host.rsplit_once('.').is_some_and(|(_, last)| is_protected(last)) || is_served(host)
        }
        // No route of the mesh may have it, and a gateway of the namespace may serve every name.
        Name::All | Name::Short | Name::Cluster | Name::Address => false,
    };
    if is_foreign { Owner::Foreign } else { Owner::Own }
}

/// True for the kinds in which istiod adds the object's namespace to a short name.
fn has_own_namespace(kind: Kind) -> bool {
    matches!(kind, Kind::VirtualService | Kind::DestinationRule)
}

/// True if the namespace belongs to a tenant, a shared service or the mesh.
pub(super) fn is_protected(request: &Request<'_>, namespace: &str) -> bool {
    let is_owned = matches!(
        request.snapshot.owner(namespace),
        Some(NamespaceOwner::Tenant(_) | NamespaceOwner::Orphaned(_) | NamespaceOwner::SharedService)
    );
    is_owned || request.snapshot.is_protected(namespace)
}

/// A host by its form.
#[derive(Debug, PartialEq, Eq)]
enum Name<'h> {
    /// Every name.
    All,
    /// A wildcard for Services of many namespaces.
    Any,
    /// A name without a dot.
    Short,
    /// A Service, a pod of it, or several: `*` is the first label of `name`.
    Service {
        name: &'h str,
        namespace: &'h str,
    },
    /// A name outside the cluster's domain. It can be a Service in the namespace of its last label.
    Dotted(&'h str),
    /// Another name in the domain of a cluster.
    Cluster,
    Address,
}

impl<'h> Name<'h> {
    /// Returns `None` for a name that programs read in different ways.
    fn parse(host: &'h str) -> Option<Self> {
        let address = || host.parse::<IpAddr>().ok().map(|_| Self::Address);
        let (host, is_absolute) = host.strip_suffix('.').map_or((host, false), |host| (host, true));
        if !is_dns_pattern(host) {
            return address();
        }
        if host == "*" {
            return Some(Self::All);
        }
        // A wildcard covers each name with this end.
        let is_covered = |end: &str| SERVICE_DOMAINS.iter().any(|domain| domain.ends_with(end));
        if host.strip_prefix('*').is_some_and(|end| is_covered(end) || !end.contains('.')) {
            return Some(Self::Any);
        }
        let Some((_, last)) = host.rsplit_once('.') else {
            // Istiod adds no namespace to a name with a dot at its end.
            return (!is_absolute).then_some(Self::Short);
        };
        if let Some(service) = SERVICE_DOMAINS.iter().find_map(|domain| host.strip_suffix(domain)) {
            return Self::service(service);
        }
        if CLUSTER_DOMAINS.iter().any(|domain| host.strip_suffix(domain).is_some_and(is_empty_or_parent)) {
            return Some(Self::Cluster);
        }
        // Some programs read a number at the end as an address.
        if last.bytes().all(|byte| byte.is_ascii_digit()) { address() } else { Some(Self::Dotted(host)) }
    }

    /// Returns the Service that `NAME.NAMESPACE` names. Istiod cuts a host at its first `.svc.`, so that a second one
    /// would make it the name of another Service.
    fn service(service: &'h str) -> Option<Self> {
        match service.rsplit_once('.') {
            Some((name, namespace)) => {
                let is_cut = namespace == "svc" || name.split('.').skip(1).any(|label| label == "svc");
                (!is_cut).then_some(Self::Service { name, namespace })
            }
            None => service.starts_with('*').then_some(Self::Any),
        }
    }
}

/// True if each label has only lower-case letters, digits and hyphens. Istiod distinguishes upper case, and Envoy does not.
pub(super) fn is_dns_name(name: &str) -> bool {
    let is_in_name =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    // Looks at every byte, which processors do for many bytes at once.
    let is_possible = name.bytes().fold(true, |is_possible, byte| is_possible & is_in_name(byte));
    is_possible && !name.is_empty() && !name.starts_with('.') && !name.ends_with('.') && !name.contains("..")
}

/// True for such a name, perhaps with a `*` in place of its beginning.
fn is_dns_pattern(host: &str) -> bool {
    match host.strip_prefix('*') {
        None => is_dns_name(host),
        Some(end) => end.is_empty() || is_dns_name(end.strip_prefix('.').unwrap_or(end)),
    }
}

/// True for the part of a name before a domain, with the dot between them.
fn is_empty_or_parent(before: &str) -> bool {
    before.is_empty() || before.ends_with('.')
}

/// True for a host that is no Service of the tenant: the wildcard of a ServiceEntry can cover it.
pub fn is_outside_cluster(request: &Request<'_>, host: &str) -> bool {
    let Some(Name::Dotted(host)) = Name::parse(host) else { return false };
    !host.rsplit_once('.').is_some_and(|(_, last)| request.owns(last))
}

/// Resolves a Service by its namespace and name.
pub(super) fn owner_of_service(request: &Request<'_>, namespace: &str, name: &str) -> Owner {
    if request.owns(namespace) {
        return Owner::Own;
    }
    let Some(tenant) = request.tenant_object() else { return Owner::Foreign };
    let egress = request.snapshot.egress_gateway(tenant);
    let egress = egress.map(|gateway| (gateway.namespace.as_str(), gateway.service.as_str()));
    let mut known = baseline::known_services(request.snapshot, tenant).chain(egress);
    if known.any(|service| service == (namespace, name)) { Owner::Granted } else { Owner::Foreign }
}

fn owner_of_outside(request: &Request<'_>, host: &str) -> Owner {
    let Some(tenant) = request.tenant_object() else { return Owner::Foreign };
    let is_in = |granted: &[String]| granted.iter().any(|granted| covers_host(granted, host));
    if is_in(&tenant.grants.serve.hosts) {
        Owner::Own
    } else if is_in(&tenant.grants.reach.hosts) {
        Owner::Granted
    } else {
        Owner::Foreign
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_by_their_form() {
        let service = |name, namespace| Some(Name::Service { name, namespace });
        for (host, name) in [
            ("web", Some(Name::Short)),
            ("web.", None),
            ("web.red", Some(Name::Dotted("web.red"))),
            ("web.red.svc", service("web", "red")),
            ("web.red.svc.cluster.local", service("web", "red")),
            ("web.red.svc.cluster.local.", service("web", "red")),
            ("web.red.svc.clusterset.local", service("web", "red")),
            ("db-0.db.red.svc.cluster.local", service("db-0.db", "red")),
            ("svc.red.svc.cluster.local", service("svc", "red")),
            ("*.red.svc.cluster.local", service("*", "red")),
            ("*b.red.svc", service("*b", "red")),
            ("web.red.svc.x.blue.svc.cluster.local", None),
            ("web.svc", None),
            ("*", Some(Name::All)),
            ("*b", Some(Name::Any)),
            ("*.local", Some(Name::Any)),
            ("*al", Some(Name::Any)),
            ("*.svc", Some(Name::Any)),
            ("*.cluster.local", Some(Name::Any)),
            ("*.svc.cluster.local", Some(Name::Any)),
            ("*-red.svc.cluster.local", Some(Name::Any)),
            ("*.example.com", Some(Name::Dotted("*.example.com"))),
            ("xn--bcher-kva.example", Some(Name::Dotted("xn--bcher-kva.example"))),
            ("10-0-0-1.red.pod.cluster.local", Some(Name::Cluster)),
            ("cluster.local", Some(Name::Cluster)),
            ("mycluster.local", Some(Name::Dotted("mycluster.local"))),
            ("10.0.0.1", Some(Name::Address)),
            ("fd00::1", Some(Name::Address)),
            ("10.1", None),
            ("010.0.0.1", None),
            ("Web.red.svc.cluster.local", None),
            ("b\u{fc}cher.example", None),
            ("web.red..svc.cluster.local", None),
            ("web.red.svc.cluster.local..", None),
            (".red.svc.cluster.local", None),
            ("web.*.svc.cluster.local", None),
            ("web:80", None),
            ("outbound_.80_._.web.red.svc.cluster.local", None),
            ("", None),
            (".", None),
        ] {
            assert_eq!(Name::parse(host), name, "{host}");
        }
    }
}
