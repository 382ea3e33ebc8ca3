//! A cluster whose pods are network namespaces without proxies, and the engine that enforces its policies.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use bulkhead_harness::cluster::Cluster;
use bulkhead_harness::evaluator::{Packet, Port};
use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::kubelet;
use bulkhead_harness::network::{Flow, Host, Namespace, PodNetwork, PolicyEngine, has_ipv6, usable};
use kube::Client;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::rows::{CLOSED, ROWS, SERVED};
use super::world::{Place, World, outside};
use support::api;
use support::cluster::wait_for_default_account;
use support::objects::{labelled_namespace, list};

/// A packet that is dropped is not answered. So long an answer may take; those that should come get longer.
const PATIENCE: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(1);

pub(super) struct Stage {
    pub(super) engine: PolicyEngine,
    hosts: HashMap<IpAddr, Host>,
    runtime: Runtime,
    client: Client,
    /// The policies of the API server, by the path of their collection and by name.
    policies: BTreeMap<(String, String), Value>,
    /// The last result of each flow.
    last: HashMap<Flow, bool>,
    _network: PodNetwork,
    _cluster: Cluster,
}

impl Stage {
    /// Connects every pod and every address of the world.
    pub(super) fn set(world: &World) -> Self {
        let cluster = Cluster::start().unwrap();
        let admin = cluster.admin().unwrap();
        let network = PodNetwork::start().unwrap();
        let ports = ports();
        let mut hosts = HashMap::new();
        let mut host = |namespace: &Namespace, addresses: &[IpAddr]| {
            let host = Host::start(namespace, addresses, &ports).unwrap();
            hosts.extend(addresses.iter().map(|address| (*address, host.clone())));
        };
        let others: Vec<IpAddr> = usable(outside()).collect();
        host(&network.outside(&others).unwrap(), &others);
        for place in &world.places {
            let (namespace, addresses) = network.pod().unwrap();
            assert!(usable(world.addresses(*place)).eq(addresses.iter().copied()));
            host(&namespace, &addresses);
        }
        create_pods(&admin, world);
        let engine = PolicyEngine::start(&network, &cluster).unwrap();
        let runtime = Runtime::new().unwrap();
        let client = runtime.block_on(api::client(&admin));
        let (policies, last) = Default::default();
        Self { engine, hosts, runtime, client, policies, last, _network: network, _cluster: cluster }
    }

    /// Makes these the policies of the cluster.
    pub(super) fn write(&mut self, policies: &[Value]) {
        let name = |policy: &Value| policy["metadata"]["name"].as_str().unwrap().to_owned();
        let wanted: BTreeMap<_, _> =
            policies.iter().map(|policy| ((collection(policy), name(policy)), policy.clone())).collect();
        for key in self.policies.keys().chain(wanted.keys()).collect::<BTreeSet<_>>() {
            let (collection, name) = key;
            let object = format!("{collection}/{name}");
            let request = match (self.policies.get(key), wanted.get(key)) {
                (None, Some(policy)) => api::request("POST", collection, "json", policy),
                (Some(_), None) => api::request("DELETE", &object, "json", &Value::Null),
                (Some(old), Some(policy)) if old != policy => api::request("PUT", &object, "json", policy),
                _ => continue,
            };
            self.runtime.block_on(api::call(&self.client, request)).unwrap();
        }
        self.policies = wanted;
    }

