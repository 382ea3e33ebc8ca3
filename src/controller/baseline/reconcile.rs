//! Event loop of the baseline controller.
//!
//! Feeds watch events and snapshots to the cache and the sync state, takes the next targets from the workqueue,
//! reconciles several at a time, and records the results.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use kube::Client;
use kube::api::DynamicObject;
use tokio::time::{Instant, sleep_until};
use tracing::warn;

use super::apply::{add_missing_labels, apply, ensure_no_pods, mark_ready, mark_unready, prune_object};
use super::cache::{CacheVersion, ManagedCache, PruneCandidate, watch_managed};
use super::deny_all::DenyAllTransition;
use super::errors::ReconcileErrors;
use super::events::DriftRecorder;
use super::plan::Plan;
use super::sync_state::{ReconcileReason, SyncState};
use super::target::Target;
use super::workqueue::Workqueue;
use crate::baseline::{Manifest, drift, kinds};
use crate::controller::timeout::with_timeout;
use crate::keys::MANAGED_BY_LABEL;
use crate::kinds::Kind;
use crate::policy::object::Path;
use crate::policy::quote;
use crate::sources::SnapshotStore;
use crate::telemetry::Metrics;

/// Maximum number of reconciles in flight.
const MAX_IN_FLIGHT: usize = 16;
/// Time limit of one reconcile.
const TARGET_TIMEOUT: Duration = Duration::from_secs(20);
/// Time limit of one write, so that a write that waits for an unreachable webhook does not use up the time of the
/// others.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// The outcome of one reconcile.
struct Outcome {
    target: Target,
    cache_version: CacheVersion,
    /// True if the complete baseline was applied before.
    was_ready: bool,
    applied: Vec<(Kind, DynamicObject)>,
    pruned: Vec<PruneCandidate>,
    /// UID of the namespace that was marked ready.
    ready_reported: Option<String>,
    result: anyhow::Result<()>,
}

/// Keeps every target in sync. A target that hangs or fails delays no other. Returns when the settings require
/// watches of other kinds.
pub(in crate::controller) async fn run(
    client: Client,
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
    let mut cache = ManagedCache::default();
    let mut events = watch_managed(&client, &declared_kinds);
    let drift_recorder = DriftRecorder::new(&client, metrics);
    let mut running = FuturesUnordered::new();
    let mut in_flight = BTreeMap::new();
    // Targets whose namespace was marked ready, with its UID, until the watch delivers that.
    let mut ready_reported: BTreeMap<Target, String> = BTreeMap::new();
    let mut reconciled = BTreeSet::new();
    let mut sync_state = SyncState::default();
    let mut queue = Workqueue::new(Instant::now());
    loop {
        let next_refresh = sync_state.next_refresh(snapshots.newest().as_ref());
        tokio::select! {
            Some(event) = events.next() => cache.apply_event(event),
            Ok(()) = snapshot_changes.changed() => {}
            Some(outcome) = running.next() => {
                let Outcome { target, cache_version, was_ready, applied, pruned, ready_reported: uid, result } = outcome;
                for (kind, object) in applied {
                    cache.record_write(kind, &object, cache_version);
                }
                for prune in &pruned {
                    cache.record_delete(prune);
                }
                ready_reported.extend(uid.map(|uid| (target.clone(), uid)));
                in_flight.remove(&target);
                reconciled.insert(target.clone());
                queue.record_result(Instant::now(), &target, result.is_ok(), was_ready);
                let error = result.err().map(|error| error_message(&error));
                if let Some(error) = &error {
                    warn!(reconcile_target = ?target, error, "failed to apply the baseline; retrying");
                }
                errors.record(&target, error);
            }
            () = sleep_until(next_refresh.map_or(queue.next_deadline(), |refresh| refresh.min(queue.next_deadline()))) => {}
        }
        while let Some(Some(event)) = events.next().now_or_never() {
            cache.apply_event(event);
        }
        let Some(newest) = snapshots.newest().filter(|_| cache.has_synced(&declared_kinds)) else { continue };
        if !kinds(&newest.settings).eq(declared_kinds.iter().copied()) {
            return;
        }

        let snapshot = sync_state.due_snapshot(newest);
        ready_reported.retain(|target, uid| {
            target.namespace(&snapshot).is_some_and(|now| now.uid == *uid && !now.ready)
        });
        sync_state.refresh(&snapshot, &mut cache, &ready_reported, std::mem::take(&mut reconciled));
        errors.retain(|target| sync_state.is_out_of_sync(target));
        let spec_changed = sync_state.take_spec_changed();
        queue.start_round(Instant::now(), |target| sync_state.is_out_of_sync(target), &spec_changed);
        let capacity = MAX_IN_FLIGHT.saturating_sub(running.len());
        let deny_all = if sync_state.is_out_of_sync(&Target::Cluster) {
            DenyAllTransition::new(&snapshot, &cache)
        } else {
            DenyAllTransition::None
        };
        for (reason, target) in queue.next_batch(
            &sync_state.pending_groups(),
            &in_flight,
            capacity,
            snapshot.settings.rollout_rate,
            deny_all,
        ) {
            in_flight.insert(target.clone(), reason);
            running.push(reconcile_target(
                &client,
                snapshots,
                &drift_recorder,
                Plan::new(target, reason, &snapshot, &cache),
            ));
        }
    }
}

