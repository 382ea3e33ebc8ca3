use serde_json::json;

use super::{Body, Kind, Object, Spot};
use crate::world::World;

/// Keeps platform namespaces in the mesh as open as they were before the mesh-wide deny. The mesh's root namespace
/// gets no such policy: a policy there allows for the whole mesh.
pub(super) const fn object<'w>() -> Object<Spot<'w>> {
    Object {
        kind: Kind::AuthorizationPolicy,
        name: "bulkhead-platform",
        body: Body::Where(|spot| {
            let settings = &spot.world.settings;
            let is_meshed = spot.namespace.is_some_and(|name| is_meshed(spot.world, name));
            let is_root = spot.namespace == Some(settings.mesh_root.as_str());
            let is_needed = settings.denies_all() && is_meshed && !is_root;
            is_needed.then(|| json!({ "spec": { "action": "ALLOW", "rules": [{}] } }))
        }),
    }
}

/// True if the pods of the namespace are in the mesh.
fn is_meshed(world: &World, namespace: &str) -> bool {
    let labels = world.namespace(namespace).map(|known| &known.labels);
    let keys = super::super::MESH_LABELS;
    labels.is_some_and(|labels| labels.iter().any(|(key, _)| keys.contains(&&**key)))
}
