use serde_json::json;

use super::{Manifest, NAME_PREFIX};
use crate::kinds::Kind;
use crate::settings::Gateway;
use crate::snapshot::Snapshot;

/// Allows all calls to a gateway. It accepts calls from outside the mesh, which have no identity; the workload
/// behind it decides about each.
pub(super) fn manifest(snapshot: &Snapshot, gateway: &Gateway) -> Option<Manifest> {
    let (namespace, name) = gateway.name.split_once('/')?;
    let selector = json!({ "matchLabels": gateway.selector });
    let spec = json!({ "action": "ALLOW", "rules": [{}], "selector": selector });
    let name = format!("{NAME_PREFIX}gateway-{name}");
    // A gateway may be listed before its namespace exists; its policy then delays no other object.
    (snapshot.settings.denies_all() && snapshot.namespace(namespace).is_some())
        .then(|| Manifest::new(Kind::AuthorizationPolicy, Some(namespace), name, json!({ "spec": spec })))
}
