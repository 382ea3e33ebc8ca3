use ipnet::IpNet;
use serde_json::{Value, json};

use crate::keys::NAMESPACE_NAME_LABEL;

/// The callers of Bulkhead's pods.
#[derive(Clone, Debug)]
pub struct Callers {
    /// The addresses of the API servers, as a pod sees them.
    pub api_servers: Vec<IpNet>,
    /// Namespaces whose pods read the metrics.
    pub metrics_from: Vec<String>,
    pub webhook_port: u16,
    pub admin_port: u16,
}

/// Returns the NetworkPolicy of Bulkhead's pods. It names API servers by address, because a selector matches no pod on
/// the host's network. The kubelet's probes need no rule: a node always reaches its own pods.
pub fn network_policy(namespace: &str, callers: &Callers) -> Value {
    let allow =
        |from: Vec<Value>, port: u16| json!({ "from": from, "ports": [{ "protocol": "TCP", "port": port }] });
    let address = |range: &IpNet| json!({ "ipBlock": { "cidr": range.trunc().to_string() } });
    let pods_of =
        |name: &String| json!({ "namespaceSelector": { "matchLabels": { NAMESPACE_NAME_LABEL: name } } });
    let mut ingress = vec![allow(callers.api_servers.iter().map(address).collect(), callers.webhook_port)];
    // A rule without peers would match every caller.
    if !callers.metrics_from.is_empty() {
        ingress.push(allow(callers.metrics_from.iter().map(pods_of).collect(), callers.admin_port));
    }
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": { "name": "bulkhead", "namespace": namespace },
        "spec": { "podSelector": {}, "policyTypes": ["Ingress"], "ingress": ingress },
    })
}
