//! What the controller writes of the baseline.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::time::timeout;
use tracing::info;

use super::kept::{Key, api};
use super::now;
use super::places::Place;
use crate::baseline::{Manifest, differences, is_managed};
use crate::sources::Worlds;
use crate::sources::follow::read_namespace;
use crate::world::{self, BASELINE_READY, World};

/// Whose the fields are that the controller applies.
const FIELD_MANAGER: &str = "bulkhead";

/// How soon the watch shows a write, or something is wrong.
const SHOWN: Duration = Duration::from_secs(5);

/// Adds the labels that the namespace lacks, and waits until the watch shows them.
pub(super) async fn label(
    client: &Client,
    worlds: &Worlds,
    place: &Place,
    namespace: &str,
) -> anyhow::Result<()> {
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
        info!(namespace, ?added, "added labels to a namespace");
    }
    let shown = async {
        while worlds.newest().is_some_and(|world| !place.labels(&world).is_empty()) {
            let _ = changes.changed().await;
        }
    };
    let _ = timeout(SHOWN, shown).await;
    Ok(())
}

/// An object that is not as it must be.
pub(super) struct Change {
    pub(super) manifest: Manifest,
    /// Whether there is anything under its name.
    pub(super) is_known: bool,
}

/// Removes what the baseline no longer has.
pub(super) async fn remove(client: &Client, key: &Key) -> anyhow::Result<()> {
    let Key { kind, namespace, name } = key;
    let objects = api(client, *kind, Some(namespace.as_str()).filter(|namespace| !namespace.is_empty()));
    match objects.delete(name, &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        result => drop(result?),
    }
    info!(kind = kind.name(), namespace, name, "removed an object that the baseline no longer has");
    Ok(())
}

/// Creates or replaces the object, whole; of one that others have a part in, applies ours. What was there before the
/// baseline is left unless it `may_replace` it: it is somebody's.
pub(super) async fn apply(
    client: &Client,
    Change { manifest, is_known }: &Change,
    may_replace: bool,
) -> anyhow::Result<DynamicObject> {
    let objects = api(client, manifest.kind, manifest.namespace.as_deref());
    let mut wanted: DynamicObject = serde_json::from_value(manifest.object.clone())?;
    if manifest.kind.is_shared() {
        let ours = PatchParams::apply(FIELD_MANAGER).force();
        return Ok(objects.patch(&manifest.name, &ours, &Patch::Apply(&wanted)).await?);
    }
    let create = PostParams::default();
    // What is not known to be there is created unasked; Kubernetes would count one that is there twice for a while.
    if !*is_known {
        match objects.create(&create, &wanted).await {
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            created => return Ok(created?),
        }
    }
    let Some(found) = objects.get_opt(&manifest.name).await? else {
        return Ok(objects.create(&create, &wanted).await?);
    };
    let whole = serde_json::to_value(&found)?;
    let differences = differences(manifest.kind, &manifest.object, &whole);
    if differences.is_empty() {
        return Ok(found);
    }
    // That it lacks our label is not what is in the way.
    let is_label = |path: &[String]| path.starts_with(&["metadata".to_owned(), "labels".to_owned()]);
    let foreign = differences.iter().find(|difference| !is_label(&difference.path));
    if let (false, false, Some(difference)) = (may_replace, is_managed(&whole), foreign) {
        anyhow::bail!(
            "{} {} existed before the baseline and differs in {}: delete it, or change it to what `bulkhead render` prints",
            manifest.kind.name(),
            manifest.name,
            difference.path.join("."),
        );
    }
    wanted.metadata.resource_version = found.metadata.resource_version;
    // The one field of a binding that cannot change. It goes only if the next one can come.
    if found.data.get("roleRef") != wanted.data.get("roleRef") {
        wanted.metadata.resource_version = None;
        let mut trial = wanted.clone();
        trial.metadata.name = Some(format!("{}-trial", manifest.name));
        objects.create(&PostParams { dry_run: true, ..PostParams::default() }, &trial).await?;
        objects.delete(&manifest.name, &DeleteParams::default()).await?;
        return Ok(objects.create(&create, &wanted).await?);
    }
    Ok(objects.replace(&manifest.name, &create, &wanted).await?)
}

pub(super) async fn say_ready(client: &Client, namespace: &str, tenant: &str) -> anyhow::Result<()> {
    say(client, namespace, "True", "BaselineStands", world::ready_for(tenant)).await?;
    info!(namespace, "set a namespace to ready");
    Ok(())
}

/// Says that the baseline stands no more, and waits until the watch shows it.
pub(super) async fn undo(client: &Client, worlds: &Worlds, namespace: &str) -> anyhow::Result<()> {
    let mut changes = worlds.changes();
    say(
        client,
        namespace,
        "False",
        "Observed",
        "the tenant has `enforcement: Observe`, so no baseline is applied".to_owned(),
    )
    .await?;
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
        "lastTransitionTime": now(),
    });
    let patch = Patch::Strategic(json!({ "status": { "conditions": [condition] } }));
    let namespaces = Api::<Namespace>::all(client.clone());
    namespaces.patch_status(namespace, &PatchParams::default(), &patch).await?;
    Ok(())
}
