//! Records reserved names in a ConfigMap: names that belong to a tenant, or did. A name stays there until no mesh
//! certificate for it can be valid any more.

use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::time::{sleep, timeout};
use tracing::warn;

use crate::snapshot::{RESERVED_NAMES_CONFIG_MAP, ReservedNames, Snapshot};
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
            && let Err(error) = update_config_map(&maps, &snapshot).await
        {
            warn!(%error, "failed to record reserved names");
        }
        sleep(DEBOUNCE).await;
        let _ = timeout(RESYNC_INTERVAL, snapshot_changes.changed()).await;
    }
}

/// Updates the ConfigMap if the snapshot, which has its earlier content, requires other names. An edit by another
/// user meanwhile makes a conflict; the next snapshot has that edit.
async fn update_config_map(maps: &Api<ConfigMap>, snapshot: &Snapshot) -> Result<(), kube::Error> {
    let now = Timestamp::now().as_second();
    if snapshot.reserved_names.updated(snapshot, now) == snapshot.reserved_names {
        return Ok(());
    }
    let found = maps.get_opt(RESERVED_NAMES_CONFIG_MAP).await?;
    let known =
        ReservedNames::from_data(&found.as_ref().and_then(|map| map.data.clone()).unwrap_or_default());
    let next = known.updated(snapshot, now);
    if next == known {
        return Ok(());
    }
    let mut map = found.unwrap_or_default();
    let is_new = map.metadata.name.replace(RESERVED_NAMES_CONFIG_MAP.to_owned()).is_none();
    map.data = Some(next.to_data());
    if is_new {
        maps.create(&PostParams::default(), &map).await?;
    } else {
        maps.replace(RESERVED_NAMES_CONFIG_MAP, &PostParams::default(), &map).await?;
    }
    Ok(())
}
