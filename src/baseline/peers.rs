use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::{Value, json};

use crate::settings::{Dataplane, Settings};

/// Where a node's proxy takes what is for a pod, with the ambient dataplane.
const TUNNEL: u16 = 15008;

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