    /// The packets that arrive and should not, or the reverse. Flows whose result should change come first: when the
    /// change is seen, the policies are enforced, and the others are sent.
    pub(super) fn wrong(&mut self, packets: &[Packet], expected: &[bool]) -> Vec<String> {
        let expected: HashMap<Flow, bool> = packets.iter().map(flow).zip(expected.iter().copied()).collect();
        let expected: HashMap<_, _> = expected.into_iter().filter(|(flow, _)| is_sent(flow)).collect();
        let changed =
            |(flow, arrives): &(&Flow, &bool)| self.last.get(flow).is_some_and(|last| last != *arrives);
        let (changed, others): (Vec<_>, Vec<_>) = expected.iter().partition(changed);
        let end = Instant::now() + Duration::from_secs(10);
        let mut wrong = Vec::new();
        for group in [changed, others] {
            let mut group: Vec<(Flow, bool)> =
                group.into_iter().map(|(flow, arrives)| (*flow, *arrives)).collect();
            let mut patience = PATIENCE;
            while !group.is_empty() {
                let arrived = self.send(&group.iter().map(|(flow, _)| *flow).collect::<Vec<_>>(), patience);
                self.last.extend(group.iter().map(|(flow, _)| *flow).zip(arrived.iter().copied()));
                let mut arrived = arrived.into_iter();
                group.retain(|(_, expected)| arrived.next() != Some(*expected));
                if Instant::now() > end {
                    break;
                }
                patience = LONG;
            }
            wrong.extend(group);
        }
        let describe = |(flow, arrives): &(Flow, bool)| {
            let packet = packets.iter().find(|packet| self::flow(packet) == *flow).unwrap();
            format!("{packet} by {}: expected {arrives}, sent {}", flow.from, !arrives)
        };
        wrong.iter().map(describe).collect()
    }

    /// Sends all at once: true for each that arrives.
    pub(super) fn send(&self, flows: &[Flow], patience: Duration) -> Vec<bool> {
        let mut by_host: HashMap<IpAddr, Vec<Flow>> = HashMap::new();
        for flow in flows {
            by_host.entry(flow.from).or_default().push(*flow);
        }
        let sent: Vec<_> = by_host
            .into_iter()
            .map(|(address, flows)| (flows.clone(), self.hosts[&address].send(flows, patience)))
            .collect();
        let mut arrived = HashMap::new();
        for (flows, results) in sent {
            arrived.extend(flows.into_iter().zip(results.recv().unwrap().unwrap()));
        }
        flows.iter().map(|flow| arrived[flow]).collect()
    }
}

pub(super) fn flow(packet: &Packet) -> Flow {
    Flow { from: packet.from.address, to: packet.to.address, port: packet.port }
}

/// The path of the NetworkPolicies of a namespace, or of the AdminNetworkPolicies.
fn collection(policy: &Value) -> String {
    let version = policy["apiVersion"].as_str().unwrap();
    match policy["metadata"]["namespace"].as_str() {
        Some(namespace) => format!("/apis/{version}/namespaces/{namespace}/networkpolicies"),
        None => format!("/apis/{version}/adminnetworkpolicies"),
    }
}

/// False for IPv6 on a machine that has none.
pub(super) fn is_sent(flow: &Flow) -> bool {
    flow.from.is_ipv4() || has_ipv6()
}

/// Every port of a row.
fn ports() -> Vec<Port> {
    let rows = [ROWS, CLOSED, SERVED].concat();
    let ports: BTreeSet<Port> = rows.iter().flat_map(|row| row.ports.iter().copied()).collect();
    ports.into_iter().collect()
}

fn create_pods(admin: &Kubectl, world: &World) {
    let namespaces: BTreeSet<&str> = world.places.iter().map(|place| place.namespace).collect();
    let namespace = |name: &&str| labelled_namespace(name, &json!(world.namespace_labels(name)));
    admin.apply(&list(namespaces.iter().map(namespace)).to_string()).unwrap();
    for namespace in &namespaces {
        wait_for_default_account(admin, namespace);
    }
    admin.apply(&list(world.places.iter().map(Place::object)).to_string()).unwrap();
    thread::scope(|scope| {
        for place in &world.places {
            scope.spawn(|| {
                let addresses: Vec<IpAddr> = usable(world.addresses(*place)).collect();
                kubelet::report_running(admin, place.namespace, &place.name(), &addresses).unwrap();
            });
        }
    });
}

impl Place {
    fn name(&self) -> String {
        format!("{}{}", self.labels[0].1, if self.is_second { "-2" } else { "" })
    }

    /// A pod whose ports have names, for policies that name them.
    fn object(&self) -> Value {
        let labels: BTreeMap<_, _> = self.labels.iter().copied().collect();
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": self.name(), "namespace": self.namespace, "labels": labels },
            "spec": { "containers": [{
                "name": "app", "image": "registry.example.com/app:1",
                "ports": [
                    { "name": "web", "containerPort": 8080 },
                    { "name": "dns", "containerPort": 53, "protocol": "UDP" },
                ],
            }] },
        })
    }
}
