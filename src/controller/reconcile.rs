use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use super::kept::{Kept, follow, resource};
use crate::baseline::{
    Kind, Label, Manifest, desired, desired_of_tenant, differences, is_baseline, labels, lacking,
    tenant_of_object,
};
use crate::sources::Worlds;
use crate::sources::follow::read_namespace;
use crate::world::{self, BASELINE_READY, TENANT_LABEL, Witness, World};

/// How many places are seen to at once.
const AT_ONCE: usize = 16;
/// How long one place may take.
const LONGEST: Duration = Duration::from_secs(20);
/// How soon the watch shows a write, or something is wrong.
const SHOWN: Duration = Duration::from_secs(5);
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
    /// A namespace that is said to be ready, and whose tenant is observed.
    Undone(String),
    /// An object, by kind, namespace (none for one of the cluster) and name, whose tenant is gone or observed.
    Leftover(Kind, String, String),
}

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

/// By what a place was found standing: a witness of the world, and the version of what is kept there.
type Seen = (Witness, (usize, u64));

/// The places that were found standing, and need no other look while nothing changes that they stand by.
#[derive(Default)]
struct Standing(BTreeMap<Place, Seen>);

impl Standing {
    /// Every place that does not stand, first those that are new: their pods wait.
    fn fallen(&mut self, world: &World, kept: &Kept, told: &BTreeMap<Place, String>) -> Vec<Place> {
        let mut stands = BTreeMap::new();
        let mut fallen = leftovers(world, kept);
        let mut look = |place: Place, seen: Seen| {
            let known = self.0.remove(&place).is_some_and(|known| known == seen);
            if known || place.stands(world, kept, told.contains_key(&place)) {
                stands.insert(place, seen);
            } else {
                fallen.push(place);
            }
        };
        for tenant in world.tenants().filter(|tenant| !tenant.is_observed()) {
            let witness = world.witness(&tenant.name);
            for namespace in world.namespaces_of(&tenant.name) {
                let place = Place::Namespace { tenant: tenant.name.clone(), namespace: namespace.to_owned() };
                let seen = (witness.of_namespace(world, namespace), kept.version_of_namespace(namespace));
                look(place, seen);
            }
            look(Place::Tenant(tenant.name.clone()), (witness, kept.version_of_tenant(&tenant.name)));
        }
        self.0 = stands;
        fallen.sort_by_cached_key(|place| place.namespace(world).is_none_or(|namespace| namespace.ready));
        fallen
    }
}

/// What tenants have from before that are gone or observed.
fn leftovers(world: &World, kept: &Kept) -> Vec<Place> {
    let mut places = Vec::new();
    let has_none = |tenant: &str| world.tenant(tenant).is_none_or(world::Tenant::is_observed);
    for kind in [Kind::ClusterRole, Kind::ClusterRoleBinding] {
        let leftovers = kept.names(kind, "").filter(|name| tenant_of_object(name).is_some_and(has_none));
        places.extend(leftovers.map(|name| Place::Leftover(kind, String::new(), name.to_owned())));
    }
    let observed = world.tenants().filter(|tenant| tenant.is_observed());
    for namespace in observed.flat_map(|tenant| world.namespaces_of(&tenant.name)) {
        if world.namespace(namespace).is_some_and(|known| known.ready) {
            places.push(Place::Undone(namespace.to_owned()));
        }
        for kind in Kind::ALL {
            let leftovers = kept.names(*kind, namespace).filter(|name| is_baseline(*kind, name));
            let leftover = |name: &str| Place::Leftover(*kind, namespace.to_owned(), name.to_owned());
            places.extend(leftovers.map(leftover));
        }
    }
    places.retain(|place| place.namespace(world).is_none_or(|namespace| !namespace.terminating));
    places
}

impl Place {
    fn namespace<'w>(&self, world: &'w World) -> Option<&'w world::Namespace> {
        match self {
            Self::Namespace { namespace, .. } | Self::Undone(namespace) => world.namespace(namespace),
            Self::Tenant(_) | Self::Leftover(..) => None,
        }
    }

    /// The namespace that must still be told to be ready, unless it is one too many.
    fn to_tell<'w>(&self, world: &'w World) -> Option<&'w world::Namespace> {
        match self {
            Self::Namespace { namespace, .. } if world.is_over_limit(namespace) => None,
            Self::Namespace { .. } => self.namespace(world).filter(|namespace| !namespace.ready),
            Self::Tenant(_) | Self::Undone(_) | Self::Leftover(..) => None,
        }
    }

    fn manifests(&self, world: &World) -> Vec<Manifest> {
        match self {
            Self::Namespace { tenant, namespace } => world
                .tenant(tenant)
                .map(|tenant| desired(world, tenant, namespace).collect())
                .unwrap_or_default(),
            Self::Tenant(name) => {
                world.tenant(name).into_iter().flat_map(|tenant| desired_of_tenant(world, tenant)).collect()
            }
            Self::Undone(_) | Self::Leftover(..) => Vec::new(),
        }
    }

    /// The labels that the namespace must still get.
    fn labels<'w>(&self, world: &'w World) -> Vec<Label<'w>> {
        self.namespace(world).map(|namespace| self.lacking(world, namespace)).unwrap_or_default()
    }

    /// The labels that the namespace lacks, if it is the tenant's whose place this is.
    fn lacking<'w>(&self, world: &'w World, namespace: &world::Namespace) -> Vec<Label<'w>> {
        let Self::Namespace { tenant, .. } = self else { return Vec::new() };
        if namespace.tenant.as_ref() != Some(tenant) {
            return Vec::new();
        }
        let has = |key: &str| key == TENANT_LABEL || namespace.label(key).is_some();
        let tenant = world.tenant(tenant).into_iter();
        lacking(tenant.flat_map(|tenant| labels(&world.settings, tenant)), |label| label.key, has).collect()
    }

    /// Whether there is nothing to do.
    fn stands(&self, world: &World, kept: &Kept, told: bool) -> bool {
        if self.namespace(world).is_some_and(|namespace| namespace.terminating) {
            return true;
        }
        if !self.labels(world).is_empty() || (!told && self.to_tell(world).is_some()) {
            return false;
        }
        self.manifests(world).iter().all(|manifest| is_kept(manifest, kept))
    }
}

