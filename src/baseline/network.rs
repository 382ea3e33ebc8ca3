//! Peers, ports, hosts and principals that several baseline objects name.

use std::collections::BTreeMap;
use std::iter::once;
use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Value, json};

use crate::keys::NAMESPACE_NAME_LABEL;
use crate::settings::{Dataplane, Settings};
use crate::snapshot::ClusterEndpoints;

/// Port on which the proxy of a node accepts traffic for pods of an ambient mesh.
const HBONE_PORT: u16 = 15008;

/// Suffix of the DNS names of Services.
pub const CLUSTER_DOMAIN: &str = "svc.cluster.local";

/// Conventional address of a DNS cache on the node. See
/// <https://kubernetes.io/docs/tasks/administer-cluster/nodelocaldns/>.
pub const NODE_LOCAL_DNS: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 20, 10));
/// Namespace of the cluster's DNS.
pub const DNS_NAMESPACE: &str = "kube-system";
pub const DNS_PORTS: [Port; 2] = [Port { protocol: "UDP", number: 53 }, Port::tcp(53)];
/// Label of the DNS pods.
pub const DNS_PODS: (&str, &str) = ("k8s-app", "kube-dns");
/// Port on which istiod serves proxies.
pub const ISTIOD_PORT: Port = Port::tcp(15012);
/// Label of istiod's pods.
pub const ISTIOD_PODS: (&str, &str) = ("app", "istiod");

/// A port that a NetworkPolicy allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    pub protocol: &'static str,
    pub number: u16,
}

impl Port {
    pub const fn tcp(number: u16) -> Self {
        Self { protocol: "TCP", number }
    }

    fn manifest(self) -> Value {
        json!({ "protocol": self.protocol, "port": self.number })
    }
}

/// Returns the egress rule for DNS, by its pods and by its Service's addresses.
pub(super) fn dns(endpoints: &ClusterEndpoints) -> Value {
    let mut dns = vec![pods(DNS_NAMESPACE, &labelled(DNS_PODS))];
    dns.extend(endpoints.dns.iter().chain([&NODE_LOCAL_DNS]).map(|address| self::address(*address)));
    json!({ "to": dns, "ports": DNS_PORTS.map(Port::manifest) })
}

/// Returns the egress rules for the API servers, by their own addresses.
pub(super) fn api_servers(endpoints: &ClusterEndpoints) -> impl Iterator<Item = Value> {
    let servers = endpoints.api_servers.iter();
    servers.map(|(address, port)| json!({ "to": [self::address(*address)], "ports": tcp([*port]) }))
}

/// Returns the egress rule for istiod.
pub(super) fn istiod(settings: &Settings) -> Value {
    json!({ "to": [pods(&settings.mesh_root, &labelled(ISTIOD_PODS))], "ports": [ISTIOD_PORT.manifest()] })
}

fn labelled((key, value): (&str, &str)) -> BTreeMap<String, String> {
    BTreeMap::from([(key.to_owned(), value.to_owned())])
}

/// Returns a peer that matches every pod of a namespace.
pub(super) fn namespace(name: &str) -> Value {
    json!({ "namespaceSelector": { "matchLabels": { NAMESPACE_NAME_LABEL: name } } })
}

/// Returns a peer that matches the pods of a namespace with these labels.
pub(super) fn pods(namespace: &str, labels: &BTreeMap<String, String>) -> Value {
    json!({
        "namespaceSelector": { "matchLabels": { NAMESPACE_NAME_LABEL: namespace } },
        "podSelector": { "matchLabels": labels },
    })
}

/// Returns a peer that matches this one address.
pub(super) fn address(address: IpAddr) -> Value {
    let bits = if address.is_ipv4() { 32 } else { 128 };
    json!({ "ipBlock": { "cidr": format!("{address}/{bits}") } })
}

/// Returns ports of pods in the mesh, as a NetworkPolicy sees them: with the ambient dataplane traffic arrives at
/// the tunnel's port too.
pub fn mesh_ports(settings: &Settings, ports: impl IntoIterator<Item = u16>) -> impl Iterator<Item = Port> {
    let tunnel = (settings.dataplane == Dataplane::Ambient).then_some(HBONE_PORT);
    ports.into_iter().chain(tunnel).map(Port::tcp)
}

pub(super) fn ports(settings: &Settings, ports: impl IntoIterator<Item = u16>) -> Vec<Value> {
    mesh_ports(settings, ports).map(Port::manifest).collect()
}

pub(super) fn tcp(ports: impl IntoIterator<Item = u16>) -> Vec<Value> {
    ports.into_iter().map(|number| Port::tcp(number).manifest()).collect()
}

/// Returns the principal of a service account, as in the certificates of the mesh.
pub(super) fn principal(settings: &Settings, namespace: &str, account: &str) -> String {
    format!("{}/ns/{namespace}/sa/{account}", settings.trust_domain)
}

/// Returns a Service as a Sidecar names it: its namespace and its full DNS name.
pub(super) fn host<'w>(namespace: &'w str, service: &str) -> (&'w str, String) {
    (namespace, format!("{service}.{namespace}.{CLUSTER_DOMAIN}"))
}

/// Returns the Services that every pod calls, each with its namespace: the API server and DNS.
pub(super) fn common_services(settings: &Settings) -> impl Iterator<Item = (&str, &str)> {
    let dns = settings.dns_services.iter().map(|service| (DNS_NAMESPACE, service.as_str()));
    once(("default", "kubernetes")).chain(dns)
}

/// Returns the Services that every pod calls as a Sidecar names them.
pub(super) fn common_hosts(settings: &Settings) -> impl Iterator<Item = (&str, String)> {
    common_services(settings).map(|(namespace, service)| host(namespace, service))
}
