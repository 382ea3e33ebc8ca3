//! Which packets the baseline's network policies let through; no cluster. No network plugin can be had here, so nothing
//! is sent: an independent evaluator reads the policies. What proxies refuse is in `dataplane`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::mem::discriminant;
use std::path::Path;

use bulkhead::baseline::{Kind, desired, labels};
use bulkhead::sources::files;
use bulkhead::world::{Owner, Surroundings, World};
use bulkhead_harness::evaluator::Port::{Tcp, Udp};
use bulkhead_harness::evaluator::{self, End, Packet, Port, passes};
use json_patch::Patch;
use serde_json::{Value, json};

use self::Other::{Address, Pod};
use crate::blessed::compare_part;

/// Between a pod in a tenant's namespace and others, each on each port.
struct Row {
    who: &'static str,
    namespace: &'static str,
    others: &'static [Other],
    ports: &'static [Port],
    /// With Bulkhead: into the tenant's pod, and out of it.
    arrives: [bool; 2],
}

/// A pod by its namespace and labels, or an address that is no pod's.
enum Other {
    Pod(&'static str, &'static [(&'static str, &'static str)]),
    Address(&'static str),
}

const fn row(
    who: &'static str,
    namespace: &'static str,
    others: &'static [Other],
    ports: &'static [Port],
    arrives: [bool; 2],
) -> Row {
    Row { who, namespace, others, ports, arrives }
}

const ACME: &str = "tenant-acme";
const JOBS: &str = "tenant-acme-jobs";
const BETA: &str = "tenant-beta";
const NOBODYS: &str = "legacy";
const SHARED: &str = "shared-services";

const PLAIN: &[(&str, &str)] = &[("app", "web")];
const DNS: &[(&str, &str)] = &[("k8s-app", "kube-dns")];
const ISTIOD: &[(&str, &str)] = &[("app", "istiod")];
const COLLECTOR: &[(&str, &str)] = &[("app", "log-collector")];
const VAULT: &[(&str, &str)] = &[("app", "vault")];

const API_SERVERS: [&str; 2] = ["192.0.2.10", "2001:db8::10"];
const API_SERVER: &[Other] = &[Address(API_SERVERS[0]), Address(API_SERVERS[1])];
const DNS_SERVICES: [&str; 2] = ["10.96.0.10", "fd00::10"];
const NODE_CACHE: &str = "169.254.20.10";

/// Every port that some policy names, and one that none does.
const ALL: &[Port] = &[Tcp(53), Tcp(6443), Tcp(8080), Tcp(15012), Tcp(15020), Udp(53)];

const BOTH: [bool; 2] = [true, true];
const OUT: [bool; 2] = [false, true];
const NEITHER: [bool; 2] = [false, false];

const ROWS: &[Row] = &[
    row("same namespace", ACME, &[Pod(ACME, PLAIN)], ALL, BOTH),
    row("same tenant, another namespace", ACME, &[Pod(JOBS, PLAIN)], ALL, BOTH),
    row("another tenant", ACME, &[Pod(BETA, PLAIN)], ALL, NEITHER),
    row("a namespace that is nobody's, outside the mesh", ACME, &[Pod(NOBODYS, PLAIN)], ALL, NEITHER),
    row("an ingress gateway", ACME, &[Pod("istio-ingress", &[("istio", "ingress")])], ALL, NEITHER),
    row("Prometheus", ACME, &[Pod("monitoring", &[("app", "prometheus")])], ALL, NEITHER),
    row("a shared service, granted", ACME, &[Pod(SHARED, COLLECTOR)], &[Tcp(8080)], OUT),
    row("its other ports", ACME, &[Pod(SHARED, COLLECTOR)], &[Tcp(9090), Udp(8080)], NEITHER),
    row("a shared service, not granted", ACME, &[Pod(SHARED, VAULT)], ALL, NEITHER),
    row("a shared service, granted to another tenant", BETA, &[Pod(SHARED, COLLECTOR)], ALL, NEITHER),
    row("DNS", ACME, &[Pod("kube-system", DNS)], &[Tcp(53), Udp(53)], OUT),
    row(
        "DNS, by its Service or a cache on the node",
        ACME,
        &[Address(DNS_SERVICES[0]), Address(DNS_SERVICES[1]), Address(NODE_CACHE)],
        &[Tcp(53), Udp(53)],
        OUT,
    ),
    row("DNS pods' other ports", ACME, &[Pod("kube-system", DNS)], &[Tcp(8080), Tcp(9153)], NEITHER),
    row("other pods in kube-system", ACME, &[Pod("kube-system", PLAIN)], ALL, NEITHER),
    row("istiod", ACME, &[Pod("istio-system", ISTIOD)], &[Tcp(15012)], OUT),
    row("its other ports", ACME, &[Pod("istio-system", ISTIOD)], &[Tcp(15010), Tcp(15017)], NEITHER),
    row("other pods in istio-system", ACME, &[Pod("istio-system", PLAIN)], ALL, NEITHER),
    row(
        "pods elsewhere, labelled like any of these",
        ACME,
        &[Pod(BETA, COLLECTOR), Pod(NOBODYS, DNS), Pod(NOBODYS, ISTIOD)],
        ALL,
        NEITHER,
    ),
    row("the API server", ACME, API_SERVER, &[Tcp(6443)], OUT),
    row("its node's other ports", ACME, API_SERVER, &[Tcp(2379), Tcp(10250)], NEITHER),
    row("the cloud's metadata", ACME, &[Address("169.254.169.254")], &[Tcp(80)], NEITHER),
    row("outside the cluster", ACME, &[Address("203.0.113.7"), Address("2001:db8::7")], ALL, NEITHER),
];

#[test]
fn nothing_passes_but_what_is_granted() {
    let world = world();
    let probes = probes(&world);
    let (without, with) = (arrivals(&probes, &[]), arrivals(&probes, &policies(&world)));
    let mut wrong = String::new();
    for (probe, (without, with)) in probes.iter().zip(without.into_iter().zip(with)) {
        if !without || with != probe.arrives {
            writeln!(wrong, "{}: {}: without {without}, with {with}", probe.who, probe.packet).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    compare_part("README.md", "network", &table());
}

/// As [`ROWS`] have been found to be.
fn table() -> String {
    let mut table = "| the other end | port | without Bulkhead | into the tenant | out of the tenant |\n\
                     |---|---|---|---|---|\n"
        .to_owned();
    for Row { who, ports, arrives, .. } in ROWS {
        let [into, out] = arrives.map(|arrives| if arrives { "arrives" } else { "refused" });
        let ports = if *ports == ALL { "all".to_owned() } else { listed(ports) };
        writeln!(table, "| {who} | {ports} | arrives | {into} | {out} |").unwrap();
    }
    writeln!(table, "\n*all*, each by itself: {}.", listed(ALL)).unwrap();
    table
}

/// Each protocol once.
fn listed(ports: &[Port]) -> String {
    let groups = ports.chunk_by(|one, other| discriminant(one) == discriminant(other));
    let group = |ports: &[Port]| {
        let ports = ports.iter().map(ToString::to_string);
        ports.reduce(|list, port| format!("{list}, {}", port.split_once(' ').unwrap().1)).unwrap()
    };
    groups.map(group).collect::<Vec<_>>().join("; ")
}

/// What no cell shows nobody would miss: each peer that goes closes one; each that comes, and each rule that is for
/// everybody or for every port, opens one.
#[test]
fn nothing_comes_or_goes_unseen() {
    let world = world();
    let (probes, policies) = (probes(&world), policies(&world));
    let before = arrivals(&probes, &policies);
    for (index, policy) in policies.iter().enumerate() {
        if policy["metadata"]["namespace"] != ACME {
            continue;
        }
        for (change, opens) in changes(policy) {
            let mut policies = policies.clone();
            let patch: Patch = serde_json::from_value(json!([change])).unwrap();
            json_patch::patch(&mut policies[index], &patch).unwrap();
            let after = arrivals(&probes, &policies);
            let is_seen = before.iter().zip(after).any(|(before, after)| *before != opens && after == opens);
            assert!(is_seen, "{}: {change}: no cell shows it", policy["metadata"]["name"]);
        }
    }
}

/// Steps of a JSON patch, each with whether it opens something, or else closes it.
fn changes(policy: &Value) -> Vec<(Value, bool)> {
    let mut changes = Vec::new();
    for (way, direction, peers) in [("Ingress", "ingress", "from"), ("Egress", "egress", "to")] {
        let spec = &policy["spec"];
        if !spec["policyTypes"].as_array().unwrap().contains(&way.into()) {
            continue;
        }
        changes.push((json!({ "op": "add", "path": format!("/spec/{direction}"), "value": [{}] }), true));
        for (index, rule) in spec[direction].as_array().into_iter().flatten().enumerate() {
            let at = format!("/spec/{direction}/{index}");
            let everybody = json!({ "namespaceSelector": {} });
            changes
                .push((json!({ "op": "add", "path": format!("{at}/{peers}/-"), "value": everybody }), true));
            if rule["ports"].is_array() {
                changes.push((json!({ "op": "remove", "path": format!("{at}/ports") }), true));
            }
            // A rule without any peer would be for everybody.
            let going = match rule[peers].as_array().unwrap().len() {
                1 => vec![at],
                several => (0..several).map(|peer| format!("{at}/{peers}/{peer}")).collect(),
            };
            changes.extend(going.into_iter().map(|path| (json!({ "op": "remove", "path": path }), false)));
        }
    }
    changes
}

/// What opens isolates too: the default deny is one of two locks.
#[test]
fn the_default_deny_closes_by_itself_and_is_not_alone() {
    let world = world();
    let (probes, all) = (probes(&world), policies(&world));
    let (deny, others): (Vec<Value>, Vec<Value>) =
        all.iter().cloned().partition(|policy| policy["metadata"]["name"] == "default-deny-all");
    assert!(!arrivals(&probes, &deny).contains(&true));
    assert_eq!(arrivals(&probes, &others), arrivals(&probes, &all));
}

/// The evaluator says so where it would not read a policy as Kubernetes does.
#[test]
fn what_cannot_be_judged_is_no_answer() {
    for (rule, said) in [
        (json!({ "from": [{}] }), "a peer `{}`"),
        (json!({ "from": [{ "ipBlock": { "cidr": "10.0.0.0/33" } }] }), "invalid CIDR"),
        (json!({ "ports": [{ "port": "http" }] }), "port `http`"),
        (json!({ "form": [] }), "unknown field"),
        (
            json!({ "from": [{ "podSelector": { "matchExpressions": [
                { "key": "app", "operator": "NotIn", "values": ["web"] },
            ] } }] }),
            "`NotIn` on label `app`",
        ),
    ] {
        let policy = json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": { "name": "odd", "namespace": ACME },
            "spec": { "podSelector": {}, "policyTypes": ["Ingress"], "ingress": [rule] },
        });
        let packets: Vec<Packet> = probes(&world()).into_iter().map(|probe| probe.packet).collect();
        let error = passes(&[policy], &packets).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

/// A packet, and whether it arrives with Bulkhead.
struct Probe {
    who: &'static str,
    packet: Packet,
    arrives: bool,
}

fn probes(world: &World) -> Vec<Probe> {
    let mut probes = Vec::new();
    for Row { who, namespace, others, ports, arrives: [into, out] } in ROWS {
        let own = pod(world, namespace, PLAIN, "10.244.0.1");
        for other in *others {
            let other = match other {
                Pod(namespace, labels) => pod(world, namespace, labels, "10.244.0.2"),
                Address(address) => End { pod: None, address: address.parse().unwrap() },
            };
            for port in *ports {
                for (from, to, arrives) in [(&other, &own, *into), (&own, &other, *out)] {
                    let packet = Packet { from: from.clone(), to: to.clone(), port: *port };
                    probes.push(Probe { who, packet, arrives });
                }
            }
        }
    }
    probes
}

fn arrivals(probes: &[Probe], policies: &[Value]) -> Vec<bool> {
    let packets: Vec<Packet> = probes.iter().map(|probe| probe.packet.clone()).collect();
    passes(policies, &packets).unwrap()
}

/// A pod, its namespace labelled as the API server and the webhook label it.
fn pod(world: &World, namespace: &str, pod_labels: &[(&str, &str)], address: &str) -> End {
    let mut namespace_labels = BTreeMap::from([("kubernetes.io/metadata.name".into(), namespace.into())]);
    if let Some(Owner::Tenant(tenant)) = world.owner(namespace) {
        let given = labels(&world.settings, tenant);
        namespace_labels.extend(given.map(|label| (label.key.into(), label.value.into())));
    }
    let labels = pod_labels.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    let pod = evaluator::Pod { namespace: namespace.into(), namespace_labels, labels };
    End { pod: Some(pod), address: address.parse().unwrap() }
}

/// The world of `network.yaml`, in a cluster that has an API server and DNS.
fn world() -> World {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/network.yaml");
    let mut world = files::world(&files::read(&[path]).unwrap()).unwrap();
    world.surroundings = Surroundings {
        api_servers: API_SERVERS.iter().map(|address| (address.parse().unwrap(), 6443)).collect(),
        dns: DNS_SERVICES.iter().map(|address| address.parse().unwrap()).collect(),
    };
    world
}

/// The network policies of all tenants.
fn policies(world: &World) -> Vec<Value> {
    let namespaces = world
        .tenants()
        .flat_map(|tenant| world.namespaces_of(&tenant.name).map(move |namespace| (tenant, namespace)));
    let manifests = namespaces.flat_map(|(tenant, namespace)| desired(world, tenant, namespace));
    let policies = manifests.filter(|manifest| manifest.kind == Kind::NetworkPolicy);
    policies.map(|manifest| manifest.object).collect()
}
