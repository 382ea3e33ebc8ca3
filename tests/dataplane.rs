//! Packets: what the baseline forbids does not arrive, what it allows does, and what it forbids would arrive without
//! it. Real istiod, real agents, real Envoys, in networks of their own; one cluster has Bulkhead, the other has none.

use std::fmt::Write;
use std::path::Path;

use bulkhead_harness::cluster::Cluster;
use bulkhead_harness::dataplane::{Answer, Dataplane, Pod, missing};
use bulkhead_harness::istio::Istio;
use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::program::Installation;
use serde_json::json;

use crate::blessed::compare_part;
use crate::cluster::{BINARY, can_hold_pods, is_ready, tenant, until, within};

/// Where everybody runs.
const ACME: &str = "tenant-pkt-acme";
const MORE: &str = "tenant-pkt-acme-more";
const BETA: &str = "tenant-pkt-beta";
const OUTSIDE: &str = "pkt-outside";

/// Whether a call arrives, in the two clusters: without Bulkhead, and with it.
struct Row {
    who: &'static str,
    how: &'static str,
    arrives: [bool; 2],
}

const fn row(who: &'static str, how: &'static str, arrives: [bool; 2]) -> Row {
    Row { who, how, arrives }
}

const ROWS: &[Row] = &[
    row("same namespace", "HTTP", [true, true]),
    row("same namespace", "TCP", [true, true]),
    row("same tenant, another namespace", "HTTP", [true, true]),
    row("same tenant, another namespace", "TCP", [true, true]),
    row("another tenant", "HTTP", [true, false]),
    row("another tenant", "TCP", [true, false]),
    row("another tenant, around its own proxy", "HTTP", [true, false]),
    row("another tenant, around its own proxy", "TCP", [true, false]),
    row("a pod outside the mesh", "HTTP, plaintext", [true, false]),
    row("a pod outside the mesh", "TCP, plaintext", [true, false]),
];

#[test]
fn what_is_forbidden_does_not_arrive() {
    if let Some(missing) = missing() {
        let required = std::env::var_os("BULKHEAD_PACKETS").is_some();
        assert!(!required, "packets cannot be sent here; missing: {missing}");
        let said = format!("\nNO PACKETS WERE SENT: this machine lacks {missing}\n\n");
        std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes()).unwrap();
        return;
    }
    let cluster = Cluster::start().unwrap();
    let istio = Istio::start(&cluster).unwrap();
    let admin = cluster.admin().unwrap();
    for name in [ACME, MORE, BETA] {
        admin.ok(&["create", "namespace", name]).unwrap();
        admin.ok(&["label", "namespace", name, "istio-injection=enabled"]).unwrap();
    }
    let without = Stage::set(&cluster, &istio).arrivals();

    let it = Installation::start(Path::new(BINARY), |_| {}).unwrap();
    for (name, namespaces) in [("pkt-acme", &[ACME, MORE][..]), ("pkt-beta", &[BETA])] {
        let member = tenant(&it, name);
        for namespace in namespaces {
            member.ok(&["create", "namespace", namespace]).unwrap();
            is_ready(&member, namespace);
        }
    }
    let stage = Stage::set(&it.cluster, &it.istio);
    // A policy takes some seconds to reach a proxy.
    until(|| matches!(stage.call(&ROWS[6]), Answer::Said(said) if said.starts_with("403")).then_some(()));
    let with = stage.arrivals();

    let mut table = "| who calls | how | without Bulkhead | with Bulkhead |\n|---|---|---|---|\n".to_owned();
    for (row, (without, with)) in ROWS.iter().zip(without.iter().zip(&with)) {
        let word = |arrives: &bool| if *arrives { "arrives" } else { "refused" };
        writeln!(table, "| {} | {} | {} | {} |", row.who, row.how, word(without), word(with)).unwrap();
    }
    for (row, found) in ROWS.iter().zip(without.into_iter().zip(with)) {
        assert_eq!(found, row.arrives.into(), "{}, {}\n{table}", row.who, row.how);
    }
    compare_part("README.md", "packets", &table);
}

