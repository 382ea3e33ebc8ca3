//! Records reserved names in ConfigMaps: names that belong to a tenant, or did. A name stays there until no mesh
//! certificate for it can be valid any more.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::jiff::Timestamp;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use tokio::time::{sleep, timeout};
use tracing::warn;

use super::config_map::write_config_map;
use crate::snapshot::{ReservedNames, Snapshot, reserved_names_config_maps};
use crate::sources::SnapshotStore;

/// Collects a burst of changes into one write.
const DEBOUNCE: Duration = Duration::from_millis(500);
/// Checks at least this often, because reservations end without a change.
const RESYNC_INTERVAL: Duration = Duration::from_hours(1);

/// Records reserved names, snapshot after snapshot. Runs until dropped.
pub(super) async fn record_reserved_names(client: Client, snapshots: &SnapshotStore, namespace: &str) {
    let maps = Api::<ConfigMap>::namespaced(client, namespace);
    let mut snapshot_changes = snapshots.subscribe();
    loop {
        if let Some(snapshot) = snapshots.newest()
            && let Err(error) = update_config_maps(&maps, &snapshot).await
        {
            warn!(%error, "failed to record reserved names");
        }
        sleep(DEBOUNCE).await;
        let _ = timeout(RESYNC_INTERVAL, snapshot_changes.changed()).await;
    }
}

/// Updates the ConfigMaps if the snapshot, which has their earlier content, requires other names. An edit by another
/// user meanwhile makes a conflict; the next snapshot has that edit.
async fn update_config_maps(maps: &Api<ConfigMap>, snapshot: &Snapshot) -> Result<(), kube::Error> {
    let now = Timestamp::now().as_second();
    if snapshot.reserved_names.updated(snapshot, now) == snapshot.reserved_names {
        return Ok(());
    }
    let listed = maps.list(&ListParams::default()).await?.items;
    let mut found: BTreeMap<String, ConfigMap> =
        listed.into_iter().map(|map| (map.name_any(), map)).collect();
    found.retain(|name, _| ReservedNames::is_stored_in(name));
    let read = |map: &ConfigMap| ReservedNames::from_data(map.data.as_ref().unwrap_or(&BTreeMap::new()));
    let mut known = ReservedNames::default();
    for map in found.values() {
        known.extend(read(map));
    }
    let next = known.updated(snapshot, now);
    // The first one last: an earlier version stored every name there.
    for name in reserved_names_config_maps().collect::<Vec<_>>().into_iter().rev() {
        let part = next.part(&name);
        let stored = found.remove(&name);
        if stored.as_ref().map(read).unwrap_or_default() == part {
            continue;
        }
        write_config_map(maps, &name, stored, part.to_data()).await?;
    }
    Ok(())
}
