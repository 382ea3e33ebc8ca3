use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use kube::Client;
use kube::api::DynamicObject;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::warn;

use super::drift::Drift;
use super::kept::{Kept, follow};
use super::places::{Cause, Key, Place, Standing, is_kept};
use super::troubles::Troubles;
use super::write::{apply, label, remove, say_ready, undo};
use crate::baseline::{Kind, Manifest, differences, kinds};
use crate::sources::Worlds;
use crate::telemetry::Metrics;

/// How many places are seen to at once.
const AT_ONCE: usize = 16;
/// How long one place may take.
const LONGEST: Duration = Duration::from_secs(20);
/// How long a place that failed is left alone: doubled each time, up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_mins(1);

/// A place that failed, and when it is tried again.
struct Pause {
    length: Duration,
    until: Instant,
}

/// What is to be done at a place.
struct Work {
    place: Place,
    cause: Cause,
    manifests: Vec<Manifest>,
    surplus: Vec<Key>,
    /// Whether the namespace may be told to be ready once all that is done.
    is_counted: bool,
}

/// What came of seeing to a place.
struct Done {
    place: Place,
    written: Vec<(Kind, DynamicObject)>,
    removed: Vec<Key>,
    /// The namespace that was told to be ready.
    told: Option<String>,
    result: anyhow::Result<()>,
}

/// Keeps every baseline, from news to news. Ends when the settings declare other kinds. A place that hangs or fails
/// keeps no other waiting.
pub(super) async fn reconcile(client: Client, worlds: &Worlds, troubles: &Troubles, metrics: &Metrics) {
    let mut changes = worlds.changes();
    let declared: BTreeSet<Kind> = loop {
        match worlds.newest() {
            Some(world) => break kinds(&world.settings).collect(),
            None => drop(changes.changed().await),
        }
    };
    let mut kept = Kept::default();
    let mut news = follow(&client, &declared);
    let drift = Drift::new(&client, metrics);
    let mut running = FuturesUnordered::new();
    let mut busy = BTreeSet::new();
    let mut pauses: BTreeMap<Place, Pause> = BTreeMap::new();
    // Told ready, with its uid; the watch shows it a moment later.
    let mut told: BTreeMap<Place, String> = BTreeMap::new();
    let mut standing = Standing::default();
    let mut next_upgrade = Instant::now();
    let mut waits_its_turn = false;
    loop {
        let idle = pauses.iter().filter(|(place, _)| running.len() < AT_ONCE && !busy.contains(*place));
        let next_try = idle.map(|(_, pause)| pause.until);
        let next_try = next_try.chain(waits_its_turn.then_some(next_upgrade)).min();
        tokio::select! {
            Some(item) = news.next() => kept.take(item),
            Ok(()) = changes.changed() => {}
            Some(done) = running.next() => {
                let Done { place, written, removed, told: uid, result } = done;
                for (kind, object) in written {
                    kept.insert(kind, &object);
                }
                for (kind, namespace, name) in &removed {
                    kept.remove(*kind, namespace, name);
                }
                told.extend(uid.map(|uid| (place.clone(), uid)));
                busy.remove(&place);
                troubles.tell(&place, result.as_ref().err().map(|error| format!("{error:#}")));
                match result {
                    Ok(()) => drop(pauses.remove(&place)),
                    Err(error) => {
                        warn!(?place, error = format!("{error:#}"), "the baseline does not stand; trying again");
                        let before = pauses.get(&place).map(|pause| pause.length * 2);
                        let length = before.unwrap_or(FIRST_PAUSE).min(LAST_PAUSE);
                        pauses.insert(place, Pause { length, until: Instant::now() + length });
                    }
                }
            }
            () = until(next_try) => {}
        }
        while let Some(Some(item)) = news.next().now_or_never() {
            kept.take(item);
        }
        let Some(world) = worlds.newest().filter(|_| kept.is_whole(&declared)) else { continue };
        if !kinds(&world.settings).eq(declared.iter().copied()) {
            return;
        }

        told.retain(|place, uid| place.namespace(&world).is_some_and(|now| now.uid == *uid && !now.ready));
        let fallen = standing.fallen(&world, &kept, &told);
        let places: BTreeSet<&Place> = fallen.iter().map(|(place, _)| place).collect();
        pauses.retain(|place, _| places.contains(place));
        troubles.retain(|place| places.contains(place));
        let now = Instant::now();
        waits_its_turn = false;
        for (place, cause) in &fallen {
            let waits = pauses.get(place).is_some_and(|pause| pause.until > now);
            // What denies for all comes once everything stands that allows.
            let is_last = *place == Place::Cluster && fallen.iter().any(|(other, _)| other != place);
            if running.len() >= AT_ONCE || waits || is_last || busy.contains(place) {
                continue;
            }
            if *cause == Cause::Upgrade {
                if next_upgrade > now {
                    waits_its_turn = true;
                    continue;
                }
                next_upgrade =
                    next_upgrade.max(now - LONGEST) + Duration::from_secs(1) / world.settings.pace.get();
            }
            busy.insert(place.clone());
            let manifests = place.manifests(&world).into_iter().filter(|manifest| !is_kept(manifest, &kept));
            let work = Work {
                place: place.clone(),
                cause: *cause,
                manifests: manifests.collect(),
                surplus: place.surplus(&world, &kept),
                is_counted: place.is_counted(&kept),
            };
            running.push(see_to(&client, worlds, &drift, work));
        }
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => sleep(LAST_PAUSE).await,
    }
}