fn is_kept(manifest: &Manifest, kept: &Kept) -> bool {
    let namespace = manifest.namespace.as_deref().unwrap_or_default();
    kept.get(manifest.kind, namespace, &manifest.name)
        .is_some_and(|found| differences(&manifest.object, found).is_empty())
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

/// Adds the labels that the namespace lacks, and waits until the watch shows them.
async fn label(client: &Client, worlds: &Worlds, place: &Place, namespace: &str) -> anyhow::Result<()> {
    let mut changes = worlds.changes();
    let Some(world) = worlds.newest().filter(|world| !place.labels(world).is_empty()) else { return Ok(()) };
    // The snapshot may be older than the namespace: what is there now is asked, and must be so still.
    let namespaces = Api::<Namespace>::all(client.clone());
    let Some(found) = namespaces.get_opt(namespace).await? else { return Ok(()) };
    let lacking = place.lacking(&world, &read_namespace(&found));
    if !lacking.is_empty() {
        let added: BTreeMap<&str, &str> = lacking.iter().map(|label| (label.key, label.value)).collect();
        let version = found.metadata.resource_version;
        let patch = Patch::Merge(json!({ "metadata": { "labels": added, "resourceVersion": version } }));
        match namespaces.patch(namespace, &PatchParams::default(), &patch).await {
            // Somebody was faster, and that is news.
            Err(kube::Error::Api(status)) if status.code == 409 => return Ok(()),
            result => drop(result?),
        }
        info!(namespace, ?added, "labelled");
    }
    let shown = async {
        while worlds.newest().is_some_and(|world| !place.labels(&world).is_empty()) {
            let _ = changes.changed().await;
        }
    };
    let _ = timeout(SHOWN, shown).await;
    Ok(())
}

/// Removes what a tenant had that is gone or observed.
async fn remove(client: &Client, kind: Kind, namespace: &str, name: &str) -> anyhow::Result<()> {
    let objects: Api<DynamicObject> = match namespace {
        "" => Api::all_with(client.clone(), &resource(kind)),
        namespace => Api::namespaced_with(client.clone(), namespace, &resource(kind)),
    };
    match objects.delete(name, &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        result => drop(result?),
    }
    info!(kind = kind.name(), namespace, name, "removed: its tenant is gone or observed");
    Ok(())
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
    // The one field of a binding that cannot change. It goes only if the next one can come.
    if found.data.get("roleRef") != wanted.data.get("roleRef") {
        wanted.metadata.resource_version = None;
        let mut trial = wanted.clone();
        trial.metadata.name = Some(format!("{}-trial", manifest.name));
        api.create(&PostParams { dry_run: true, ..PostParams::default() }, &trial).await?;
        api.delete(&manifest.name, &DeleteParams::default()).await?;
        return Ok(api.create(&create, &wanted).await?);
    }
    Ok(api.replace(&manifest.name, &create, &wanted).await?)
}

async fn say_ready(client: &Client, namespace: &str, tenant: &str) -> anyhow::Result<()> {
    say(client, namespace, "True", "BaselineStands", world::ready_for(tenant)).await?;
    info!(namespace, "ready");
    Ok(())
}

/// Says that the baseline stands no more, and waits until the watch shows it.
async fn undo(client: &Client, worlds: &Worlds, namespace: &str) -> anyhow::Result<()> {
    let mut changes = worlds.changes();
    say(client, namespace, "False", "Observed", "the tenant is observed".to_owned()).await?;
    let is_ready = |world: &World| world.namespace(namespace).is_some_and(|known| known.ready);
    let shown = async {
        while worlds.newest().is_some_and(|world| is_ready(&world)) {
            let _ = changes.changed().await;
        }
    };
    let _ = timeout(SHOWN, shown).await;
    Ok(())
}

async fn say(
    client: &Client,
    namespace: &str,
    status: &str,
    reason: &str,
    message: String,
) -> anyhow::Result<()> {
    let condition: Value = json!({
        "type": BASELINE_READY,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    });
    let patch = Patch::Strategic(json!({ "status": { "conditions": [condition] } }));
    let namespaces = Api::<Namespace>::all(client.clone());
    namespaces.patch_status(namespace, &PatchParams::default(), &patch).await?;
    Ok(())
}
