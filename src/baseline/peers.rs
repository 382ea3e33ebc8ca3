use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::{Value, json};

use crate::settings::{Dataplane, Settings};
use crate::world::Surroundings;

/// Where a node's proxy takes what is for a pod, with the ambient dataplane.
const TUNNEL: u16 = 15008;

/// Where a DNS cache on the node listens, by convention.
const NODE_LOCAL_DNS: &str = "169.254.20.10/32";

/// The way to DNS, by its pods and by its Service's addresses.
pub(super) fn dns(surroundings: &Surroundings) -> Value {
    let labels = BTreeMap::from([("k8s-app".to_owned(), "kube-dns".to_owned())]);
    let mut dns = vec![pods("kube-system", &labels)];
    dns.extend(surroundings.dns.iter().map(|address| self::address(*address)));
    dns.push(json!({ "ipBlock": { "cidr": NODE_LOCAL_DNS } }));
    json!({ "to": dns, "ports": [{ "protocol": "UDP", "port": 53 }, { "protocol": "TCP", "port": 53 }] })
}

/// The ways to the API servers, by their own addresses.
pub(super) fn api_servers(surroundings: &Surroundings) -> impl Iterator<Item = Value> {
    let servers = surroundings.api_servers.iter();
    servers.map(|(address, port)| json!({ "to": [self::address(*address)], "ports": tcp([*port]) }))
}

/// The way to istiod.
pub(super) fn istiod(settings: &Settings) -> Value {
    let labels = BTreeMap::from([("app".to_owned(), "istiod".to_owned())]);
    json!({ "to": [pods(&settings.mesh_root, &labels)], "ports": tcp([15012]) })
}

/// Every pod of a namespace.
pub(super) fn namespace(name: &str) -> Value {
    json!({ "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": name } } })
}

/// The pods of a namespace that carry these labels.
pub(super) fn pods(namespace: &str, labels: &BTreeMap<String, String>) -> Value {
    json!({
        "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": namespace } },
        "podSelector": { "matchLabels": labels },
    })
}

/// This one address.
pub(super) fn address(address: IpAddr) -> Value {
    let bits = if address.is_ipv4() { 32 } else { 128 };
    json!({ "ipBlock": { "cidr": format!("{address}/{bits}") } })
}

/// The ports of pods in the mesh, as a network policy sees them.
pub(super) fn ports(settings: &Settings, ports: impl IntoIterator<Item = u16>) -> Vec<Value> {
    let tunnel = (settings.dataplane == Dataplane::Ambient).then_some(TUNNEL);
    tcp(ports.into_iter().chain(tunnel))
}

pub(super) fn tcp(ports: impl IntoIterator<Item = u16>) -> Vec<Value> {
    ports.into_iter().map(|port| json!({ "protocol": "TCP", "port": port })).collect()
}

/// A service account, as a certificate of the mesh names it.
pub(super) fn principal(settings: &Settings, namespace: &str, account: &str) -> String {
    format!("{}/ns/{namespace}/sa/{account}", settings.trust_domain)
}
