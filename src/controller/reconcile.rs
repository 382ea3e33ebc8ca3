use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::{FutureExt, StreamExt, stream};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use super::kept::{Kept, follow, resource};
use crate::baseline::{Kind, Manifest, desired, desired_of_tenant, differences};
use crate::sources::Worlds;
use crate::world::{BASELINE_READY, World};

/// How many places are seen to at once.
const AT_ONCE: usize = 16;
/// How long one place may take.
const LONGEST: Duration = Duration::from_secs(20);
/// How long a place that failed is left alone: doubled each time, up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_mins(1);

/// Where a part of the baseline belongs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Namespace {
        tenant: String,
        namespace: String,
    },
    /// What a tenant has beyond its namespaces.
    Tenant(String),
}

/// A place that failed, and when it is tried again.
struct Pause {
    length: Duration,
    until: Instant,
}

/// Keeps every baseline, from news to news. Never ends.
pub(super) async fn reconcile(client: Client, worlds: &Worlds) {
    let mut kept = Kept::default();
    let mut news = follow(&client);
    let mut changes = worlds.changes();
    let mut pauses: BTreeMap<Place, Pause> = BTreeMap::new();
    // Told ready, by uid; the watch shows it a moment later.
    let mut told = BTreeSet::new();
    loop {
        let next_try = pauses.values().map(|pause| pause.until).min();
        tokio::select! {
            Some(item) = news.next() => kept.take(item),
            Ok(()) = changes.changed() => {}
            () = until(next_try) => {}
        }
        while let Some(Some(item)) = news.next().now_or_never() {
            kept.take(item);
        }
        let Some(world) = worlds.newest().filter(|_| kept.is_whole()) else { continue };

        let now = Instant::now();
        let places: Vec<Place> = places(&world)
            .filter(|place| pauses.get(place).is_none_or(|pause| pause.until <= now))
            .filter(|place| !place.stands(&world, &kept, &told))
            .collect();
        let work = places.into_iter().map(|place| see_to(&client, &world, &kept, place));
        let done: Vec<_> = stream::iter(work).buffer_unordered(AT_ONCE).collect().await;
        for (place, written, result) in done {
            for (kind, object) in written {
                kept.insert(kind, &object);
            }
            match result {
                Ok(()) => {
                    pauses.remove(&place);
                    told.extend(place.uid(&world).map(ToOwned::to_owned));
                }
                Err(error) => {
                    warn!(?place, error = format!("{error:#}"), "the baseline does not stand; trying again");
                    let length =
                        pauses.get(&place).map_or(FIRST_PAUSE, |pause| (pause.length * 2).min(LAST_PAUSE));
                    pauses.insert(place, Pause { length, until: Instant::now() + length });
                }
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

/// Every place, first those that are new: their pods wait.
fn places(world: &World) -> impl Iterator<Item = Place> {
    let mut places: Vec<Place> = world
        .tenants()
        .flat_map(|tenant| {
            let namespaces = world.namespaces_of(&tenant.name).map(|namespace| Place::Namespace {
                tenant: tenant.name.clone(),
                namespace: namespace.to_owned(),
            });
            namespaces.chain([Place::Tenant(tenant.name.clone())])
        })
        .collect();
    places.sort_by_cached_key(|place| place.namespace(world).is_none_or(|namespace| namespace.ready));
    places.into_iter()
}

impl Place {
    fn namespace<'w>(&self, world: &'w World) -> Option<&'w crate::world::Namespace> {
        match self {
            Self::Namespace { namespace, .. } => world.namespace(namespace),
            Self::Tenant(_) => None,
        }
    }

    fn uid<'w>(&self, world: &'w World) -> Option<&'w str> {
        self.namespace(world).map(|namespace| namespace.uid.as_str())
    }

    fn manifests(&self, world: &World) -> Vec<Manifest> {
        match self {
            Self::Namespace { tenant, namespace } => world
                .tenant(tenant)
                .map(|tenant| desired(world, tenant, namespace).collect())
                .unwrap_or_default(),
            Self::Tenant(name) => world.tenant(name).map(desired_of_tenant).into_iter().collect(),
        }
    }

    /// Whether there is nothing to do.
    fn stands(&self, world: &World, kept: &Kept, told: &BTreeSet<String>) -> bool {
        if let Some(namespace) = self.namespace(world) {
            if namespace.terminating {
                return true;
            }
            if !namespace.ready && !told.contains(&namespace.uid) {
                return false;
            }
        }
        self.manifests(world).iter().all(|manifest| is_kept(manifest, kept))
    }
}

