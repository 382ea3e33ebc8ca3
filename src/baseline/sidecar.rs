use std::iter::once;

use serde_json::{Value, json};

use super::{Kind, Object, Place};

/// What the tenant's proxies know: its own services, the mesh, the API server, DNS, and what it reaches.
pub(super) const OBJECT: Object = Object { kind: Kind::Sidecar, name: "default", body };

fn body(place: Place<'_>) -> Value {
    let world = place.world;
    let siblings = world.namespaces_of(&place.tenant.name).filter(|name| *name != place.namespace);
    let reached = world
        .reached(place.tenant)
        .map(|service| format!("{0}/{1}.{0}.svc.cluster.local", service.namespace, service.service));
    let hosts: Vec<String> = once("./*".to_owned())
        .chain(siblings.map(|name| format!("{name}/*")))
        .chain([
            format!("{}/*", world.settings.mesh_root),
            "default/kubernetes.default.svc.cluster.local".to_owned(),
            "kube-system/kube-dns.kube-system.svc.cluster.local".to_owned(),
        ])
        .chain(reached)
        .collect();
    json!({ "spec": { "egress": [{ "hosts": hosts }], "outboundTrafficPolicy": { "mode": "REGISTRY_ONLY" } } })
}
