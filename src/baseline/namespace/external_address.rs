use serde_json::json;

use super::{Body, NamespaceSite, Object};
use crate::kinds::Kind;

/// Registers granted addresses outside the cluster, so that the tenant's proxies allow TCP to them. UDP passes no
/// proxy. The host is a placeholder: an entry must have one.
pub(super) const fn object<'w>() -> Object<NamespaceSite<'w>> {
    Object {
        kind: Kind::ServiceEntry,
        name: "address",
        body: Body::Many(|site| {
            let cidrs = site.tenant.grants.reach.cidrs.iter().filter(|granted| granted.is_tcp());
            let entry = cidrs.map(|granted| {
                let name = granted.cidr.replace(['/', ':', '.'], "-");
                let ports = granted.ports.iter();
                let ports = ports
                    .map(|port| json!({ "name": format!("tcp-{port}"), "number": port, "protocol": "TCP" }));
                let spec = json!({
                    "addresses": [granted.cidr],
                    "exportTo": ["."],
                    "hosts": [format!("{name}.addresses.bulkhead.internal")],
                    "location": "MESH_EXTERNAL",
                    "ports": ports.collect::<Vec<_>>(),
                    "resolution": "NONE",
                });
                (name, json!({ "spec": spec }))
            });
            entry.collect()
        }),
    }
}