/// Returns the API server's message, or the whole chain of another error.
fn error_message(error: &anyhow::Error) -> String {
    match error.downcast_ref() {
        Some(kube::Error::Api(status)) => status.message.clone(),
        _ => format!("{error:#}"),
    }
}

/// Reconciles a target: writes the differences, compares the responses, and marks the namespace ready.
async fn reconcile_target(
    client: &Client,
    snapshots: &SnapshotStore,
    drift_recorder: &DriftRecorder<'_>,
    plan: Plan,
) -> Outcome {
    let mut outcome = Outcome {
        target: plan.target.clone(),
        cache_version: plan.cache_version,
        was_ready: plan.was_ready,
        applied: Vec::new(),
        pruned: Vec::new(),
        ready_reported: None,
        result: Ok(()),
    };
    outcome.result =
        with_timeout(TARGET_TIMEOUT, execute(client, snapshots, drift_recorder, plan, &mut outcome)).await;
    outcome
}

async fn execute(
    client: &Client,
    snapshots: &SnapshotStore,
    drift_recorder: &DriftRecorder<'_>,
    plan: Plan,
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    let Plan { target, reason, was_ready, writes, prune, closed_pods, quota_synced, .. } = plan;
    let Some(snapshot) = snapshots.newest() else { return Ok(()) };
    let mut first_error = match &target {
        Target::RevokeReady(namespace) => mark_unready(client, snapshots, namespace).await.err(),
        Target::Namespace { namespace, .. } => {
            add_missing_labels(client, snapshots, &target, namespace).await.err()
        }
        Target::Tenant(_) | Target::Service(_) | Target::Cluster | Target::Orphan(_) => None,
    };
    if let (Target::Service(_), Some(labels), Some(write)) = (&target, &closed_pods, writes.first())
        && reason != ReconcileReason::Drift
    {
        ensure_no_pods(client, write.manifest.namespace.as_deref().unwrap_or_default(), labels).await?;
    }
    let may_replace = was_ready || target.findings_acknowledged(&snapshot);
    for write in &writes {
        if first_error.is_some() && !target.writes_after_failure(write) {
            continue;
        }
        let applied = with_timeout(WRITE_TIMEOUT, apply(client, write, may_replace)).await;
        let result = applied.and_then(|object| {
            let result = verify_applied(&write.manifest, &object);
            outcome.applied.push((write.manifest.kind, object));
            result
        });
        match result {
            Ok(()) if reason == ReconcileReason::Drift => {
                drift_recorder.record_repair(&snapshot, &target, &write.manifest).await;
            }
            Ok(()) => {}
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    for prune in prune {
        if first_error.is_some() && !target.prunes_after_failure(&prune.key) {
            break;
        }
        if let Some(labels) = &closed_pods {
            ensure_no_pods(client, &prune.key.namespace, labels).await?;
        }
        match prune_object(client, &prune.key).await {
            Ok(()) => outcome.pruned.push(prune),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    if let Some(error) = first_error {
        return Err(error);
    }
    // The writes took time, so readiness is decided with the newest snapshot.
    let snapshot = snapshots.newest();
    let awaiting =
        snapshot.as_ref().and_then(|snapshot| target.awaiting_ready(snapshot)).filter(|_| quota_synced);
    if let (Target::Namespace { namespace, tenant }, Some(awaiting)) = (&target, awaiting) {
        mark_ready(client, namespace, tenant).await?;
        outcome.ready_reported = Some(awaiting.uid.clone());
    }
    Ok(())
}

/// Fails if the API server has stored an object that means something else than the one that was written.
fn verify_applied(manifest: &Manifest, object: &DynamicObject) -> anyhow::Result<()> {
    let drift = drift(manifest.kind, &manifest.object, &serde_json::to_value(object)?);
    let Some(first) = drift.first() else { return Ok(()) };
    let path = Path::from_steps(&first.path);
    let change = match (&first.found, &first.wanted) {
        (Some(found), Some(wanted)) => format!("{} instead of {}", quote(found), quote(wanted)),
        (Some(found), None) => format!("{}, and must be absent", quote(found)),
        (None, Some(wanted)) => format!("absent, and must be {}", quote(wanted)),
        (None, None) => "another one".to_owned(),
    };
    let others = match drift.len() {
        1 => String::new(),
        count => format!(" ({} more fields differ)", count - 1),
    };
    let (kind, name, (key, value)) = (manifest.kind.name(), &manifest.name, MANAGED_BY_LABEL);
    anyhow::bail!(
        "another webhook or policy changes {kind} {name} while it is written: {path} is {change}{others}; exclude \
         objects with the label {key}={value} from that webhook or policy"
    )
}
