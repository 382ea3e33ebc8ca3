//! Publishes the references of the mesh's proxy in a ConfigMap, which every replica watches: learns each revision that
//! tenants' namespaces have, again and again, because a change of istiod makes no event.

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::jiff::Timestamp;
use kube::{Api, Client};
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use super::config_map::write_config_map;
use crate::snapshot::{PROXY_REFERENCES_CONFIG_MAP, ProxyReference, ProxyReferences, Snapshot};
use crate::sources::SnapshotStore;
use crate::sources::proxy_reference::learn_all;
use crate::telemetry::{Failure, Metrics, PROXY_REFERENCES};

/// Time between two rounds.
const ROUND_INTERVAL: Duration = Duration::from_secs(30);
/// Time until the next round after a failure; doubled after each further one.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Collects a burst of changes into one look at the revisions.
const DEBOUNCE: Duration = Duration::from_millis(100);

/// Time limit of a dry run.
const LEARNING_TIMEOUT: Duration = Duration::from_secs(10);

/// Learns and publishes, round after round. Runs until dropped.
pub(super) async fn publish_proxy_references(
    client: Client,
    snapshots: &SnapshotStore,
    namespace: &str,
    metrics: &Metrics,
) {
    let maps = Api::<ConfigMap>::namespaced(client.clone(), namespace);
    let mut snapshot_changes = snapshots.subscribe();
    let mut retry_interval = RETRY_INTERVAL;
    let mut first_failure = None;
    loop {
        let mut wanted = BTreeSet::new();
        let mut is_complete = false;
        if let Some(snapshot) = snapshots.newest() {
            wanted = revisions(&snapshot);
            let learned = learn_all(&client, &wanted, &snapshot.settings, LEARNING_TIMEOUT).await;
            // An ambient mesh can do without an injector, and then its waypoints have Istio's defaults.
            let is_optional = !snapshot.has_sidecars();
            is_complete = is_optional || learned.len() == wanted.len();
            if let Err(error) = update_config_map(&maps, &wanted, learned).await {
                warn!(%error, "failed to publish the references of the mesh's proxy");
                is_complete = false;
            }
        }
        let now = Instant::now().into_std();
        first_failure = if is_complete { None } else { first_failure.or(Some(now)) };
        metrics
            .watches
            .set_failure(PROXY_REFERENCES, first_failure.map(|first| Failure { first, last: now }));
        retry_interval = if is_complete { RETRY_INTERVAL } else { (retry_interval * 2).min(ROUND_INTERVAL) };
        let pause = if is_complete { ROUND_INTERVAL } else { retry_interval };
        // A namespace with another revision starts a round at once.
        let next_round = Instant::now() + pause;
        while let Some(remaining) = next_round.checked_duration_since(Instant::now())
            && timeout(remaining, snapshot_changes.changed()).await.is_ok()
        {
            sleep(DEBOUNCE).await;
            if snapshots.newest().is_some_and(|snapshot| revisions(&snapshot) != wanted) {
                break;
            }
        }
    }
}

/// Returns the revisions whose proxies run in tenants' namespaces. In an ambient mesh these are waypoints.
fn revisions(snapshot: &Snapshot) -> BTreeSet<String> {
    if !snapshot.has_sidecars() && snapshot.settings.waypoints.is_empty() {
        return BTreeSet::new();
    }
    let namespaces = snapshot.namespaces_by_tenant_label().flat_map(|(_, namespaces)| namespaces);
    let mut revisions: BTreeSet<String> =
        namespaces.map(|namespace| snapshot.mesh_revision(namespace).to_owned()).collect();
    // The first pod of the first namespace finds the reference.
    revisions.insert(snapshot.default_mesh_revision().to_owned());
    revisions
}

/// Writes the ConfigMap if what was learned differs from it.
async fn update_config_map(
    maps: &Api<ConfigMap>,
    wanted: &BTreeSet<String>,
    learned: Vec<(String, ProxyReference)>,
) -> Result<(), kube::Error> {
    let found = maps.get_opt(PROXY_REFERENCES_CONFIG_MAP).await?;
    let data = found.as_ref().and_then(|map| map.data.clone()).unwrap_or_default();
    let known = ProxyReferences::from_data(&data).unwrap_or_else(|error| {
        warn!(error, "failed to read the ConfigMap of the references, which is replaced");
        ProxyReferences::default()
    });
    let mut references = known.clone();
    references.retain(|revision| wanted.contains(revision));
    let now = Timestamp::now().as_second();
    for (revision, reference) in learned {
        if let Some(before) = known.newest(&revision) {
            for change in before.differences(&reference) {
                info!(revision, change, "the injector writes another proxy");
            }
        }
        references.add(&revision, reference, now);
    }
    if references == known {
        return Ok(());
    }
    let data = references.to_data().map_err(kube::Error::SerdeError)?;
    write_config_map(maps, PROXY_REFERENCES_CONFIG_MAP, found, data).await
}
