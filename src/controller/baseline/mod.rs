//! The baseline controller: keeps the objects of the baseline in every tenant's namespace, for every tenant, around every
//! shared service, and once for the cluster.
//!
//! Watch events, snapshots and outcomes go into the pure `state`, and plans come out of it: the `cache` holds what
//! exists, the sync state which targets differ, the `queue` when each is reconciled, the `plan` how. `apply` carries a
//! plan out, and its outcome goes back into the `state`. [`run`] is the loop around them.

mod apply;
#[cfg(test)]
mod apply_errors;
mod cache;
mod deny_all;
mod errors;
mod events;
#[cfg(test)]
mod histories;
mod namespace_write;
mod object_ref;
mod object_write;
mod orphans;
mod outcome;
mod plan;
mod queue;
mod reason;
mod snapshot_pace;
mod state;
mod step;
mod sync_state;
mod target;

use std::collections::BTreeSet;

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use kube::Client;
use tokio::time::{Instant, sleep_until};

use crate::baseline::kinds;
use crate::kinds::Kind;
use crate::sources::SnapshotStore;
use crate::telemetry::Metrics;
use apply::{Executor, TimeLimits};
use cache::watch_managed;
use events::DriftRecorder;
use snapshot_pace::SnapshotPace;
use state::State;

pub(super) use errors::{ReconcileErrors, TargetError};
pub(super) use object_write::FIELD_MANAGER;
pub(super) use target::Target;

/// Maximum number of reconciles in flight.
const MAX_IN_FLIGHT: usize = 16;

/// Keeps every target in sync. A target that hangs or fails delays no other. Returns when the settings require
/// watches of other kinds.
pub(super) async fn run(
    client: &Client,
    snapshots: &SnapshotStore,
    errors: &ReconcileErrors,
    metrics: &Metrics,
) {
    let mut snapshot_changes = snapshots.subscribe();
    let declared_kinds: BTreeSet<Kind> = loop {
        match snapshots.newest() {
            Some(snapshot) => break kinds(&snapshot.settings).collect(),
            None => drop(snapshot_changes.changed().await),
        }
    };
    let mut events = watch_managed(client, &declared_kinds);
    let drift_recorder = DriftRecorder::new(client, metrics);
    let executor = Executor { client, snapshots, drift_recorder, metrics, limits: TimeLimits::default() };
    let mut running = FuturesUnordered::new();
    let mut state = State::new(Instant::now(), MAX_IN_FLIGHT);
    let mut pace = SnapshotPace::default();
    loop {
        let deadline = state.next_deadline();
        let deadline = pace.next(snapshots.newest().as_ref()).map_or(deadline, |next| next.min(deadline));
        tokio::select! {
            Some(event) = events.next() => state.on_event(event),
            Ok(()) = snapshot_changes.changed() => {}
            Some(outcome) = running.next() => {
                errors.record(&outcome);
                state.on_outcome(Instant::now(), outcome);
            }
            () = sleep_until(deadline) => {}
        }
        while let Some(Some(event)) = events.next().now_or_never() {
            state.on_event(event);
        }
        let Some(newest) = snapshots.newest().filter(|_| state.has_synced(&declared_kinds)) else { continue };
        if !kinds(&newest.settings).eq(declared_kinds.iter().copied()) {
            return;
        }
        let now = Instant::now();
        let plans = state.tick(now, &pace.due(now, newest));
        pace.record(Instant::now(), now.elapsed());
        running.extend(plans.into_iter().map(|plan| executor.execute(plan)));
        errors.retain(|target| state.is_out_of_sync(target));
        metrics.controller.set_out_of_sync(state.out_of_sync().map(Target::as_label));
        metrics.controller.set_failing(errors.persistent().iter().map(Target::as_label));
    }
}