fn is_kept(manifest: &Manifest, kept: &Kept) -> bool {
    let namespace = manifest.namespace.as_deref().unwrap_or_default();
    kept.get(manifest.kind, namespace, &manifest.name)
        .is_some_and(|found| differences(&manifest.object, found).is_empty())
}

type Written = Vec<(Kind, DynamicObject)>;

/// Writes what differs, reads it back, and says that the namespace is ready.
async fn see_to(
    client: &Client,
    world: &World,
    kept: &Kept,
    place: Place,
) -> (Place, Written, anyhow::Result<()>) {
    let mut written = Written::new();
    let work = async {
        for manifest in place.manifests(world) {
            if is_kept(&manifest, kept) {
                continue;
            }
            let object = apply(client, &manifest).await?;
            let found = serde_json::to_value(&object)?;
            let differences = differences(&manifest.object, &found);
            written.push((manifest.kind, object));
            anyhow::ensure!(
                differences.is_empty(),
                "{} {} does not read back as it was written: {differences:?}",
                manifest.kind.name(),
                manifest.name
            );
        }
        match &place {
            Place::Namespace { namespace, .. }
                if place.namespace(world).is_some_and(|known| !known.ready) =>
            {
                say_ready(client, namespace).await
            }
            _ => Ok(()),
        }
    };
    let result = timeout(LONGEST, work).await.unwrap_or_else(|_| Err(anyhow::anyhow!("it took too long")));
    (place, written, result)
}

/// Creates or replaces the object, whole.
async fn apply(client: &Client, manifest: &Manifest) -> anyhow::Result<DynamicObject> {
    let resource = resource(manifest.kind);
    let api: Api<DynamicObject> = match &manifest.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let mut wanted: DynamicObject = serde_json::from_value(manifest.object.clone())?;
    let found = api.get_opt(&manifest.name).await?;
    let create = PostParams::default();
    let Some(found) = found else { return Ok(api.create(&create, &wanted).await?) };
    if differences(&manifest.object, &serde_json::to_value(&found)?).is_empty() {
        return Ok(found);
    }
    info!(kind = manifest.kind.name(), namespace = manifest.namespace, name = manifest.name, "repairing");
    wanted.metadata.resource_version = found.metadata.resource_version;
    match api.replace(&manifest.name, &create, &wanted).await {
        // A binding's role cannot change.
        Err(kube::Error::Api(status)) if status.code == 422 => {
            api.delete(&manifest.name, &DeleteParams::default()).await?;
            wanted.metadata.resource_version = None;
            Ok(api.create(&create, &wanted).await?)
        }
        result => Ok(result?),
    }
}

async fn say_ready(client: &Client, namespace: &str) -> anyhow::Result<()> {
    let condition: Value = json!({
        "type": BASELINE_READY,
        "status": "True",
        "reason": "BaselineStands",
        "message": "every object of the baseline was read back as it must be",
        "lastTransitionTime": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    });
    let patch = Patch::Strategic(json!({ "status": { "conditions": [condition] } }));
    let namespaces = Api::<Namespace>::all(client.clone());
    namespaces.patch_status(namespace, &PatchParams::default(), &patch).await?;
    info!(namespace, "ready");
    Ok(())
}
