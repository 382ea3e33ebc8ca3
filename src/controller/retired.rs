//! Keeps the names that were a tenant's in a ConfigMap, for as long as a certificate in one can live.

use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::time::{sleep, timeout};
use tracing::warn;

use crate::sources::Worlds;
use crate::world::{RETIRED, Retired, World};

/// A burst of changes is noted once, and what is over goes without any.
const BETWEEN: Duration = Duration::from_millis(500);
const AT_LEAST: Duration = Duration::from_hours(1);

/// Notes names, from world to world. Never ends.
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

/// Writes what is different from the world's own view, which came from the ConfigMap; somebody who has edited it
/// meanwhile makes a conflict, and the next world has what he wrote.
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
