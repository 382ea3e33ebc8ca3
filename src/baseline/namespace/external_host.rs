use serde_json::{Value, json};

use super::{Body, NamespaceSite, Object, network};
use crate::kinds::Kind;

/// Registers a granted host outside the cluster, so that the tenant's proxies allow traffic to it: through the
/// egress gateway where there is one.
pub(super) const fn object<'w>() -> Object<NamespaceSite<'w>> {
    Object {
        kind: Kind::ServiceEntry,
        name: "host",
        body: Body::Many(|site| {
            let hosts = site.tenant.grants.reach.hosts.iter();
            let name =
                |host: &str| host.strip_prefix("*.").map_or(host.to_owned(), |rest| format!("{rest}.any"));
            hosts.map(|host| (name(host), body(site, host))).collect()
        }),
    }
}

fn body(site: NamespaceSite<'_>, host: &str) -> Value {
    let mut spec = json!({
        "exportTo": ["."],
        "hosts": [host],
        "location": "MESH_EXTERNAL",
        "ports": [{ "name": "tls", "number": 443, "protocol": "TLS" }],
        "resolution": if host.starts_with('*') { "NONE" } else { "DNS" },
    });
    if let (Some(gateway), Value::Object(spec)) = (&site.settings().egress_gateway, &mut spec) {
        let (_, address) = network::host(&gateway.namespace, &gateway.service);
        spec.insert(
            "endpoints".to_owned(),
            json!([{ "address": address, "ports": { "tls": gateway.port } }]),
        );
        spec.insert("resolution".to_owned(), json!("DNS"));
    }
    json!({ "spec": spec })
}
