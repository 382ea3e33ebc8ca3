use serde_json::json;

use super::{Body, ClusterSite, Kind, Object};
use crate::snapshot::Snapshot;

/// What is the platform's and in the mesh stays as open as it was. Not in the root namespace: what is allowed there is
/// allowed everywhere.
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

/// Whether the mesh takes in the pods of the namespace.
fn is_meshed(snapshot: &Snapshot, namespace: &str) -> bool {
    let labels = snapshot.namespace(namespace).map(|known| &known.labels);
    let keys = super::super::MESH_LABELS;
    labels.is_some_and(|labels| labels.iter().any(|(key, _)| keys.contains(&&**key)))
}
