//! Publishes the references of the mesh's proxy in a ConfigMap, which every replica watches: learns each revision that
//! tenants' namespaces have, again and again, because a change of istiod makes no event.

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use crate::settings::Dataplane;
use crate::snapshot::{PROXY_REFERENCES_CONFIG_MAP, ProxyReferences, Snapshot};
use crate::sources::SnapshotStore;
use crate::sources::proxy_reference::learn;

/// Time between two rounds, and after a round with an error.
const ROUND_INTERVAL: Duration = Duration::from_secs(30);
const RETRY_INTERVAL: Duration = Duration::from_secs(2);

/// Learns and publishes, round after round. Runs until dropped.
pub(super) async fn publish_proxy_references(client: Client, snapshots: &SnapshotStore, namespace: &str) {
    let maps = Api::<ConfigMap>::namespaced(client.clone(), namespace);
    let mut snapshot_changes = snapshots.subscribe();
    loop {
        let mut learned = BTreeSet::new();
        let mut next_round = Instant::now() + RETRY_INTERVAL;
        if let Some(snapshot) = snapshots.newest() {
            learned = revisions(&snapshot);
            if update_config_map(&client, &maps, &snapshot, &learned).await {
                next_round = Instant::now() + ROUND_INTERVAL;
            }
        }
        // A namespace with another revision starts a round at once.
        while let Some(remaining) = next_round.checked_duration_since(Instant::now())
            && timeout(remaining, snapshot_changes.changed()).await.is_ok()
        {
            sleep(Duration::from_millis(100)).await;
            if snapshots.newest().is_some_and(|snapshot| revisions(&snapshot) != learned) {
                break;
            }
        }
    }
}

/// Returns the revisions whose injector tenants' namespaces use.
fn revisions(snapshot: &Snapshot) -> BTreeSet<String> {
    if snapshot.settings.dataplane == Dataplane::Ambient {
        return BTreeSet::new();
    }
    let namespaces = snapshot.namespaces_by_tenant_label().flat_map(|(_, namespaces)| namespaces);
    let mut revisions: BTreeSet<String> =
        namespaces.map(|namespace| snapshot.mesh_revision(namespace).to_owned()).collect();
    // The first pod of the first namespace finds the reference.
    revisions.insert(snapshot.default_mesh_revision().to_owned());
    revisions
}

/// Learns the revisions, and writes the ConfigMap if one differs. Returns false if something failed.
async fn update_config_map(
    client: &Client,
    maps: &Api<ConfigMap>,
    snapshot: &Snapshot,
    revisions: &BTreeSet<String>,
) -> bool {
    let mut is_complete = true;
    let mut learned = Vec::new();
    for revision in revisions {
        match learn(client, revision, &snapshot.settings).await {
            Ok(reference) => learned.push((revision, reference)),
            Err(error) => {
                warn!(revision, %error, "failed to learn the mesh's proxy; without it new pods are refused");
                is_complete = false;
            }
        }
    }
    let written = async {
        let found = maps.get_opt(PROXY_REFERENCES_CONFIG_MAP).await?;
        let data = found.as_ref().and_then(|map| map.data.clone()).unwrap_or_default();
        let known = ProxyReferences::from_data(&data).unwrap_or_default();
        let mut references = known.clone();
        references.retain(|revision| revisions.contains(revision));
        for (revision, reference) in learned {
            if let Some(before) = known.newest(revision) {
                for change in before.differences(&reference) {
                    info!(revision, change, "the injector writes another proxy");
                }
            }
            references.add(revision, reference, Timestamp::now().as_second());
        }
        if found.is_some() && references == known {
            return Ok(());
        }
        let mut map = found.unwrap_or_default();
        let is_new = map.metadata.name.replace(PROXY_REFERENCES_CONFIG_MAP.to_owned()).is_none();
        map.data = Some(references.to_data().map_err(kube::Error::SerdeError)?);
        if is_new {
            maps.create(&PostParams::default(), &map).await?;
        } else {
            maps.replace(PROXY_REFERENCES_CONFIG_MAP, &PostParams::default(), &map).await?;
        }
        Ok::<_, kube::Error>(())
    };
    if let Err(error) = written.await {
        warn!(%error, "failed to publish the references of the mesh's proxy");
        is_complete = false;
    }
    is_complete
}
