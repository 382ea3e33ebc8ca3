use std::iter::once;

use serde_json::{Value, json};

use super::{Body, Kind, Object, Place, peers};
use crate::settings::Dataplane;
use crate::world::{Tenant, World};

/// Limits the tenant's proxies to its own services, the mesh, the API server, DNS and the shared services that it
/// reaches. Not created with the ambient dataplane, where no proxy reads it.
pub(super) const fn object<'w>() -> Object<Place<'w>> {
    Object { kind: Kind::Sidecar, name: "default", body: Body::Where(body) }
}

fn body(place: Place<'_>) -> Option<Value> {
    let settings = place.settings();
    if settings.dataplane == Dataplane::Ambient {
        return None;
    }
    let siblings = place.own().into_iter().filter(|name| *name != place.namespace);
    let named = known_hosts(place.world, place.tenant).map(|(namespace, name)| format!("{namespace}/{name}"));
    let hosts: Vec<String> = once("./*".to_owned())
        .chain(siblings.map(|name| format!("{name}/*")))
        .chain([format!("{}/*", settings.mesh_root)])
        .chain(named)
        .collect();
    let mode = settings.outbound.name();
    Some(json!({ "spec": { "egress": [{ "hosts": hosts }], "outboundTrafficPolicy": { "mode": mode } } }))
}

/// Returns the hosts that the tenant's proxies know by name, each with its namespace: the API server, DNS, and the
/// shared services that the tenant reaches.
pub fn known_hosts<'w>(
    world: &'w World,
    tenant: &'w Tenant,
) -> impl Iterator<Item = (&'w str, String)> + use<'w> {
    let reached = world.reached(tenant).map(|service| peers::host(&service.namespace, &service.service));
    peers::hosts_of_all(&world.settings).chain(reached)
}
