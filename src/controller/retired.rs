//! Records reserved names in a ConfigMap: names that belong to a tenant, or did. A name stays there until no mesh
//! certificate for it can be valid any more.

use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::time::{sleep, timeout};
use tracing::warn;

use crate::sources::Worlds;
use crate::world::{RETIRED, Retired, World};

/// Collects a burst of changes into one write.
const BETWEEN: Duration = Duration::from_millis(500);
/// Checks at least this often, because reservations end without a change.
const AT_LEAST: Duration = Duration::from_hours(1);

/// Records reserved names, snapshot after snapshot. Runs until dropped.
pub(super) async fn retire(client: Client, worlds: &Worlds, namespace: &str) {
    let maps = Api::<ConfigMap>::namespaced(client, namespace);
    let mut changes = worlds.changes();
    loop {
        if let Some(world) = worlds.newest()
            && let Err(error) = note(&maps, &world).await
        {
            warn!(%error, "failed to record reserved names");
        }
        sleep(BETWEEN).await;
        let _ = timeout(AT_LEAST, changes.changed()).await;
    }
}

/// Updates the ConfigMap if the snapshot, which has its earlier content, requires other names. An edit by another
/// user meanwhile makes a conflict; the next snapshot has that edit.
async fn note(maps: &Api<ConfigMap>, world: &World) -> Result<(), kube::Error> {
    let now = Timestamp::now().as_second();
    if world.retired.next(world, now) == world.retired {
        return Ok(());
    }
    let found = maps.get_opt(RETIRED).await?;
    let known = Retired::read(&found.as_ref().and_then(|map| map.data.clone()).unwrap_or_default());
    let next = known.next(world, now);
    if next == known {
        return Ok(());
    }
    let mut map = found.unwrap_or_default();
    let is_new = map.metadata.name.replace(RETIRED.to_owned()).is_none();
    map.data = Some(next.write());
    if is_new {
        maps.create(&PostParams::default(), &map).await?;
    } else {
        maps.replace(RETIRED, &PostParams::default(), &map).await?;
    }
    Ok(())
}
