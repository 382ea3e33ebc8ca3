use serde_json::json;

use super::{Body, NamespaceSite, Object, network};
use crate::kinds::Kind;

/// Allows the API servers to call the granted pods and ports, in one policy per grant.
pub(super) const fn object<'w>() -> Object<NamespaceSite<'w>> {
    Object {
        kind: Kind::NetworkPolicy,
        name: "callback",
        body: Body::Many(|site| {
            let callbacks = site.tenant.grants.api_server_callbacks.iter().zip(1..);
            let from =
                site.snapshot.endpoints.api_servers.iter().map(|(address, _)| network::address(*address));
            let from: Vec<_> = from.collect();
            // A rule without peers would match every source.
            let callbacks = callbacks.filter(|_| !from.is_empty());
            let policy = callbacks.map(|(callback, number): (_, u32)| {
                let spec = json!({
                    "podSelector": { "matchLabels": callback.selector },
                    "policyTypes": ["Ingress"],
                    "ingress": [{ "from": from, "ports": network::tcp([callback.port]) }],
                });
                (number.to_string(), json!({ "spec": spec }))
            });
            policy.collect()
        }),
    }
}