/// Writes what differs, reads it back, and says that the namespace is ready.
async fn see_to(client: &Client, worlds: &Worlds, drift: &Drift<'_>, work: Work) -> Done {
    let place = work.place.clone();
    let mut done = Done { place, written: Vec::new(), removed: Vec::new(), told: None, result: Ok(()) };
    let result = timeout(LONGEST, try_see_to(client, worlds, drift, work, &mut done)).await;
    done.result = result.unwrap_or_else(|_| Err(anyhow::anyhow!("it took too long")));
    done
}

async fn try_see_to(
    client: &Client,
    worlds: &Worlds,
    drift: &Drift<'_>,
    work: Work,
    done: &mut Done,
) -> anyhow::Result<()> {
    let Work { place, cause, manifests, surplus, is_counted } = work;
    let Some(world) = worlds.newest() else { return Ok(()) };
    match &place {
        Place::Leftover(key) => {
            remove(client, key).await?;
            done.removed.push(key.clone());
        }
        Place::Undone(namespace) => undo(client, worlds, namespace).await?,
        Place::Namespace { namespace, .. } => label(client, worlds, &place, namespace).await?,
        Place::Tenant(_) | Place::Service(_) | Place::Cluster => {}
    }
    let has_stood = cause == Cause::Drift || place.has_stood(&world);
    for manifest in &manifests {
        let object = apply(client, manifest, has_stood).await?;
        let differences = differences(manifest.kind, &manifest.object, &serde_json::to_value(&object)?);
        done.written.push((manifest.kind, object));
        anyhow::ensure!(
            differences.is_empty(),
            "{} {} does not read back as it was written: {differences:?}",
            manifest.kind.name(),
            manifest.name
        );
        if cause == Cause::Drift {
            drift.repaired(&world, &place, manifest).await;
        }
    }
    for key in surplus {
        remove(client, &key).await?;
        done.removed.push(key);
    }
    // All this took a while: what is said now must be true now.
    let world = worlds.newest();
    let unready = world.as_ref().and_then(|world| place.to_tell(world)).filter(|_| is_counted);
    if let (Place::Namespace { namespace, tenant }, Some(unready)) = (&place, unready) {
        say_ready(client, namespace, tenant).await?;
        done.told = Some(unready.uid.clone());
    }
    Ok(())
}
