use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use kube::Client;
use kube::api::DynamicObject;
use tokio::time::{Instant, sleep, timeout};
use tracing::warn;

use super::kept::{Kept, follow};
use super::places::{Place, Standing, is_kept};
use super::write::{apply, label, remove, say_ready, undo};
use crate::baseline::{Kind, Manifest, differences};
use crate::sources::Worlds;

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

/// What came of seeing to a place.
struct Done {
    place: Place,
    written: Vec<(Kind, DynamicObject)>,
    /// The namespace that was told to be ready.
    told: Option<String>,
    result: anyhow::Result<()>,
}

/// Keeps every baseline, from news to news. Never ends. A place that hangs or fails keeps no other waiting.
pub(super) async fn reconcile(client: Client, worlds: &Worlds) {
    let mut kept = Kept::default();
    let mut news = follow(&client);
    let mut changes = worlds.changes();
    let mut running = FuturesUnordered::new();
    let mut busy = BTreeSet::new();
    let mut pauses: BTreeMap<Place, Pause> = BTreeMap::new();
    // Told ready, with its uid; the watch shows it a moment later.
    let mut told: BTreeMap<Place, String> = BTreeMap::new();
    let mut standing = Standing::default();
    loop {
        let idle = pauses.iter().filter(|(place, _)| running.len() < AT_ONCE && !busy.contains(*place));
        let next_try = idle.map(|(_, pause)| pause.until).min();
        tokio::select! {
            Some(item) = news.next() => kept.take(item),
            Ok(()) = changes.changed() => {}
            Some(done) = running.next() => {
                let Done { place, written, told: uid, result } = done;
                for (kind, object) in written {
                    kept.insert(kind, &object);
                }
                if let (Place::Leftover(kind, namespace, name), Ok(())) = (&place, &result) {
                    kept.remove(*kind, namespace, name);
                }
                told.extend(uid.map(|uid| (place.clone(), uid)));
                busy.remove(&place);
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
        let Some(world) = worlds.newest().filter(|_| kept.is_whole()) else { continue };

        told.retain(|place, uid| place.namespace(&world).is_some_and(|now| now.uid == *uid && !now.ready));
        let fallen = standing.fallen(&world, &kept, &told);
        pauses.retain(|place, _| fallen.contains(place));
        let now = Instant::now();
        for place in fallen {
            let waits = pauses.get(&place).is_some_and(|pause| pause.until > now);
            if running.len() < AT_ONCE && !waits && busy.insert(place.clone()) {
                let manifests =
                    place.manifests(&world).into_iter().filter(|manifest| !is_kept(manifest, &kept));
                running.push(see_to(&client, worlds, place, manifests.collect()));
            }
        }
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => sleep(LAST_PAUSE).await,
    }
}

/// Writes what differs, reads it back, and says that the namespace is ready.
async fn see_to(client: &Client, worlds: &Worlds, place: Place, manifests: Vec<Manifest>) -> Done {
    let mut done = Done { place, written: Vec::new(), told: None, result: Ok(()) };
    let work = try_see_to(client, worlds, &manifests, &mut done);
    let result = timeout(LONGEST, work).await;
    done.result = result.unwrap_or_else(|_| Err(anyhow::anyhow!("it took too long")));
    done
}

async fn try_see_to(
    client: &Client,
    worlds: &Worlds,
    manifests: &[Manifest],
    done: &mut Done,
) -> anyhow::Result<()> {
    match &done.place {
        Place::Leftover(kind, namespace, name) => remove(client, *kind, namespace, name).await?,
        Place::Undone(namespace) => undo(client, worlds, namespace).await?,
        Place::Namespace { namespace, .. } => label(client, worlds, &done.place, namespace).await?,
        Place::Tenant(_) => {}
    }
    for manifest in manifests {
        let object = apply(client, manifest).await?;
        let differences = differences(&manifest.object, &serde_json::to_value(&object)?);
        done.written.push((manifest.kind, object));
        anyhow::ensure!(
            differences.is_empty(),
            "{} {} does not read back as it was written: {differences:?}",
            manifest.kind.name(),
            manifest.name
        );
    }
    // All this took a while: what is said now must be true now.
    let world = worlds.newest();
    let unready = world.as_ref().and_then(|world| done.place.to_tell(world));
    if let (Place::Namespace { namespace, tenant }, Some(unready)) = (&done.place, unready) {
        say_ready(client, namespace, tenant).await?;
        done.told = Some(unready.uid.clone());
    }
    Ok(())
}
