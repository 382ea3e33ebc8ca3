use super::{Owner, host};
use crate::baseline::CLUSTER_DOMAIN;
use crate::policy::Request;
use crate::snapshot::covers_host;

/// Resolves the host name to which a Service of type `ExternalName` leads: DNS, gateways and proxies follow it.
pub(super) fn resolve(request: &Request<'_>, name: &str) -> Owner {
    // Without a name, the Service leads nowhere.
    if name.is_empty() {
        return Owner::Own;
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    if !is_full_name(name) {
        return Owner::Malformed;
    }
    match service_of(name) {
        Some((_, namespace)) if request.owns(namespace) => Owner::Own,
        Some((service, namespace)) => granted_service(request, service, namespace),
        None if is_in_cluster(name) => Owner::Foreign,
        None => granted_host(request, name),
    }
}

/// True if every program reads the text as the same host: it has several labels, and the last one is no number, which
/// would make it an address.
fn is_full_name(name: &str) -> bool {
    let starts_with_a_letter = |label: &str| label.starts_with(|letter: char| letter.is_ascii_lowercase());
    host::is_dns_name(name) && name.rsplit_once('.').is_some_and(|(_, last)| starts_with_a_letter(last))
}

/// Splits `SERVICE.NAMESPACE.svc.cluster.local` into the namespace and what comes before it. A pod of a headless Service
/// has a longer name. Without the domain of the cluster, the name can be one of another DNS.
fn service_of(name: &str) -> Option<(&str, &str)> {
    name.strip_suffix(CLUSTER_DOMAIN)?.strip_suffix('.')?.rsplit_once('.')
}

/// True if the name can be another one of the cluster, or of the program's own node. The name of a pod contains any
/// address.
fn is_in_cluster(name: &str) -> bool {
    name.split('.').skip(1).any(|label| matches!(label, "svc" | "pod"))
        || name.ends_with(".cluster.local")
        || name.ends_with(".localhost")
}

/// Resolves a Service outside the tenant: a shared service that the tenant reaches is granted.
fn granted_service(request: &Request<'_>, service: &str, namespace: &str) -> Owner {
    let tenant = request.tenant_object();
    let mut reachable = tenant.into_iter().flat_map(|tenant| request.snapshot.reachable_services(tenant));
    if reachable.any(|known| known.namespace == namespace && known.service == service) {
        Owner::Granted
    } else {
        Owner::Foreign
    }
}

/// Resolves a host outside the cluster.
fn granted_host(request: &Request<'_>, name: &str) -> Owner {
    let mut granted = request.tenant_object().into_iter().flat_map(|tenant| &tenant.grants.reach.hosts);
    if granted.any(|granted| covers_host(granted, name)) { Owner::Granted } else { Owner::Foreign }
}
