//! Peers, ports, hosts and principals that several baseline objects name.

use std::collections::BTreeMap;
use std::iter::once;
use std::net::IpAddr;

use serde_json::{Value, json};

use crate::api::Cidr;
use crate::keys::{GATEWAY_NAME_LABEL, NAMESPACE_NAME_LABEL};
use crate::kinds::Kind;
use crate::settings::Settings;
use crate::snapshot::{ClusterEndpoints, Snapshot};

/// Port on which the proxy of a node accepts traffic for pods of an ambient mesh, and waypoints theirs.
pub(super) const HBONE_PORT: u16 = 15008;

/// Source addresses of the kubelet's probes in an ambient mesh. See
/// <https://istio.io/latest/docs/ambient/usage/networkpolicy/>.
const AMBIENT_PROBE_SOURCES: [&str; 2] = ["169.254.7.127/32", "fd16:9254:7127:1337:ffff:ffff:ffff:ffff/128"];

/// Suffix of the DNS names of Services.
pub const CLUSTER_DOMAIN: &str = "svc.cluster.local";

/// Ports of the DNS Services, and of caches on the nodes.
pub const DNS_PORTS: [Port; 2] = dns_ports(53);
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

    /// Returns the ports of a granted range.
    pub fn of_range(granted: &Cidr) -> impl Iterator<Item = Self> {
        let protocol = granted.protocol.name();
        granted.ports.iter().map(move |port| Self { protocol, number: *port })
    }

    pub(super) fn manifest(self) -> Value {
        json!({ "protocol": self.protocol, "port": self.number })
    }
}

/// Returns the ports on which DNS answers at this number.
pub const fn dns_ports(number: u16) -> [Port; 2] {
    [Port { protocol: "UDP", number }, Port::tcp(number)]
}

/// Returns the addresses of DNS: those of its Services, and those of caches on the nodes.
pub fn dns_addresses<'r>(
    settings: &'r Settings,
    endpoints: &'r ClusterEndpoints,
) -> impl Iterator<Item = &'r IpAddr> {
    endpoints.dns.iter().chain(&settings.dns.node_caches)
}

/// Returns the `targetRefs` with which a policy selects a waypoint of its namespace.
pub(super) fn waypoint_targets(waypoint: &str) -> Value {
    let kind = Kind::KubernetesGateway;
    json!([{ "group": kind.group(), "kind": kind.name(), "name": waypoint }])
}

/// Returns the egress rules for DNS, by its pods and by its addresses: a plugin sees a packet before or after its Service
/// is translated.
pub(super) fn dns(settings: &Settings, endpoints: &ClusterEndpoints) -> Vec<Value> {
    let rule = |to: Vec<Value>, ports: [Port; 2]| json!({ "to": to, "ports": ports.map(Port::manifest) });
    let pods = vec![pods(&settings.dns.namespace, &settings.dns.pod_labels)];
    let addresses: Vec<Value> =
        dns_addresses(settings, endpoints).map(|address| self::address(*address)).collect();
    let pod_ports = dns_ports(settings.dns.pod_port);
    if pod_ports == DNS_PORTS {
        return vec![rule([pods, addresses].concat(), DNS_PORTS)];
    }
    vec![rule(pods, pod_ports), rule(addresses, DNS_PORTS)]
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

/// Returns the ingress rule for the kubelet's probes of captured pods; those of other pods come from the node.
pub(super) fn probes() -> Value {
    let sources = AMBIENT_PROBE_SOURCES.map(|cidr| json!({ "ipBlock": { "cidr": cidr } }));
    json!({ "from": sources })
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

/// Returns the labels by which the pods of a Gateway are selected.
pub(super) fn gateway_pods(gateway: &str) -> BTreeMap<String, String> {
    labelled((GATEWAY_NAME_LABEL, gateway))
}

/// Returns a peer that matches this one address.
pub(super) fn address(address: IpAddr) -> Value {
    let bits = if address.is_ipv4() { 32 } else { 128 };
    json!({ "ipBlock": { "cidr": format!("{address}/{bits}") } })
}

/// Returns ports of pods in the mesh, as a NetworkPolicy sees them: if ztunnel captures pods of any tenant, traffic
/// arrives at the tunnel's port too. A sidecar has this port as well, for calls from and to captured pods.
pub fn mesh_ports(snapshot: &Snapshot, ports: impl IntoIterator<Item = u16>) -> impl Iterator<Item = Port> {
    let tunnel = snapshot.has_captured_pods().then_some(HBONE_PORT);
    ports.into_iter().chain(tunnel).map(Port::tcp)
}

pub(super) fn ports(snapshot: &Snapshot, ports: impl IntoIterator<Item = u16>) -> Vec<Value> {
    mesh_ports(snapshot, ports).map(Port::manifest).collect()
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
    let dns = settings.dns.services.iter().map(|service| (settings.dns.namespace.as_str(), service.as_str()));
    once(("default", "kubernetes")).chain(dns)
}

/// Returns the Services that every pod calls as a Sidecar names them.
pub(super) fn common_hosts(settings: &Settings) -> impl Iterator<Item = (&str, String)> {
    common_services(settings).map(|(namespace, service)| host(namespace, service))
}
