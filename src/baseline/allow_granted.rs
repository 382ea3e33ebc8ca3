use serde_json::{Value, json};

use super::{Kind, Object, Place};

/// What the tenant was granted to reach beyond itself.
pub(super) const OBJECT: Object = Object { kind: Kind::NetworkPolicy, name: "allow-granted", body };

fn body(place: Place<'_>) -> Value {
    let egress: Vec<Value> = place
        .world
        .reached(place.tenant)
        .map(|service| {
            let pods = json!({
                "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": service.namespace } },
                "podSelector": { "matchLabels": service.selector },
            });
            let ports: Vec<Value> =
                service.ports.iter().map(|port| json!({ "protocol": "TCP", "port": port })).collect();
            json!({ "to": [pods], "ports": ports })
        })
        .collect();
    json!({ "spec": { "podSelector": {}, "policyTypes": ["Egress"], "egress": egress } })
}
