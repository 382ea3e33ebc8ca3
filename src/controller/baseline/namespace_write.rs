//! Writes to a namespace itself: its labels, and the condition `BaselineReady`.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::time::timeout;
use tracing::info;

use super::object_write::is_conflict;
use crate::baseline::missing_labels;
use crate::controller::timestamp::format_timestamp;
use crate::keys::{AMBIENT, DATAPLANE_LABEL, TENANT_LABEL};
use crate::snapshot::{BASELINE_READY, Snapshot, ready_for};
use crate::sources::SnapshotStore;
use crate::sources::watch::read_namespace;

/// Time limit for the watch to deliver our own write.
const WATCH_TIMEOUT: Duration = Duration::from_secs(5);

/// Adds the labels that a namespace of the tenant lacks, and waits until the snapshot has them.
pub(super) async fn add_labels(
    client: &Client,
    snapshots: &SnapshotStore,
    tenant: &str,
    namespace: &str,
    labels: &[(&'static str, String)],
) -> anyhow::Result<()> {
    // The snapshot may be older than the namespace. So the labels are compared with the current object, and its
    // resourceVersion is in the patch.
    let namespaces = Api::<Namespace>::all(client.clone());
    let Some(found) = namespaces.get_opt(namespace).await? else { return Ok(()) };
    let known = read_namespace(&found);
    if known.tenant.as_deref() != Some(tenant) || known.terminating {
        return Ok(());
    }
    let has = |key: &str| key == TENANT_LABEL || known.label(key).is_some();
    let missing = missing_labels(labels, |(key, _)| key, has);
    let added: BTreeMap<&str, &str> = missing.map(|(key, value)| (*key, value.as_str())).collect();
    if !added.is_empty() {
        let version = found.metadata.resource_version;
        let patch = Patch::Merge(json!({ "metadata": { "labels": added, "resourceVersion": version } }));
        match namespaces.patch(namespace, &PatchParams::default(), &patch).await {
            // The watch delivers the other write, which starts the next reconcile.
            Err(error) if is_conflict(&error) => return Ok(()),
            result => drop(result?),
        }
        info!(namespace, ?added, "added labels to a namespace");
    }
    let has_labels = |snapshot: &Snapshot| {
        snapshot.namespace(namespace).is_none_or(|known| {
            missing_labels(labels, |(key, _)| key, |key| known.label(key).is_some()).next().is_none()
        })
    };
    wait_until(snapshots, has_labels).await;
    Ok(())
}

/// Moves a namespace of the tenant to the ambient dataplane, and waits until the snapshot has its labels. Between two
/// writes, new pods would have neither a sidecar nor ztunnel, so there is one.
pub(super) async fn move_to_ambient(
    client: &Client,
    snapshots: &SnapshotStore,
    tenant: &str,
    namespace: &str,
    removed: &[&'static str],
) -> anyhow::Result<()> {
    let namespaces = Api::<Namespace>::all(client.clone());
    let Some(found) = namespaces.get_opt(namespace).await? else { return Ok(()) };
    let known = read_namespace(&found);
    let is_movable = matches!(known.label(DATAPLANE_LABEL), None | Some(AMBIENT));
    if known.tenant.as_deref() != Some(tenant) || known.terminating || !is_movable {
        return Ok(());
    }
    let mut labels: BTreeMap<&str, Option<&str>> = removed.iter().map(|key| (*key, None)).collect();
    labels.insert(DATAPLANE_LABEL, Some(AMBIENT));
    let version = found.metadata.resource_version;
    let patch = Patch::Merge(json!({ "metadata": { "labels": labels, "resourceVersion": version } }));
    match namespaces.patch(namespace, &PatchParams::default(), &patch).await {
        // The watch delivers the other write, which starts the next reconcile.
        Err(error) if is_conflict(&error) => return Ok(()),
        result => drop(result?),
    }
    info!(namespace, ?removed, "moved a namespace to the ambient dataplane");
    wait_until(snapshots, |snapshot| {
        snapshot.namespace(namespace).is_none_or(|known| removed.iter().all(|key| known.label(key).is_none()))
    })
    .await;
    Ok(())
}

pub(super) async fn mark_ready(client: &Client, namespace: &str, tenant: &str) -> anyhow::Result<()> {
    set_condition(client, namespace, "True", "BaselineApplied", &ready_for(tenant)).await?;
    info!(namespace, "set a namespace to ready");
    Ok(())
}

/// Sets the condition to `False`, and waits until the snapshot has it.
pub(super) async fn revoke_ready(
    client: &Client,
    snapshots: &SnapshotStore,
    namespace: &str,
) -> anyhow::Result<()> {
    let message = "the tenant has `enforcement: Observe`, so no baseline is applied";
    set_condition(client, namespace, "False", "Observed", message).await?;
    wait_until(snapshots, |snapshot| snapshot.namespace(namespace).is_none_or(|known| !known.ready)).await;
    Ok(())
}

/// Waits until the newest snapshot has what was just written, but not for long.
async fn wait_until(snapshots: &SnapshotStore, is_delivered: impl Fn(&Snapshot) -> bool) {
    let mut snapshot_changes = snapshots.subscribe();
    let delivered = async {
        while snapshots.newest().is_some_and(|snapshot| !is_delivered(&snapshot)) {
            let _ = snapshot_changes.changed().await;
        }
    };
    let _ = timeout(WATCH_TIMEOUT, delivered).await;
}

async fn set_condition(
    client: &Client,
    namespace: &str,
    status: &str,
    reason: &str,
    message: &str,
) -> anyhow::Result<()> {
    let condition: Value = json!({
        "type": BASELINE_READY,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": format_timestamp(Timestamp::now()),
    });
    // Deletes every condition of this type first, because the API server stores several, and would change only one.
    let delete = json!({ "$patch": "delete", "type": BASELINE_READY });
    let patch = Patch::Strategic(json!({ "status": { "conditions": [delete, condition] } }));
    let namespaces = Api::<Namespace>::all(client.clone());
    namespaces.patch_status(namespace, &PatchParams::default(), &patch).await?;
    Ok(())
}
