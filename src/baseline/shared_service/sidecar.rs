use serde_json::{Value, json};

use super::{Body, Object, ServiceSite, network};
use crate::kinds::Kind;
use crate::settings::{Dataplane, Outbound};

/// Limits the hosts that the service's proxies know, so that they use no route that a tenant wrote.
pub(super) const fn object<'w>() -> Object<ServiceSite<'w>> {
    Object { kind: Kind::Sidecar, name: "", body: Body::Optional(body) }
}

fn body(site: ServiceSite<'_>) -> Option<Value> {
    let settings = &site.snapshot.settings;
    if settings.dataplane == Dataplane::Ambient {
        return None;
    }
    let called =
        site.service.calls_tenants.iter().flat_map(|tenant| site.snapshot.ready_namespaces_of(tenant));
    // With all hosts of such a namespace, the service would use its routes for hosts of other tenants too.
    let known = network::common_hosts(settings).chain(called.map(|namespace| network::host(namespace, "*")));
    let hosts: Vec<String> = ["./*".to_owned(), format!("{}/*", settings.mesh_root)]
        .into_iter()
        .chain(known.map(|(namespace, name)| format!("{namespace}/{name}")))
        .chain(site.service.egress.iter().cloned())
        .collect();
    Some(json!({ "spec": {
        "egress": [{ "hosts": hosts }],
        "outboundTrafficPolicy": { "mode": Outbound::RegistryOnly.name() },
        "workloadSelector": { "labels": site.service.selector },
    } }))
}
