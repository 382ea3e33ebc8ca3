//! Calls through real Envoys, which the real istiod configures, in two clusters, one of them without Bulkhead. Calls
//! that the baseline forbids do not arrive, calls that it allows do, and all of them arrive without it.
//!
//! `rows` is the table of calls to a tenant: the caller, the way, and the result. `asks` is the table of calls to a
//! shared service. `capture` is the table of pods that weaken the capture of their own traffic. `deny_all` tests the
//! mesh-wide policy, `extension` an extension that would open everything, `readiness` the first packets to new pods,
//! `layers` each layer of the defence alone, `steering` a route for hosts of two tenants. `objects` builds the objects of
//! both clusters, `stage` runs the pods and makes the calls.

mod asks;
mod capture;
mod deny_all;
mod extension;
mod layers;
mod objects;
mod readiness;
mod rows;
mod stage;
mod steering;

use std::sync::mpsc::{Receiver, channel};
use std::{iter, thread};

use bulkhead_harness::cluster::Cluster;
use bulkhead_harness::istio::Istio;
use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::network::has_ipv6;
use bulkhead_harness::program::Installation;

use serde_json::Value;
use support::BINARY;
use support::cluster::{new_tenant, wait_until_ready};
use support::objects::list;
use support::refusal::refused;
use support::snapshot_files::compare_part;

use crate::calls::settled;

use asks::{ASKS, Heard};
use objects::{ACME, BETA, MORE};
use rows::{Ending, ROWS, Row};
use stage::Stage;

const COLUMNS: &str =
    "without Bulkhead | with Bulkhead: proxies alone | with network policies |\n|---|---|---|---|---|\n";

/// The columns of the tables, which are the indices of the expectations.
const WITHOUT: usize = 0;
const PROXIES: usize = 1;
const NETWORK: usize = 2;

/// The results of all rows and of all asks, in one column.
#[derive(Default)]
struct Found {
    endings: Vec<Ending>,
    heard: Vec<Heard>,
}

#[test]
fn forbidden_calls_do_not_arrive() {
    if !crate::can_send_packets() {
        return;
    }
    let (send, receive) = channel();
    let ([without], [network, proxies]) = thread::scope(|scope| {
        let without = scope.spawn(move || without_bulkhead(&receive));
        let with = with_bulkhead(move |policies| send.send(policies).unwrap());
        (without.join().unwrap(), with)
    });

    let found = [&without, &proxies, &network];
    let endings: Vec<_> = (0..ROWS.len()).map(|row| found.map(|found| &found.endings[row])).collect();
    let heard: Vec<_> = (0..ASKS.len()).map(|ask| found.map(|found| &found.heard[ask])).collect();
    let rows = ROWS.iter().zip(&endings).map(|(row, found)| row.written(*found));
    let asks = ASKS.iter().zip(&heard).map(|(ask, found)| ask.written(*found));
    let table: String = iter::once(format!("| who calls | how | {COLUMNS}"))
        .chain(rows)
        .chain([format!("\n| who calls a shared service | for what | {COLUMNS}")])
        .chain(asks)
        .chain([capture::table(), layers::table()])
        .collect();
    let row = ROWS.iter().zip(&endings).find(|(row, found)| row.endings.each_ref() != **found);
    let ask = ASKS.iter().zip(&heard).find(|(ask, found)| ask.heard.each_ref() != **found);
    let wrong = row.map(|(row, _)| row.written(row.endings.each_ref()));
    let wrong = wrong.or_else(|| ask.map(|(ask, _)| ask.written(ask.heard.each_ref())));
    assert!(wrong.is_none(), "expected {wrong:?}\n{table}");
    compare_part("packets", &table);
    if !has_ipv6() {
        support::say("NO CALLS WERE MADE BY IPv6, which this machine lacks");
    }
}

/// At the end it gets the policies of the other cluster's baseline.
fn without_bulkhead(policies: &Receiver<Value>) -> [Found; 1] {
    let cluster = Cluster::start().unwrap();
    let istio = Istio::start(&cluster).unwrap();
    let admin = cluster.admin().unwrap();
    let namespaces = [ACME, MORE, BETA].map(|name| objects::namespace(name, "enabled"));
    admin.apply(&list(namespaces).to_string()).unwrap();
    let stage = Stage::set(&cluster, &istio);
    let found = found(&stage, [WITHOUT], [&admin, &admin]);
    admin.apply(&policies.recv().unwrap().to_string()).unwrap();
    capture::is_lost_without_bulkhead(&stage, &admin);
    found
}

/// One tenant has [`objects::grants`], the other has no grants.
fn with_bulkhead(send: impl FnOnce(Value)) -> [Found; 2] {
    let mut it = Installation::start(&BINARY, |_| {}).unwrap();
    let admin = it.cluster.admin().unwrap();
    admin.apply(&objects::platform().to_string()).unwrap();
    admin.apply(&objects::shared_services().to_string()).unwrap();
    let [acme, beta] = ["pkt-acme", "pkt-beta"].map(|name| new_tenant(&it, name));
    let grants = objects::grants().to_string();
    admin.ok(&["patch", "tenant", "pkt-acme", "--type=merge", "-p", &grants]).unwrap();
    for (member, namespace) in [(&acme, ACME), (&acme, MORE), (&beta, BETA)] {
        member.ok(&["create", "namespace", namespace]).unwrap();
        wait_until_ready(member, namespace);
    }
    admin.ok(&["wait", "--for=condition=Ready", "sharedservice", "--all", "--timeout=60s"]).unwrap();
    send(capture::policies(&admin));
    let stage = Stage::set(&it.cluster, it.istio().unwrap());
    deny_all::is_tried_before_it_is_enforced(&stage, &it.cluster, &mut it.controller);
    stage.enforce_network_policies(false);
    extension::opens_what_is_closed(&stage, &admin, &acme);
    // The route of another tenant is refused. The baseline holds even if it exists.
    let route = objects::route_taken().to_string();
    refused(&beta, &["create", "-f", "-"], &route, &[("BH601", "spec.hosts[0]")]);
    let firefighter = it.cluster.powerful("firefighter", "firefighters").unwrap();
    steering::needs_a_route_for_hosts_of_others(&stage, &firefighter, &beta);
    let found = found(&stage, [NETWORK, PROXIES], [&acme, &firefighter]);
    capture::is_kept_with_bulkhead(&stage, &acme);
    readiness::closes_the_first_pod(&stage, &admin);
    layers::are_each_enough(&stage, &admin, &mut it.controller, &mut it.replicas);
    found
}

/// The results in these columns. Network policies are enforced first: with them no proxy keeps a connection that they
/// forbid.
fn found<const N: usize>(stage: &Stage<'_>, columns: [usize; N], [acme, beta]: [&Kubectl; 2]) -> [Found; N] {
    let (first, last) = ROWS.split_at(ROWS.partition_point(|row| row.though.is_none()));
    let mut found = columns.map(|_| Found::default());
    for (rows, asks) in [(first, ASKS), (last, &[])] {
        if asks.is_empty() {
            stage.meddle(acme, beta);
        }
        for (column, found) in columns.into_iter().zip(&mut found) {
            stage.enforce_network_policies(column != PROXIES);
            let ending = |row: &Row| {
                if row.is_sent() { stage.ending(row) } else { row.endings[column].clone() }
            };
            found.endings.extend(settled(rows, |row| &row.endings[column], ending));
            found.heard.extend(settled(asks, |ask| &ask.heard[column], |ask| stage.heard(ask)));
        }
    }
    found
}
