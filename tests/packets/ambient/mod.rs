//! Calls in an ambient mesh, in which the real istiod pushes the baseline's policies. A real Envoy is the waypoint of a
//! tenant, and real Envoys are the sidecars and gateways of the platform, which the same istiod configures. Of ztunnel no
//! registry has a binary: the double (`tests/components/istio/double`, whose comment lists what it does not prove) takes
//! its place in front of each captured pod.
//!
//! `rows` has the tables of calls. `waypoint` tests abuse of a waypoint and the copy of the baseline's policy at it,
//! `deleted` the deletion of waypoints under load, `moving` a tenant that moves between the dataplanes. `pushed` tests
//! what istiod pushes to ztunnels, `lost` policies that lose their effect there. `objects` builds the
//! objects of the cluster, `stage` runs the pods and makes the calls.

mod deleted;
mod lost;
mod moving;
mod objects;
mod pushed;
mod rows;
mod stage;
mod waypoint;

use std::iter;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use support::snapshot_files::compare_part;

use crate::calls::{Ending, Row, settled};

use crate::asks::Heard;

use rows::{ASKS, CALLS, SERVED, THROUGH_WAYPOINT};
use stage::Stage;

/// The columns of the tables, which are the indices of the expectations.
const WITHOUT: usize = 0;
const PROXIES: usize = 1;
const NETWORK: usize = 2;
const COLUMNS: [usize; 3] = [WITHOUT, PROXIES, NETWORK];

/// The pods, which the tests of this suite use one after another.
fn stage() -> Option<MutexGuard<'static, Stage>> {
    static STAGE: LazyLock<Mutex<Stage>> = LazyLock::new(|| Mutex::new(Stage::set()));
    crate::can_send_packets().then(|| STAGE.lock().unwrap_or_else(PoisonError::into_inner))
}

#[test]
fn forbidden_calls_do_not_arrive() {
    let Some(stage) = stage() else { return };
    let mut found: Vec<Found> = [NETWORK, PROXIES].map(|column| found(&stage, column)).into();
    stage.without_baseline(|stage| found.push(self::found(stage, WITHOUT)));
    found.reverse();

    let direct = table("who calls | how", "the double alone", CALLS, &found, |found| &found.direct);
    let through =
        table("who calls | how", "the waypoint and the double", THROUGH_WAYPOINT, &found, |found| {
            &found.through
        });
    let served = SERVED.iter().enumerate();
    let served = served.map(|(index, call)| call.written(COLUMNS.map(|column| &found[column].served[index])));
    let served_head = head("who calls a shared service | port", "the double alone");
    let asks = ASKS.iter().enumerate();
    let asks = asks.map(|(index, ask)| ask.written(COLUMNS.map(|column| &found[column].heard[index])));
    let asks_head = head("who calls a shared service | for what", "the waypoint and the double");
    let served = iter::once(served_head).chain(served).collect();
    let asks = iter::once(asks_head).chain(asks).collect();
    let text = [direct, through, served, asks].join("\n");

    let is_expected = |column: usize| {
        let Found { direct, through, served, heard } = &found[column];
        let rows = CALLS.iter().chain(THROUGH_WAYPOINT).map(|row| &row.endings[column]);
        let expected = rows.chain(SERVED.iter().map(|call| &call.endings[column]));
        direct.iter().chain(through).chain(served).eq(expected)
            && heard.iter().eq(ASKS.iter().map(|ask| &ask.heard[column]))
    };
    assert!(COLUMNS.into_iter().all(is_expected), "not as expected:\n{text}");
    compare_part("ambient", &text);
}

/// The results of one column.
struct Found {
    direct: Vec<Ending>,
    through: Vec<Ending>,
    served: Vec<Ending>,
    heard: Vec<Heard>,
}

fn found(stage: &Stage, column: usize) -> Found {
    stage.enforce_network_policies(column == NETWORK);
    let direct = |rows| settled(rows, |row: &Row| &row.endings[column], |row| stage.direct(row));
    let (first, last) = CALLS.split_at(CALLS.partition_point(|row| row.though.is_none()));
    let first = direct(first);
    let last = stage.with_policy(&objects::all_allowed(), || direct(last));
    let found = Found {
        direct: [first, last].concat(),
        through: settled(THROUGH_WAYPOINT, |row| &row.endings[column], |row| stage.through_waypoint(row)),
        served: settled(SERVED, |call| &call.endings[column], |call| stage.served(call)),
        heard: settled(ASKS, |ask| &ask.heard[column], |ask| stage.heard(ask)),
    };
    stage.enforce_network_policies(false);
    found
}

fn head(callers: &str, proxies: &str) -> String {
    format!(
        "| {callers} | without the mesh's policies | with Bulkhead: {proxies} | with network policies |\n\
         |---|---|---|---|---|\n"
    )
}

fn table(
    callers: &str,
    proxies: &str,
    rows: &[Row],
    found: &[Found],
    of: impl Fn(&Found) -> &Vec<Ending>,
) -> String {
    let written = |(index, row): (usize, &Row)| row.written(COLUMNS.map(|column| &of(&found[column])[index]));
    iter::once(head(callers, proxies)).chain(rows.iter().enumerate().map(written)).collect()
}
