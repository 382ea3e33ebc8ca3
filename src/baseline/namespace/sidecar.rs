use std::iter::once;

use serde_json::{Value, json};

use super::{Body, NamespaceSite, Object, network};
use crate::kinds::Kind;
use crate::snapshot::{Snapshot, Tenant};

/// Limits the tenant's proxies to its own services, the mesh, the API server, DNS and the shared services that it
/// reaches. A namespace with the ambient dataplane has it too: pods from before may still have a sidecar.
pub(super) const fn object<'w>() -> Object<NamespaceSite<'w>> {
    Object { kind: Kind::Sidecar, name: "default", body: Body::Always(body) }
}

fn body(site: NamespaceSite<'_>) -> Value {
    let settings = site.settings();
    let other_namespaces = site.trusted_namespaces().into_iter().filter(|name| *name != site.namespace);
    let known =
        known_hosts(site.snapshot, site.tenant).map(|(namespace, name)| format!("{namespace}/{name}"));
    let hosts: Vec<String> = once("./*".to_owned())
        .chain(other_namespaces.map(|name| format!("{name}/*")))
        .chain([format!("{}/*", settings.mesh_root)])
        .chain(known)
        .collect();
    let mode = settings.outbound.name();
    json!({ "spec": { "egress": [{ "hosts": hosts }], "outboundTrafficPolicy": { "mode": mode } } })
}

/// Returns the hosts that the tenant's proxies know by name, each with its namespace: the API server, DNS, and the
/// shared services that the tenant reaches.
pub fn known_hosts<'w>(
    snapshot: &'w Snapshot,
    tenant: &'w Tenant,
) -> impl Iterator<Item = (&'w str, String)> + use<'w> {
    known_services(snapshot, tenant).map(|(namespace, service)| network::host(namespace, service))
}

/// Returns the same Services, each with its namespace.
pub fn known_services<'w>(
    snapshot: &'w Snapshot,
    tenant: &'w Tenant,
) -> impl Iterator<Item = (&'w str, &'w str)> + use<'w> {
    let services = snapshot
        .reachable_services(tenant)
        .map(|service| (service.namespace.as_str(), service.service.as_str()));
    network::common_services(&snapshot.settings).chain(services)
}
