use serde_json::json;

use super::{Body, Kind, Object, Place, peers};

/// The API servers may call what they were granted to, one policy a grant.
pub(super) const fn object<'w>() -> Object<Place<'w>> {
    Object {
        kind: Kind::NetworkPolicy,
        name: "callback",
        body: Body::Each(|place| {
            let callbacks = place.tenant.grants.api_server_callbacks.iter().zip(1..);
            let from =
                place.snapshot.endpoints.api_servers.iter().map(|(address, _)| peers::address(*address));
            let from: Vec<_> = from.collect();
            // A rule without peers would be for everybody.
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
