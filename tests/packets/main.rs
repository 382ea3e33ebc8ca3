//! The packets tier: calls that the baseline forbids do not arrive, calls that it allows do, and all of them arrive
//! without it. Real istiod, real agents and real Envoys, in networks of their own; one of two clusters has Bulkhead.
//!
//! `rows` is the table of calls to a tenant: the caller, the way, and the result. `asks` is the table of calls to a shared
//! service. `capture` is the table of pods that weaken the capture of their own traffic. `deny_all` tests the mesh-wide policy, `extension` an extension that would open everything. `objects` builds
//! the objects of both clusters, `stage` runs the pods and makes the calls.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![expect(clippy::indexing_slicing, reason = "an absent field of JSON is `null`")]

mod asks;
mod capture;
mod deny_all;
mod extension;
mod objects;
mod rows;
mod stage;

use std::sync::mpsc::{Receiver, channel};
use std::{iter, thread};

use bulkhead_harness::cluster::Cluster;
use bulkhead_harness::dataplane::missing;
use bulkhead_harness::istio::Istio;
use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::program::Installation;

use serde_json::Value;
use support::BINARY;
use support::cluster::{new_tenant, wait_until_ready};
use support::objects::list;
use support::refusal::refused;
use support::snapshot_files::compare_part;

use asks::{ASKS, Heard};
use objects::{ACME, BETA, MORE};
use rows::{Ending, ROWS};
use stage::{Stage, settled};

const HEADER: &str = "| who calls | how | without Bulkhead | with Bulkhead |\n|---|---|---|---|\n";
const ASKED: &str =
    "\n| who calls a shared service | for what | without Bulkhead | with Bulkhead |\n|---|---|---|---|\n";

/// The results of all rows and of all asks.
struct Found {
    endings: Vec<Ending>,
    heard: Vec<Heard>,
}

#[test]
fn forbidden_calls_do_not_arrive() {
    if let Some(missing) = missing() {
        let required = std::env::var_os("BULKHEAD_PACKETS").is_some();
        assert!(!required, "packets cannot be sent here; missing: {missing}");
        let said = format!("\nNO PACKETS WERE SENT: this machine lacks {missing}\n\n");
        std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes()).unwrap();
        return;
    }
    let (send, receive) = channel();
    let (without, with) = thread::scope(|scope| {
        let without = scope.spawn(move || without_bulkhead(&receive));
        let with = with_bulkhead(move |policies| send.send(policies).unwrap());
        (without.join().unwrap(), with)
    });

    let endings: Vec<_> = without.endings.iter().zip(&with.endings).map(<[&Ending; 2]>::from).collect();
    let heard: Vec<_> = without.heard.iter().zip(&with.heard).map(<[&Heard; 2]>::from).collect();
    let rows = ROWS.iter().zip(&endings).map(|(row, found)| row.written(*found));
    let asks = ASKS.iter().zip(&heard).map(|(ask, found)| ask.written(*found));
    let table: String = iter::once(HEADER.to_owned())
        .chain(rows)
        .chain([ASKED.to_owned()])
        .chain(asks)
        .chain([capture::table()])
        .collect();
    let row = ROWS.iter().zip(&endings).find(|(row, found)| row.endings.each_ref() != **found);
    let ask = ASKS.iter().zip(&heard).find(|(ask, found)| ask.heard.each_ref() != **found);
    let wrong = row.map(|(row, _)| row.written(row.endings.each_ref()));
    let wrong = wrong.or_else(|| ask.map(|(ask, _)| ask.written(ask.heard.each_ref())));
    assert!(wrong.is_none(), "expected {wrong:?}\n{table}");
    compare_part("packets", &table);
}

/// At the end it gets the policies of the other cluster's baseline.
fn without_bulkhead(policies: &Receiver<Value>) -> Found {
    let cluster = Cluster::start().unwrap();
    let istio = Istio::start(&cluster).unwrap();
    let admin = cluster.admin().unwrap();
    let namespaces = [ACME, MORE, BETA].map(|name| objects::namespace(name, "enabled"));
    admin.apply(&list(namespaces).to_string()).unwrap();
    let stage = Stage::set(&cluster, &istio);
    let found = found::<0>(&stage, [&admin, &admin]);
    admin.apply(&policies.recv().unwrap().to_string()).unwrap();
    capture::is_lost_without_bulkhead(&stage, &admin);
    found
}

/// One tenant has [`objects::grants`], the other has no grants.
fn with_bulkhead(send: impl FnOnce(Value)) -> Found {
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
    extension::opens_what_is_closed(&stage, &admin, &acme);
    // The route of another tenant is refused. The baseline holds even if it exists.
    let route = objects::route_taken().to_string();
    refused(&beta, &["create", "-f", "-"], &route, &[("BH601", "spec.hosts[0]")]);
    let firefighter = it.cluster.powerful("firefighter", "firefighters").unwrap();
    let found = found::<1>(&stage, [&acme, &firefighter]);
    capture::is_kept_with_bulkhead(&stage, &acme);
    found
}

/// The results in the cluster with this index in the expectations of each row.
fn found<const CLUSTER: usize>(stage: &Stage<'_>, [acme, beta]: [&Kubectl; 2]) -> Found {
    let (first, last) = ROWS.split_at(ROWS.partition_point(|row| row.though.is_none()));
    let mut endings = settled(first, |row| &row.endings[CLUSTER], |row| stage.ending(row));
    let heard = settled(ASKS, |ask| &ask.heard[CLUSTER], |ask| stage.heard(ask));
    stage.meddle(acme, beta);
    endings.extend(settled(last, |row| &row.endings[CLUSTER], |row| stage.ending(row)));
    Found { endings, heard }
}
