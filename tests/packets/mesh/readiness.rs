//! The first packets to the first pod of a new namespace, which may run as soon as the namespace's condition says that its
//! baseline is ready. No proxy runs in these pods: the network policies alone are tried.

use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use bulkhead_harness::evaluator::Port;
use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::kubelet;
use bulkhead_harness::network::{Flow, Host, PodNetwork};
use kube::Client;
use serde_json::{Value, json};
use support::api::{call, client, client_as, request};
use tokio::runtime::Runtime;

use super::objects::{self, BETA, OUTSIDE};
use super::stage::Stage;

const NAMESPACES: usize = 100;
/// As many are created at once.
const AT_ONCE: usize = 5;
const PORT: Port = Port::Tcp(8080);
/// Longer than an answer takes on a busy machine.
const PATIENCE: Duration = Duration::from_millis(400);

/// A pod without a proxy, from which packets are sent.
struct Sender {
    host: Host,
    address: IpAddr,
}

/// The result for one namespace.
struct First {
    /// True if the first packet of another tenant arrived.
    other_tenant: bool,
    /// How long packets from outside the mesh arrived after the pod's address was known.
    outside: Duration,
}

/// No packet of another tenant ever arrives: its own policies stop it too. From elsewhere they arrive until the engine
/// knows the pod's address.
pub(super) fn closes_the_first_pod(stage: &Stage<'_>, admin: &Kubectl) {
    let network = stage.network();
    stage.enforce_network_policies(true);
    let senders = [BETA, OUTSIDE].map(|namespace| sender(network, admin, namespace));
    let senders = &senders;
    let firsts: Vec<First> = thread::scope(|scope| {
        let first = |worker| {
            move || {
                let runtime = Runtime::new().unwrap();
                let member = runtime.block_on(client_as(admin, "pkt-acme-alice", &["pkt-acme-developers"]));
                let platform = runtime.block_on(client(admin));
                let numbers = (worker..NAMESPACES).step_by(AT_ONCE);
                numbers
                    .map(|number| first(&runtime, network, [&member, &platform], senders, number))
                    .collect::<Vec<_>>()
            }
        };
        let workers: Vec<_> = (0..AT_ONCE).map(|worker| scope.spawn(first(worker))).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let arrived = firsts.iter().filter(|first| first.other_tenant).count();
    let mut open: Vec<Duration> = firsts.iter().map(|first| first.outside).collect();
    open.sort();
    let passed = open.iter().filter(|open| !open.is_zero()).count();
    let said = format!(
        "first packets to the first pods of {NAMESPACES} new namespaces: {arrived} of another tenant arrived, {passed} \
         from outside the mesh; open for them: median {:?}, most {:?}",
        open[open.len() / 2],
        open[open.len() - 1],
    );
    support::say(&said);
    assert_eq!(arrived, 0, "{said}");
}

fn first(
    runtime: &Runtime,
    network: &PodNetwork,
    [member, platform]: [&Client; 2],
    [other_tenant, outside]: &[Sender; 2],
    number: usize,
) -> First {
    let name = format!("tenant-pkt-acme-first-{number}");
    let (namespace, addresses) = network.pod().unwrap();
    let _host = Host::start(&namespace, &addresses, &[PORT]).unwrap();
    let address = addresses[0];
    let send = |client: &Client, method: &str, path: &str, media: &str, body: &Value| {
        runtime.block_on(call(client, request(method, path, media, body)))
    };
    let object = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
    send(member, "POST", "/api/v1/namespaces", "json", &object).unwrap();
    let own = format!("/api/v1/namespaces/{name}");
    let account = format!("{own}/serviceaccounts/default");
    let is_ready = |namespace: &Value| {
        let mut conditions = namespace["status"]["conditions"].as_array().into_iter().flatten();
        conditions.any(|condition| {
            condition["type"] == "bulkhead.dev/BaselineReady" && condition["status"] == "True"
        })
    };
    while !is_ready(&send(member, "GET", &own, "json", &Value::Null).unwrap())
        || send(member, "GET", &account, "json", &Value::Null).is_err()
    {
        thread::sleep(Duration::from_millis(20));
    }
    let pods = format!("{own}/pods");
    send(member, "POST", &pods, "json", &objects::pod(&name, "first", "default")).unwrap();
    let status = kubelet::running(&addresses);
    send(platform, "PATCH", &format!("{pods}/first/status"), "merge-patch+json", &status).unwrap();
    let known = Instant::now();
    let send_from = |sender: &Sender| {
        let flow = Flow { from: sender.address, to: address, port: PORT };
        sender.host.send(vec![flow], PATIENCE)
    };
    let other_tenant = send_from(other_tenant);
    let mut open = Duration::ZERO;
    while send_from(outside).recv().unwrap().unwrap()[0] {
        open = known.elapsed();
    }
    let other_tenant = other_tenant.recv().unwrap().unwrap()[0];
    First { other_tenant, outside: open }
}

fn sender(network: &PodNetwork, admin: &Kubectl, namespace: &str) -> Sender {
    let (own, addresses) = network.pod().unwrap();
    admin.apply(&objects::pod(namespace, "sender", "default").to_string()).unwrap();
    kubelet::report_running(admin, namespace, "sender", &addresses).unwrap();
    Sender { host: Host::start(&own, &addresses, &[]).unwrap(), address: addresses[0] }
}
