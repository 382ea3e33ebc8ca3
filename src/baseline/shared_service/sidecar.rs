use serde_json::{Value, json};

use super::{Body, Kind, Object, Served, peers};
use crate::settings::{Dataplane, Outbound};

/// Limits the hosts that the service's proxies know, so that they use no route that a tenant wrote.
pub(super) const fn object<'w>() -> Object<Served<'w>> {
    Object { kind: Kind::Sidecar, name: "", body: Body::Where(body) }
}

fn body(served: Served<'_>) -> Option<Value> {
    let settings = &served.world.settings;
    if settings.dataplane == Dataplane::Ambient {
        return None;
    }
    let known = peers::hosts_of_all(settings).map(|(namespace, name)| format!("{namespace}/{name}"));
    let called = served.service.calls_tenants.iter().flat_map(|tenant| served.world.trusted_of(tenant));
    let hosts: Vec<String> = ["./*".to_owned(), format!("{}/*", settings.mesh_root)]
        .into_iter()
        .chain(known)
        .chain(served.service.egress.iter().cloned())
        .chain(called.map(|namespace| format!("{namespace}/*")))
        .collect();
    Some(json!({ "spec": {
        "egress": [{ "hosts": hosts }],
        "outboundTrafficPolicy": { "mode": Outbound::RegistryOnly.name() },
        "workloadSelector": { "labels": served.service.selector },
    } }))
}
