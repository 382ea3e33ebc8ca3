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

use super::denial::Denial;
use super::drift::Drift;
use super::kept::{Kept, Start, Surplus, follow};
use super::places::Place;
use super::standing::{Cause, Standing};
use super::troubles::Troubles;
use super::turns::Turns;
use super::within;
use super::write::{Change, apply, label, remove, say_ready, undo};
use crate::baseline::{Kind, MANAGED_BY_LABEL, Manifest, differences, kinds};
use crate::sources::SnapshotStore;
use crate::telemetry::Metrics;
use crate::snapshot::Snapshot;

/// Maximum number of reconciles in flight.
const AT_ONCE: usize = 16;
/// Time limit of one reconcile.
const LONGEST: Duration = Duration::from_secs(20);
/// Time limit of one write, so that a write that waits for an unreachable webhook does not use up the time of the
/// others.
const LONGEST_WRITE: Duration = Duration::from_secs(5);

/// The plan of one reconcile.
struct Work {
    place: Place,
    start: Start,
    cause: Cause,
    /// True if the complete baseline was applied before. A difference is then drift, and not an object from before
    /// the baseline.
    has_stood: bool,
    changes: Vec<Change>,
    surplus: Vec<Surplus>,
    /// True if the namespace may be marked ready after all writes.
    is_counted: bool,
}

impl Work {
    fn at(place: Place, cause: Cause, snapshot: &Snapshot, kept: &Kept) -> Self {
        let manifests = place.manifests(snapshot);
        let surplus = place.surplus(&manifests, snapshot, kept);
        Self {
            start: kept.now(),
            cause,
            has_stood: cause == Cause::Drift || place.has_stood(snapshot),
            changes: place.changes(manifests, snapshot, kept),
            surplus: surplus.into_iter().map(|key| kept.surplus(key)).collect(),
            is_counted: place.is_counted(kept),
            place,
        }
    }
}

/// The outcome of one reconcile.
struct Done {
    place: Place,
    start: Start,
    /// True if the complete baseline was applied before.
    has_stood: bool,
    written: Vec<(Kind, DynamicObject)>,
    removed: Vec<Surplus>,
    /// UID of the namespace that was marked ready.
    told: Option<String>,
    result: anyhow::Result<()>,
}

/// Keeps every target in sync. A target that hangs or fails delays no other. Returns when the settings require
/// watches of other kinds.
pub(super) async fn reconcile(client: Client, snapshots: &SnapshotStore, troubles: &Troubles, metrics: &Metrics) {
    let mut changes = snapshots.subscribe();
    let declared: BTreeSet<Kind> = loop {
        match snapshots.newest() {
            Some(snapshot) => break kinds(&snapshot.settings).collect(),
            None => drop(changes.changed().await),
        }
    };
    let mut kept = Kept::default();
    let mut news = follow(&client, &declared);
    let drift = Drift::new(&client, metrics);
    let mut running = FuturesUnordered::new();
    let mut busy = BTreeMap::new();
    // Targets whose namespace was marked ready, with its UID, until the watch delivers that.
    let mut told: BTreeMap<Place, String> = BTreeMap::new();
    let mut seen_to = BTreeSet::new();
    let mut standing = Standing::default();
    let mut turns = Turns::new(Instant::now());
    loop {
        let next_look = standing.next(snapshots.newest().as_ref());
        tokio::select! {
            Some(item) = news.next() => kept.take(item),
            Ok(()) = changes.changed() => {}
            Some(done) = running.next() => {
                let Done { place, start, has_stood, written, removed, told: uid, result } = done;
                for (kind, object) in written {
                    kept.written(kind, &object, start);
                }
                for surplus in &removed {
                    kept.removed(surplus);
                }
                told.extend(uid.map(|uid| (place.clone(), uid)));
                busy.remove(&place);
                seen_to.insert(place.clone());
                turns.seen_to(Instant::now(), &place, result.is_ok(), has_stood);
                let error = result.err().map(|error| in_words(&error));
                if let Some(error) = &error {
                    warn!(?place, error, "failed to apply the baseline; retrying");
                }
                troubles.tell(&place, error);
            }
            () = sleep_until(next_look.map_or(turns.next(), |look| look.min(turns.next()))) => {}
        }
        while let Some(Some(item)) = news.next().now_or_never() {
            kept.take(item);
        }
        let Some(newest) = snapshots.newest().filter(|_| kept.is_whole(&declared)) else { continue };
        if !kinds(&newest.settings).eq(declared.iter().copied()) {
            return;
        }

        let snapshot = standing.due(newest);
        told.retain(|place, uid| place.namespace(&snapshot).is_some_and(|now| now.uid == *uid && !now.ready));
        standing.look(&snapshot, &mut kept, &told, std::mem::take(&mut seen_to));
        troubles.retain(|place| standing.has_fallen(place));
        let rewritten = standing.rewritten();
        turns.begin(Instant::now(), |place| standing.has_fallen(place), &rewritten);
        let free = AT_ONCE.saturating_sub(running.len());
        let denial =
            if standing.has_fallen(&Place::Cluster) { Denial::of(&snapshot, &kept) } else { Denial::Stays };
        for (cause, place) in turns.of(&standing.fallen(), &busy, free, snapshot.settings.rollout_rate, denial) {
            busy.insert(place.clone(), cause);
            running.push(see_to(&client, snapshots, &drift, Work::at(place, cause, &snapshot, &kept)));
        }
    }
}

