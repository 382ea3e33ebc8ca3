use serde_json::{Value, json};

use super::{Body, Kind, Object, Place, peers};

/// DNS, by its pods and by its Service's addresses, and the API servers by their own.
pub(super) const fn object<'w>() -> Object<Place<'w>> {
    Object { kind: Kind::NetworkPolicy, name: "allow-dns-and-api", body: Body::Always(body) }
}

/// Where a DNS cache on the node listens, by convention.
const NODE_LOCAL_DNS: &str = "169.254.20.10/32";

fn body(place: Place<'_>) -> Value {
    let surroundings = &place.world.surroundings;
    let mut dns = vec![json!({
        "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "kube-system" } },
        "podSelector": { "matchLabels": { "k8s-app": "kube-dns" } },
    })];
    dns.extend(surroundings.dns.iter().map(|address| peers::address(*address)));
    dns.push(json!({ "ipBlock": { "cidr": NODE_LOCAL_DNS } }));
    let mut egress = vec![json!({
        "to": dns,
        "ports": [{ "protocol": "UDP", "port": 53 }, { "protocol": "TCP", "port": 53 }],
    })];
    egress.extend(
        surroundings
            .api_servers
            .iter()
            .map(|(address, port)| json!({ "to": [peers::address(*address)], "ports": peers::tcp([*port]) })),
    );
    json!({ "spec": { "podSelector": {}, "policyTypes": ["Egress"], "egress": egress } })
}
