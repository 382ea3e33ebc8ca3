//! Packets: what the baseline forbids does not arrive, what it allows does, and what it forbids would arrive without
//! it. Real istiod, real agents, real Envoys, in networks of their own; one cluster has Bulkhead, the other has none.
//!
//! `rows` is the table: who calls, how, and what becomes of it. `objects` is what stands in the API of either cluster,
//! `stage` runs the pods and calls.

mod objects;
mod rows;
mod stage;

use std::path::Path;
use std::{iter, thread};

use bulkhead_harness::cluster::Cluster;
use bulkhead_harness::dataplane::missing;
use bulkhead_harness::istio::Istio;
use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::program::Installation;

use crate::blessed::compare_part;
use crate::cluster::{BINARY, is_ready, tenant};
use objects::{ACME, BETA, MORE};
use rows::{Ending, ROWS, Row};
use stage::Stage;

const HEADER: &str = "| who calls | how | without Bulkhead | with Bulkhead |\n|---|---|---|---|\n";

#[test]
fn what_is_forbidden_does_not_arrive() {
    if let Some(missing) = missing() {
        let required = std::env::var_os("BULKHEAD_PACKETS").is_some();
        assert!(!required, "packets cannot be sent here; missing: {missing}");
        let said = format!("\nNO PACKETS WERE SENT: this machine lacks {missing}\n\n");
        std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes()).unwrap();
        return;
    }
    let (without, with) = thread::scope(|scope| {
        let without = scope.spawn(without_bulkhead);
        let with = with_bulkhead();
        (without.join().unwrap(), with)
    });

    let found = || without.iter().zip(&with).map(|(without, with)| [without, with]);
    let written = ROWS.iter().zip(found()).map(|(row, found)| row.written(found));
    let table: String = iter::once(HEADER.to_owned()).chain(written).collect();
    for (row, found) in ROWS.iter().zip(found()) {
        assert_eq!(found, row.endings.each_ref(), "{}{table}", row.written(row.endings.each_ref()));
    }
    compare_part("README.md", "packets", &table);
}

fn without_bulkhead() -> Vec<Ending> {
    let cluster = Cluster::start().unwrap();
    let istio = Istio::start(&cluster).unwrap();
    let admin = cluster.admin().unwrap();
    let namespaces = [ACME, MORE, BETA].map(|name| objects::namespace(name, "enabled"));
    admin.apply(&objects::list(namespaces).to_string()).unwrap();
    endings(&Stage::set(&cluster, &istio), [&admin, &admin], |row| &row.endings[0])
}

/// Nobody is granted anything: a grant is written here, and its rows beside those of who was not granted.
fn with_bulkhead() -> Vec<Ending> {
    let it = Installation::start(Path::new(BINARY), |_| {}).unwrap();
    let [acme, beta] = ["pkt-acme", "pkt-beta"].map(|name| tenant(&it, name));
    for (member, namespace) in [(&acme, ACME), (&acme, MORE), (&beta, BETA)] {
        member.ok(&["create", "namespace", namespace]).unwrap();
        is_ready(member, namespace);
    }
    endings(&Stage::set(&it.cluster, &it.istio), [&acme, &beta], |row| &row.endings[1])
}

fn endings(
    stage: &Stage<'_>,
    [acme, beta]: [&Kubectl; 2],
    expected: impl Fn(&Row) -> &Ending,
) -> Vec<Ending> {
    let (first, last) = ROWS.split_at(ROWS.partition_point(|row| row.though.is_none()));
    let mut found = stage.endings(first, &expected);
    stage.meddle(acme, beta);
    found.extend(stage.endings(last, &expected));
    found
}
