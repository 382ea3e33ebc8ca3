//! Writes of the baseline controller: labels of namespaces, baseline objects, and the condition `BaselineReady`. The
//! targets decide what is written.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::time::timeout;
use tracing::info;

use super::cache::{ObjectRef, api};
use super::pending_write::PendingWrite;
use super::target::Target;
use crate::baseline::{Manifest, drift, is_managed};
use crate::controller::timestamp::timestamp;
use crate::snapshot::{self, BASELINE_READY, Snapshot};
use crate::sources::SnapshotStore;
use crate::sources::watch::read_namespace;

/// Field manager of server-side apply.
const FIELD_MANAGER: &str = "bulkhead";

/// Time limit for the watch to deliver our own write.
const WATCH_TIMEOUT: Duration = Duration::from_secs(5);

/// Adds the missing labels to the namespace, and waits until the snapshot has them.
pub(super) async fn add_missing_labels(
    client: &Client,
    snapshots: &SnapshotStore,
    target: &Target,
    namespace: &str,
) -> anyhow::Result<()> {
    let mut snapshot_changes = snapshots.subscribe();
    let Some(snapshot) = snapshots.newest().filter(|snapshot| !target.missing_labels(snapshot).is_empty())
    else {
        return Ok(());
    };
    // The snapshot may be older than the namespace. So the labels are compared with the current object, and its
    // resourceVersion is in the patch.
    let namespaces = Api::<Namespace>::all(client.clone());
    let Some(found) = namespaces.get_opt(namespace).await? else { return Ok(()) };
    let missing = target.missing_labels_of(&snapshot, &read_namespace(&found));
    if !missing.is_empty() {
        let added: BTreeMap<&str, &str> = missing.iter().map(|label| (label.key, label.value)).collect();
        let version = found.metadata.resource_version;
        let patch = Patch::Merge(json!({ "metadata": { "labels": added, "resourceVersion": version } }));
        match namespaces.patch(namespace, &PatchParams::default(), &patch).await {
            // A conflict. The watch delivers the other write, which starts the next reconcile.
            Err(kube::Error::Api(status)) if status.code == 409 => return Ok(()),
            result => drop(result?),
        }
        info!(namespace, ?added, "added labels to a namespace");
    }
    let observed = async {
        while snapshots.newest().is_some_and(|snapshot| !target.missing_labels(&snapshot).is_empty()) {
            let _ = snapshot_changes.changed().await;
        }
    };
    let _ = timeout(WATCH_TIMEOUT, observed).await;
    Ok(())
}

/// Fails while pods with these labels exist: the policies of a deleted shared service stay until its last pod is gone,
/// which they keep closed.
pub(super) async fn ensure_no_pods(
    client: &Client,
    namespace: &str,
    labels: &BTreeMap<String, String>,
) -> anyhow::Result<()> {
    let selector: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let selector = selector.join(",");
    let pods = Api::<Pod>::namespaced(client.clone(), namespace);
    let found = pods.list_metadata(&ListParams::default().labels(&selector).limit(1)).await?;
    anyhow::ensure!(
        found.items.is_empty(),
        "no SharedService selects the pods {selector} in {namespace} any more, and its policies stay while these run"
    );
    Ok(())
}

/// Deletes an object that the baseline no longer contains.
pub(super) async fn prune_object(client: &Client, key: &ObjectRef) -> anyhow::Result<()> {
    let ObjectRef { kind, namespace, name } = key;
    let objects = api(client, *kind, Some(namespace.as_str()).filter(|namespace| !namespace.is_empty()));
    match objects.delete(name, &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        result => drop(result?),
    }
    info!(kind = kind.name(), namespace, name, "removed an object that the baseline no longer has");
    Ok(())
}

