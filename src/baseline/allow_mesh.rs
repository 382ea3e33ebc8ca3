use serde_json::{Value, json};

use super::{Kind, Object, Place};

/// The proxy asks istiod for its certificate and its configuration.
pub(super) const OBJECT: Object = Object { kind: Kind::NetworkPolicy, name: "allow-mesh", body };

fn body(place: Place<'_>) -> Value {
    let istiod = json!({
        "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": place.world.settings.mesh_root } },
        "podSelector": { "matchLabels": { "app": "istiod" } },
    });
    json!({ "spec": {
        "podSelector": {},
        "policyTypes": ["Egress"],
        "egress": [{ "to": [istiod], "ports": [{ "protocol": "TCP", "port": 15012 }] }],
    } })
}
