use std::net::IpAddr;

use serde_json::{Value, json};

use super::{Kind, Object, Place};

/// DNS, by its pods and by its Service's addresses, and the API servers by their own.
pub(super) const OBJECT: Object = Object { kind: Kind::NetworkPolicy, name: "allow-dns-and-api", body };

/// Where a DNS cache on the node listens, by convention.
const NODE_LOCAL_DNS: &str = "169.254.20.10/32";

fn body(place: Place<'_>) -> Value {
    let surroundings = &place.world.surroundings;
    let mut dns = vec![json!({
        "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "kube-system" } },
        "podSelector": { "matchLabels": { "k8s-app": "kube-dns" } },
    })];
    dns.extend(surroundings.dns.iter().map(|address| block(*address)));
    dns.push(json!({ "ipBlock": { "cidr": NODE_LOCAL_DNS } }));
    let mut egress = vec![json!({
        "to": dns,
        "ports": [{ "protocol": "UDP", "port": 53 }, { "protocol": "TCP", "port": 53 }],
    })];
    egress.extend(surroundings.api_servers.iter().map(
        |(address, port)| json!({ "to": [block(*address)], "ports": [{ "protocol": "TCP", "port": port }] }),
    ));
    json!({ "spec": { "podSelector": {}, "policyTypes": ["Egress"], "egress": egress } })
}

/// This one address.
fn block(address: IpAddr) -> Value {
    let bits = if address.is_ipv4() { 32 } else { 128 };
    json!({ "ipBlock": { "cidr": format!("{address}/{bits}") } })
}
