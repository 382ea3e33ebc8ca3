use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Body, Object, TenantSite};
use crate::keys::{CILIUM_NAMESPACE_LABELS, TENANT_LABEL};
use crate::kinds::Kind;

/// Where the network plugin is Cilium, denies traffic between tenants, which no other policy can allow again, and allows
/// traffic between the tenant's pods and the API servers: no `ipBlock` of a NetworkPolicy matches a node in Cilium, unless
/// its configuration says so, but the entity does (<https://docs.cilium.io/en/stable/security/policy/language/>).
pub(super) const fn object<'w>() -> Object<TenantSite<'w>> {
    Object { kind: Kind::CiliumClusterwideNetworkPolicy, name: "bulkhead-", body: Body::Optional(body) }
}

const API_SERVERS: [&str; 1] = ["kube-apiserver"];

fn body(site: TenantSite<'_>) -> Option<Value> {
    if !site.snapshot.settings.cilium {
        return None;
    }
    let tenant = &site.tenant.name;
    let label = format!("{CILIUM_NAMESPACE_LABELS}{TENANT_LABEL}");
    let others = json!({ "matchExpressions": [
        { "key": label, "operator": "Exists" },
        { "key": label, "operator": "NotIn", "values": [tenant] },
    ] });
    let server_ports: BTreeSet<u16> =
        site.snapshot.endpoints.api_servers.iter().map(|(_, port)| *port).collect();
    // The NetworkPolicies deny by default. This policy isolates no pod that they do not select.
    let no_default_deny = json!({ "ingress": false, "egress": false });
    let mut specs = vec![json!({
        "endpointSelector": { "matchLabels": { &label: tenant } },
        "enableDefaultDeny": no_default_deny,
        "ingressDeny": [{ "fromEndpoints": [others] }],
        "egressDeny": [{ "toEndpoints": [others] }],
        "egress": [{ "toEntities": API_SERVERS, "toPorts": tcp(server_ports) }],
    })];
    specs.extend(site.tenant.grants.api_server_callbacks.iter().map(|callback| {
        let mut labels = callback.selector.clone();
        labels.insert(label.clone(), tenant.clone());
        json!({
            "endpointSelector": { "matchLabels": labels },
            "enableDefaultDeny": no_default_deny,
            "ingress": [{ "fromEntities": API_SERVERS, "toPorts": tcp([callback.port]) }],
        })
    }));
    Some(json!({ "specs": specs }))
}

fn tcp(ports: impl IntoIterator<Item = u16>) -> Value {
    let ports = ports.into_iter().map(|port| json!({ "port": port.to_string(), "protocol": "TCP" }));
    json!([{ "ports": ports.collect::<Vec<_>>() }])
}
