use std::iter::once;

use serde_json::{Value, json};

use super::{Body, CLUSTER_DOMAIN, Kind, Object, Place};
use crate::settings::{Dataplane, Outbound};

/// What the tenant's proxies know: its own services, the mesh, the API server, DNS, and what it reaches. Nobody reads
/// it with the ambient dataplane.
pub(super) const fn object<'w>() -> Object<Place<'w>> {
    Object { kind: Kind::Sidecar, name: "default", body: Body::Where(body) }
}

fn body(place: Place<'_>) -> Option<Value> {
    let settings = place.settings();
    if settings.dataplane == Dataplane::Ambient {
        return None;
    }
    let siblings = place.own().into_iter().filter(|name| *name != place.namespace);
    let dns = settings
        .dns_services
        .iter()
        .map(|service| format!("kube-system/{service}.kube-system.{CLUSTER_DOMAIN}"));
    let reached = place
        .world
        .reached(place.tenant)
        .map(|service| format!("{0}/{1}.{0}.{CLUSTER_DOMAIN}", service.namespace, service.service));
    let hosts: Vec<String> = once("./*".to_owned())
        .chain(siblings.map(|name| format!("{name}/*")))
        .chain([format!("{}/*", settings.mesh_root), format!("default/kubernetes.default.{CLUSTER_DOMAIN}")])
        .chain(dns)
        .chain(reached)
        .collect();
    let mode = match settings.outbound {
        Outbound::RegistryOnly => "REGISTRY_ONLY",
        Outbound::AllowAny => "ALLOW_ANY",
    };
    Some(json!({ "spec": { "egress": [{ "hosts": hosts }], "outboundTrafficPolicy": { "mode": mode } } }))
}