/// Creates or replaces the object. If Bulkhead manages it only in part, applies only Bulkhead's fields.
///
/// An existing object without Bulkhead's label is from before the baseline and belongs to another user. If it
/// differs, it is replaced only with `may_replace`; without it, this fails.
pub(super) async fn apply(
    client: &Client,
    PendingWrite { manifest, exists }: &PendingWrite,
    may_replace: bool,
) -> anyhow::Result<DynamicObject> {
    let objects = api(client, manifest.kind, manifest.namespace.as_deref());
    let mut desired: DynamicObject = serde_json::from_value(manifest.object.clone())?;
    if manifest.kind.is_partly_managed() {
        let params = PatchParams::apply(FIELD_MANAGER).force();
        return Ok(objects.patch(&manifest.name, &params, &Patch::Apply(&desired)).await?);
    }
    let create = PostParams::default();
    // An object that the cache lacks is created without a read first. Other objects are read first, because a quota
    // counts even the failed create of an existing object for a while.
    if !*exists {
        match objects.create(&create, &desired).await {
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            created => return created.map_err(|error| name_unserved_kind(error, manifest)),
        }
    }
    let Some(found) = objects.get_opt(&manifest.name).await? else {
        return objects.create(&create, &desired).await.map_err(|error| name_unserved_kind(error, manifest));
    };
    let live = serde_json::to_value(&found)?;
    let drift = drift(manifest.kind, &manifest.object, &live);
    if drift.is_empty() {
        return Ok(found);
    }
    // An object that differs only in labels may be replaced.
    let is_label_path = |path: &[String]| path.starts_with(&["metadata".to_owned(), "labels".to_owned()]);
    let difference = drift.iter().find(|difference| !is_label_path(&difference.path));
    if let (false, false, Some(difference)) = (may_replace, is_managed(&live), difference) {
        anyhow::bail!(
            "{} {} existed before the baseline and differs in {}: delete it, or change it to what `bulkhead render` prints",
            manifest.kind.name(),
            manifest.name,
            difference.path.join("."),
        );
    }
    desired.metadata.resource_version = found.metadata.resource_version;
    // `roleRef` is immutable
    // (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#clusterrolebinding-example), so the binding is
    // deleted and created again. A dry run first checks that the new one would be admitted.
    if found.data.get("roleRef") != desired.data.get("roleRef") {
        desired.metadata.resource_version = None;
        let mut trial = desired.clone();
        trial.metadata.name = Some(format!("{}-trial", manifest.name));
        objects.create(&PostParams { dry_run: true, ..PostParams::default() }, &trial).await?;
        objects.delete(&manifest.name, &DeleteParams::default()).await?;
        return Ok(objects.create(&create, &desired).await?);
    }
    Ok(objects.replace(&manifest.name, &create, &desired).await?)
}

/// Replaces the API server's `404 page not found`. In a namespace, that can also mean that the namespace is gone.
fn name_unserved_kind(error: kube::Error, manifest: &Manifest) -> anyhow::Error {
    match error {
        kube::Error::Api(status) if status.code == 404 && manifest.namespace.is_none() => {
            let (name, version) = (manifest.kind.name(), manifest.kind.api_version());
            anyhow::anyhow!(
                "the API server does not serve {name} of {version}: install it, or change the settings"
            )
        }
        error => error.into(),
    }
}

pub(super) async fn mark_ready(client: &Client, namespace: &str, tenant: &str) -> anyhow::Result<()> {
    set_condition(client, namespace, "True", "BaselineApplied", snapshot::ready_for(tenant)).await?;
    info!(namespace, "set a namespace to ready");
    Ok(())
}

/// Sets the condition to `False`, and waits until the snapshot has it.
pub(super) async fn mark_unready(
    client: &Client,
    snapshots: &SnapshotStore,
    namespace: &str,
) -> anyhow::Result<()> {
    let mut snapshot_changes = snapshots.subscribe();
    set_condition(
        client,
        namespace,
        "False",
        "Observed",
        "the tenant has `enforcement: Observe`, so no baseline is applied".to_owned(),
    )
    .await?;
    let is_ready = |snapshot: &Snapshot| snapshot.namespace(namespace).is_some_and(|known| known.ready);
    let observed = async {
        while snapshots.newest().is_some_and(|snapshot| is_ready(&snapshot)) {
            let _ = snapshot_changes.changed().await;
        }
    };
    let _ = timeout(WATCH_TIMEOUT, observed).await;
    Ok(())
}

async fn set_condition(
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
        "lastTransitionTime": timestamp(),
    });
    // Deletes every condition of this type first, because the API server stores several, and would change only one.
    let delete = json!({ "$patch": "delete", "type": BASELINE_READY });
    let patch = Patch::Strategic(json!({ "status": { "conditions": [delete, condition] } }));
    let namespaces = Api::<Namespace>::all(client.clone());
    namespaces.patch_status(namespace, &PatchParams::default(), &patch).await?;
    Ok(())
}
