//! Packets that the baseline's network policies allow. There is no network plugin here, so no packet is sent: an
//! independent evaluator, which needs Go and no cluster, reads the policies. The packets tier tests the proxies.

mod rows;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::mem::discriminant;
use std::sync::Arc;

use bulkhead::baseline::{Manifest, desired_for_namespace, desired_for_service, labels};
use bulkhead::kinds::Kind;
use bulkhead::settings::SameTenant;
use bulkhead::snapshot::{ClusterEndpoints, NamespaceOwner, Snapshot};
use bulkhead::sources::files;
use bulkhead_harness::evaluator::{self, End, Packet, Port, passes};
use json_patch::Patch;
use serde_json::{Value, json};

use self::rows::Other::{Address, Pod};
use self::rows::{ACME, ALL, API_SERVERS, CLOSED, DNS_SERVICES, Other, ROWS, Row, SERVED};
use support::repository;
use support::snapshot_files::compare_part;

/// Rows, their world, and the policies of their side.
struct Part {
    rows: &'static [Row],
    snapshot: Snapshot,
    policies: Vec<Value>,
    /// A field of the metadata, and its value: every rule and peer of a policy with it must change a row.
    shown: Option<[&'static str; 2]>,
}

fn parts() -> [Part; 3] {
    let (snapshot, mut closed) = (snapshot(), snapshot());
    Arc::get_mut(&mut closed.settings).unwrap().same_tenant = SameTenant::Namespace;
    let [tenants, apart, services] = [of_tenants(&snapshot), of_tenants(&closed), of_services(&snapshot)];
    let collector = Some(["name", "bulkhead-log-collector"]);
    [
        Part { rows: ROWS, policies: tenants, snapshot: snapshot.clone(), shown: Some(["namespace", ACME]) },
        Part { rows: CLOSED, policies: apart, snapshot: closed, shown: None },
        Part { rows: SERVED, policies: services, snapshot, shown: collector },
    ]
}

/// By the policies of one side alone, and by all policies.
#[test]
fn only_granted_packets_pass() {
    let mut wrong = String::new();
    for Part { rows, snapshot, policies, .. } in parts() {
        let probes = probes(&snapshot, rows);
        let all = [of_tenants(&snapshot), of_services(&snapshot)].concat();
        let [without, with, all] = [&[], &policies[..], &all].map(|policies| arrivals(&probes, policies));
        for (((probe, without), with), all) in probes.iter().zip(without).zip(with).zip(all) {
            if !without || with != probe.arrives || all != probe.arrives {
                let Probe { who, packet, .. } = probe;
                writeln!(wrong, "{who}: {packet}: without {without}, with {with}, with all {all}").unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    let tables = format!(
        "{}\n{}\n*all*, each by itself: {}.\n",
        table("the tenant", &[ROWS, CLOSED]),
        table("the shared service", &[SERVED]),
        listed(ALL)
    );
    compare_part("network", &tables);
}

/// The rows as a table.
fn table(what: &str, rows: &[&[Row]]) -> String {
    let mut table = format!(
        "| the other end | port | without Bulkhead | into {what} | out of {what} |\n|---|---|---|---|---|\n"
    );
    for Row { who, ports, arrives, .. } in rows.iter().copied().flatten() {
        let [into, out] = arrives.map(|arrives| if arrives { "arrives" } else { "refused" });
        let ports = if *ports == ALL { "all".to_owned() } else { listed(ports) };
        writeln!(table, "| {who} | {ports} | arrives | {into} | {out} |").unwrap();
    }
    table
}

/// The ports, with the name of each protocol once.
fn listed(ports: &[Port]) -> String {
    let groups = ports.chunk_by(|one, other| discriminant(one) == discriminant(other));
    let group = |ports: &[Port]| {
        let ports = ports.iter().map(ToString::to_string);
        ports.reduce(|list, port| format!("{list}, {}", port.split_once(' ').unwrap().1)).unwrap()
    };
    groups.map(group).collect::<Vec<_>>().join("; ")
}

/// Each removed peer closes a cell of the table. Each added peer, and each rule for all peers or all ports, opens one.
#[test]
fn every_change_of_a_policy_changes_a_row() {
    for Part { rows, snapshot, policies, shown } in parts() {
        let probes = probes(&snapshot, rows);
        let before = arrivals(&probes, &policies);
        for (index, policy) in policies.iter().enumerate() {
            let metadata = &policy["metadata"];
            if !shown.is_some_and(|[key, value]| metadata[key] == value) {
                continue;
            }
            for (change, opens) in changes(policy) {
                let mut policies = policies.clone();
                let patch: Patch = serde_json::from_value(json!([change])).unwrap();
                json_patch::patch(&mut policies[index], &patch).unwrap();
                let after = arrivals(&probes, &policies);
                let is_seen =
                    before.iter().zip(after).any(|(before, after)| *before != opens && after == opens);
                assert!(is_seen, "{}: {change}: no cell shows it", metadata["name"]);
            }
        }
    }
}

/// Steps of a JSON patch, each with `true` if it opens something, and `false` if it closes something.
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
            // A rule without peers would match all.
            let going = match rule[peers].as_array().unwrap().len() {
                1 => vec![at],
                several => (0..several).map(|peer| format!("{at}/{peers}/{peer}")).collect(),
            };
            changes.extend(going.into_iter().map(|path| (json!({ "op": "remove", "path": path }), false)));
        }
    }
    changes
}

/// The policies that allow something isolate the pods too, so that packets stay blocked without the default deny.
#[test]
fn default_deny_and_the_other_policies_each_isolate_pods() {
    let snapshot = snapshot();
    let (probes, all) = (probes(&snapshot, ROWS), of_tenants(&snapshot));
    let (deny, others): (Vec<Value>, Vec<Value>) =
        all.iter().cloned().partition(|policy| policy["metadata"]["name"] == "default-deny-all");
    assert!(!arrivals(&probes, &deny).contains(&true));
    assert_eq!(arrivals(&probes, &others), arrivals(&probes, &all));
}

/// The evaluator fails on a policy that it would not read as Kubernetes does.
#[test]
fn policy_that_the_evaluator_cannot_read_is_an_error() {
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
        let packets: Vec<Packet> = probes(&snapshot(), ROWS).into_iter().map(|probe| probe.packet).collect();
        let error = passes(&[policy], &packets).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

/// A packet, and `true` if it arrives with Bulkhead.
struct Probe {
    who: &'static str,
    packet: Packet,
    arrives: bool,
}

fn probes(snapshot: &Snapshot, rows: &[Row]) -> Vec<Probe> {
    let end = |end: &Other, address: &str| match end {
        Pod(namespace, labels) => pod_end(snapshot, namespace, labels, address),
        Address(address) => End { pod: None, address: address.parse().unwrap() },
    };
    let mut probes = Vec::new();
    for Row { who, own, others, ports, arrives: [into, out] } in rows {
        let own = end(own, "10.244.0.1");
        for other in *others {
            let other = end(other, "10.244.0.2");
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

/// A pod whose namespace has the labels of the API server and of the webhook.
fn pod_end(snapshot: &Snapshot, namespace: &str, pod_labels: &[(&str, &str)], address: &str) -> End {
    let mut namespace_labels = BTreeMap::from([("kubernetes.io/metadata.name".into(), namespace.into())]);
    if let Some(NamespaceOwner::Tenant(tenant)) = snapshot.owner(namespace) {
        let given = labels(&snapshot.settings, tenant);
        namespace_labels.extend(given.map(|label| (label.key.into(), label.value.into())));
    }
    let labels = pod_labels.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    let pod = evaluator::Pod { namespace: namespace.into(), namespace_labels, labels };
    End { pod: Some(pod), address: address.parse().unwrap() }
}

/// The world of `cluster.yaml`, in a cluster with an API server and DNS.
fn snapshot() -> Snapshot {
    let path = repository("tests/cluster/network/cluster.yaml");
    let mut snapshot = files::snapshot(&files::read(&[path]).unwrap()).unwrap();
    snapshot.endpoints = ClusterEndpoints {
        api_servers: API_SERVERS.iter().map(|address| (address.parse().unwrap(), 6443)).collect(),
        dns: DNS_SERVICES.iter().map(|address| address.parse().unwrap()).collect(),
    };
    snapshot
}

/// The network policies of all tenants.
fn of_tenants(snapshot: &Snapshot) -> Vec<Value> {
    let namespaces = snapshot
        .tenants()
        .flat_map(|tenant| snapshot.namespaces_of(&tenant.name).map(move |namespace| (tenant, namespace)));
    policies(namespaces.flat_map(|(tenant, namespace)| desired_for_namespace(snapshot, tenant, namespace)))
}

/// Those of all shared services.
fn of_services(snapshot: &Snapshot) -> Vec<Value> {
    policies(snapshot.shared_services().flat_map(|service| desired_for_service(snapshot, service)))
}

fn policies(manifests: impl Iterator<Item = Manifest>) -> Vec<Value> {
    let policies = manifests.filter(|manifest| manifest.kind == Kind::NetworkPolicy);
    policies.map(|manifest| manifest.object).collect()
}