/// Returns the API server's message, or the whole chain of another error.
fn in_words(error: &anyhow::Error) -> String {
    match error.downcast_ref() {
        Some(kube::Error::Api(status)) => status.message.clone(),
        _ => format!("{error:#}"),
    }
}

/// Reconciles a target: writes the differences, compares the responses, and marks the namespace ready.
async fn see_to(client: &Client, snapshots: &SnapshotStore, drift: &Drift<'_>, work: Work) -> Done {
    let mut done = Done {
        place: work.place.clone(),
        start: work.start,
        has_stood: work.has_stood,
        written: Vec::new(),
        removed: Vec::new(),
        told: None,
        result: Ok(()),
    };
    done.result = within(LONGEST, try_see_to(client, snapshots, drift, work, &mut done)).await;
    done
}

async fn try_see_to(
    client: &Client,
    snapshots: &SnapshotStore,
    drift: &Drift<'_>,
    work: Work,
    done: &mut Done,
) -> anyhow::Result<()> {
    let Work { place, cause, has_stood, changes, surplus, is_counted, .. } = work;
    let Some(snapshot) = snapshots.newest() else { return Ok(()) };
    let mut failed = match &place {
        Place::Undone(namespace) => undo(client, snapshots, namespace).await.err(),
        Place::Namespace { namespace, .. } => label(client, snapshots, &place, namespace).await.err(),
        Place::Tenant(_) | Place::Service(_) | Place::Cluster | Place::Leftover(_) => None,
    };
    let may_replace = has_stood || place.findings_acknowledged(&snapshot);
    for change in &changes {
        if failed.is_some() && !place.goes_on_with(change) {
            continue;
        }
        let written = within(LONGEST_WRITE, apply(client, change, may_replace)).await;
        let result = written.and_then(|object| {
            let result = reads_back(&change.manifest, &object);
            done.written.push((change.manifest.kind, object));
            result
        });
        match result {
            Ok(()) if cause == Cause::Drift => drift.repaired(&snapshot, &place, &change.manifest).await,
            Ok(()) => {}
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    for surplus in surplus {
        if failed.is_some() && !place.goes_on_without(&surplus.key) {
            break;
        }
        match remove(client, &surplus.key).await {
            Ok(()) => done.removed.push(surplus),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    if let Some(error) = failed {
        return Err(error);
    }
    // The writes took time, so readiness is decided with the newest snapshot.
    let snapshot = snapshots.newest();
    let unready = snapshot.as_ref().and_then(|snapshot| place.to_tell(snapshot)).filter(|_| is_counted);
    if let (Place::Namespace { namespace, tenant }, Some(unready)) = (&place, unready) {
        say_ready(client, namespace, tenant).await?;
        done.told = Some(unready.uid.clone());
    }
    Ok(())
}

/// Fails if the API server has stored other values than were written.
fn reads_back(manifest: &Manifest, object: &DynamicObject) -> anyhow::Result<()> {
    let differences = differences(manifest.kind, &manifest.object, &serde_json::to_value(object)?);
    anyhow::ensure!(
        differences.is_empty(),
        "the API server stored {} {} with other values in {}: exclude objects with the label {}={} from the policy or \
         webhook that changes them",
        manifest.kind.name(),
        manifest.name,
        differences.iter().map(|difference| difference.path.join(".")).collect::<Vec<_>>().join(", "),
        MANAGED_BY_LABEL.0,
        MANAGED_BY_LABEL.1,
    );
    Ok(())
}
