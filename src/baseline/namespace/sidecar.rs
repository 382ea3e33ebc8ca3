use std::iter::once;

use serde_json::{Value, json};

use super::{Body, Kind, Object, Place, peers};
use crate::settings::Dataplane;
use crate::snapshot::{Tenant, Snapshot};

/// What the tenant's proxies know: its own services, the mesh, the API server, DNS, and what it reaches. Nobody reads
/// it with the ambient dataplane.
pub(super) const fn object<'w>() -> Object<Place<'w>> {
    Object { kind: Kind::Sidecar, name: "default", body: Body::Where(body) }
}

fn body(place: Place<'_>) -> Option<Value> {
    let settings = place.settings();
    if settings.dataplane == Dataplane::Ambient {
        return None;
    }
    let siblings = place.own().into_iter().filter(|name| *name != place.namespace);
    let named = known_hosts(place.snapshot, place.tenant).map(|(namespace, name)| format!("{namespace}/{name}"));
    let hosts: Vec<String> = once("./*".to_owned())
        .chain(siblings.map(|name| format!("{name}/*")))
        .chain([format!("{}/*", settings.mesh_root)])
        .chain(named)
        .collect();
    let mode = settings.outbound.name();
    Some(json!({ "spec": { "egress": [{ "hosts": hosts }], "outboundTrafficPolicy": { "mode": mode } } }))
}

/// What the tenant's proxies know by name, each with its namespace: the API server, DNS, and what the tenant reaches.
pub fn known_hosts<'w>(
    snapshot: &'w Snapshot,
    tenant: &'w Tenant,
) -> impl Iterator<Item = (&'w str, String)> + use<'w> {
    let reachable_services = snapshot.reachable_services(tenant).map(|service| peers::host(&service.namespace, &service.service));
    peers::hosts_of_all(&snapshot.settings).chain(reachable_services)
}