/// A tenant's service, and everybody who calls it.
struct Stage<'c> {
    _dataplane: Dataplane<'c>,
    _web: Pod,
    web: String,
    pod: String,
    near: Pod,
    sibling: Pod,
    other: Pod,
    stranger: Pod,
}

impl<'c> Stage<'c> {
    fn set(cluster: &'c Cluster, istio: &Istio) -> Self {
        let admin = cluster.admin().unwrap();
        let dataplane = Dataplane::start(cluster, istio).unwrap();
        admin.ok(&["create", "namespace", OUTSIDE]).unwrap();
        let run = |namespace: &str, name: &str| {
            create(&admin, namespace, name);
            dataplane.run(namespace, name).unwrap()
        };
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web", "namespace": ACME },
            "spec": { "ports": [
                { "name": "http", "port": 80, "targetPort": 8080 }, { "name": "tcp", "port": 9090 },
            ] },
        });
        can_hold_pods(&admin, ACME);
        admin.apply(&service.to_string()).unwrap();
        let web = run(ACME, "web");
        let slice = json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": { "name": "web", "namespace": ACME, "labels": { "kubernetes.io/service-name": "web" } },
            "endpoints": [{
                "addresses": [web.address], "conditions": { "ready": true },
                "targetRef": { "kind": "Pod", "name": "web", "namespace": ACME },
            }],
            "ports": [{ "name": "http", "port": 8080 }, { "name": "tcp", "port": 9090 }],
        });
        admin.apply(&slice.to_string()).unwrap();
        let path = "jsonpath={.spec.clusterIP}";
        let stage = Self {
            web: admin.ok(&["get", "service", "web", "-n", ACME, "-o", path]).unwrap(),
            pod: web.address.to_string(),
            _web: web,
            near: run(ACME, "near"),
            sibling: run(MORE, "sibling"),
            other: run(BETA, "other"),
            stranger: run(OUTSIDE, "stranger"),
            _dataplane: dataplane,
        };
        within(std::time::Duration::from_mins(1), || arrived(&stage.call(&ROWS[0])).then_some(()));
        within(std::time::Duration::from_mins(1), || arrived(&stage.call(&ROWS[3])).then_some(()));
        stage
    }

    fn arrivals(&self) -> Vec<bool> {
        ROWS.iter().map(|row| arrived(&self.call(row))).collect()
    }

    fn call(&self, row: &Row) -> Answer {
        let (caller, address) = match row.who {
            "same namespace" => (&self.near, &self.web),
            "same tenant, another namespace" => (&self.sibling, &self.web),
            "another tenant" => (&self.other, &self.web),
            "another tenant, around its own proxy" => (&self.other, &self.pod),
            _ => (&self.stranger, &self.pod),
        };
        let direct = address == &self.pod;
        let (http, tcp) = (if direct { 8080 } else { 80 }, 9090);
        let host = format!("Host: web.{ACME}.svc.cluster.local");
        let to = |port: u16| format!("{address}:{port}");
        let arguments: Vec<String> = if row.how.starts_with("HTTP") {
            vec!["http".to_owned(), to(http), "GET / HTTP/1.1".to_owned(), host]
        } else {
            vec!["tcp".to_owned(), to(tcp)]
        };
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        if row.who.ends_with("around its own proxy") {
            caller.call_around(&arguments).unwrap()
        } else {
            caller.call(&arguments).unwrap()
        }
    }
}

fn arrived(answer: &Answer) -> bool {
    matches!(answer, Answer::Said(said) if said.starts_with("200") || said == "hello")
}

fn create(admin: &Kubectl, namespace: &str, name: &str) {
    can_hold_pods(admin, namespace);
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": name, "namespace": namespace, "labels": { "app": name } },
        "spec": { "containers": [{
            "name": "app", "image": "registry.example.com/app:1",
            "ports": [{ "containerPort": 8080 }, { "containerPort": 9090 }],
        }] },
    });
    admin.apply(&pod.to_string()).unwrap();
}
