use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, json};

use super::{Body, NamespaceSite, Object};
use crate::kinds::Kind;

/// Permits plaintext on the ports that the API server was granted to call, because it has no identity in the mesh.
/// There is one policy for each set of pods: of two that select the same pod, only one takes effect.
pub(super) const fn object<'w>() -> Object<NamespaceSite<'w>> {
    Object {
        kind: Kind::PeerAuthentication,
        name: "callback",
        body: Body::Many(|site| {
            let mut ports: BTreeMap<&BTreeMap<String, String>, BTreeSet<u16>> = BTreeMap::new();
            for callback in &site.tenant.grants.api_server_callbacks {
                ports.entry(&callback.selector).or_default().insert(callback.port);
            }
            let policy = ports.into_iter().zip(1_u32..).map(|((selector, ports), number)| {
                let ports = ports.into_iter().map(|port| (port.to_string(), json!({ "mode": "PERMISSIVE" })));
                let spec = json!({
                    "selector": { "matchLabels": selector },
                    "mtls": { "mode": "STRICT" },
                    "portLevelMtls": ports.collect::<Map<_, _>>(),
                });
                (number.to_string(), json!({ "spec": spec }))
            });
            policy.collect()
        }),
    }
}
