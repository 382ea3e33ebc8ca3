use serde_json::json;

use super::{Kind, Manifest, NAME_PREFIX};
use crate::settings::Gateway;
use crate::snapshot::Snapshot;

/// A gateway takes calls from outside, which have no identity: what it passes on is refused or not where it arrives.
pub(super) fn manifest(snapshot: &Snapshot, gateway: &Gateway) -> Option<Manifest> {
    let (namespace, name) = gateway.name.split_once('/')?;
    let selector = json!({ "matchLabels": gateway.selector });
    let spec = json!({ "action": "ALLOW", "rules": [{}], "selector": selector });
    let name = format!("{NAME_PREFIX}gateway-{name}");
    // What is declared before it is there keeps nothing else waiting.
    (snapshot.settings.denies_all() && snapshot.namespace(namespace).is_some())
        .then(|| Manifest::new(Kind::AuthorizationPolicy, Some(namespace), name, json!({ "spec": spec })))
}
