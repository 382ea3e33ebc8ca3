use serde_json::json;

use super::{Body, ClusterSite, Object};
use crate::keys::MESH_LABELS;
use crate::kinds::Kind;
use crate::snapshot::Snapshot;

/// Keeps platform namespaces in the mesh as open as they were before the mesh-wide deny. The mesh's root namespace
/// gets no such policy: a policy there allows for the whole mesh.
pub(super) const fn object<'w>() -> Object<ClusterSite<'w>> {
    Object {
        kind: Kind::AuthorizationPolicy,
        name: "bulkhead-platform",
        body: Body::Optional(|site| {
            let settings = &site.snapshot.settings;
            let is_meshed = site.namespace.is_some_and(|name| is_meshed(site.snapshot, name));
            let is_root = site.namespace == Some(settings.mesh_root.as_str());
            let is_needed = settings.denies_all() && is_meshed && !is_root;
            is_needed.then(|| json!({ "spec": { "action": "ALLOW", "rules": [{}] } }))
        }),
    }
}

/// True if the pods of the namespace are in the mesh.
fn is_meshed(snapshot: &Snapshot, namespace: &str) -> bool {
    let labels = snapshot.namespace(namespace).map(|known| &known.labels);
    labels.is_some_and(|labels| labels.iter().any(|(key, _)| MESH_LABELS.contains(&&**key)))
}
