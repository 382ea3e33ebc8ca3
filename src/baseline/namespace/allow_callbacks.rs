use serde_json::json;

use super::{Body, Kind, Object, Place, peers};

/// Allows the API servers to call the granted pods and ports, in one policy per grant.
pub(super) const fn object<'w>() -> Object<Place<'w>> {
    Object {
        kind: Kind::NetworkPolicy,
        name: "callback",
        body: Body::Each(|place| {
            let callbacks = place.tenant.grants.api_server_callbacks.iter().zip(1..);
            let from =
                place.world.surroundings.api_servers.iter().map(|(address, _)| peers::address(*address));
            let from: Vec<_> = from.collect();
            // A rule without peers would match every source.
            let callbacks = callbacks.filter(|_| !from.is_empty());
            let policy = callbacks.map(|(callback, number): (_, u32)| {
                let spec = json!({
                    "podSelector": { "matchLabels": callback.selector },
                    "policyTypes": ["Ingress"],
                    "ingress": [{ "from": from, "ports": peers::tcp([callback.port]) }],
                });
                (number.to_string(), json!({ "spec": spec }))
            });
            policy.collect()
        }),
    }
}
