//! Builds the snapshots of a cluster from watches and live lookups.

mod cluster_stores;
mod live_lookup;
mod watches;

use std::sync::Arc;
use std::time::Duration;

use futures::future::OptionFuture;
use futures::stream::{BoxStream, SelectAll};
use futures::{FutureExt, StreamExt, stream};
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::{LearnRequest, Numbered, SnapshotStore, proxy_reference};
use crate::settings::Settings;
use crate::snapshot::{ProxyReference, Snapshot};
use crate::telemetry::{Metrics, Readiness};
use cluster_stores::ClusterStores;
use watches::ResourceEvent;

pub(crate) use live_lookup::live_object_of;
pub(crate) use watches::created;
pub use watches::{
    API_SERVERS, read_addresses, read_api_servers, read_exemption, read_namespace, read_shared_service,
    read_tenant,
};

/// Minimum time between two lookups.
const LOOKUP_INTERVAL: Duration = Duration::from_millis(100);

/// Minimum time between two dry runs to learn the proxy, each of which the injector answers.
const LEARNING_INTERVAL: Duration = Duration::from_secs(1);
/// Time limit of a dry run that requests wait for.
const LEARNING_TIMEOUT: Duration = Duration::from_millis(1500);

/// Returns the names of the lists that readiness waits for.
pub fn store_names() -> Vec<&'static str> {
    ClusterStores::default().watch_states().into_iter().map(|state| state.resource).collect()
}

/// Watches the cluster, and publishes a snapshot for each change, once every list is complete. Runs until dropped.
pub async fn run(
    client: Client,
    own_namespace: String,
    mut settings: watch::Receiver<Arc<Settings>>,
    snapshots: Arc<SnapshotStore>,
    readiness: Arc<Readiness>,
    metrics: Arc<Metrics>,
) {
    let lookup_client = client.clone();
    let mut stores = ClusterStores::default();
    let dns_namespace = |settings: &watch::Receiver<Arc<Settings>>| settings.borrow().dns.namespace.clone();
    let mut watched_dns = dns_namespace(&settings);
    let mut events = all_events(&client, &own_namespace, &watched_dns);
    let mut next_lookup = Instant::now();
    // A lookup runs in parallel with the watches, so that their events do not wait for it.
    let mut lookup = None;
    let (mut next_learning, mut learning) = (Instant::now(), None);
    loop {
        let (mut changed, mut learned) = (false, None);
        // A burst of events makes one snapshot, not one for each event.
        let (mut next, completed) = tokio::select! {
            first = events.next() => (first, None),
            Ok(()) = settings.changed() => {
                changed = true;
                let now = dns_namespace(&settings);
                if now != watched_dns {
                    events = all_events(&client, &own_namespace, &now);
                    watched_dns = now;
                }
                (None, None)
            }
            request = snapshots.lookups.next(), if lookup.is_none() => {
                let since = stores.lookup_start();
                lookup = Some(Box::pin(live_lookup::fetch(lookup_client.clone(), request, next_lookup, since)));
                continue;
            }
            Some(fetched) = OptionFuture::from(lookup.as_mut()) => {
                lookup = None;
                next_lookup = Instant::now() + LOOKUP_INTERVAL;
                let request = fetched.request.clone();
                changed = stores.merge_fetched(fetched);
                (None, Some(request))
            }
            request = snapshots.learning.next(), if learning.is_none() => {
                let settings = Arc::clone(&settings.borrow());
                learning = Some(Box::pin(learn(lookup_client.clone(), request, settings, next_learning)));
                continue;
            }
            Some((request, references)) = OptionFuture::from(learning.as_mut()) => {
                learning = None;
                next_learning = Instant::now() + LEARNING_INTERVAL;
                let now = Timestamp::now().as_second();
                let newest = snapshots.newest();
                for (revision, reference) in references {
                    let mut known = newest.iter().flat_map(|known| known.proxy_references.valid(&revision, now));
                    if !known.any(|known| known.has_same_form(&reference)) {
                        stores.learned_references.add_temporary(&revision, reference, now);
                        changed = true;
                    }
                }
                learned = Some(request);
                (None, None)
            }
        };
        while let Some(event) = next {
            changed |= stores.apply(event);
            next = events.next().now_or_never().flatten();
        }
        let watch_states = stores.watch_states();
        for state in watch_states {
            metrics.watches.set(state);
        }
        let synced = watch_states.into_iter().filter(|state| state.is_synced);
        let synced = synced.inspect(|state| readiness.mark_done(state.resource)).count();
        if changed && synced == watch_states.len() {
            let settings = Arc::clone(&settings.borrow_and_update());
            let state = stores.state(&settings);
            snapshots.publish(Snapshot::new(settings, state));
        }
        if let Some(completed) = completed {
            snapshots.lookups.complete(&completed);
        }
        if let Some(learned) = learned {
            snapshots.learning.complete(&learned);
        }
    }
}

/// Watches everything that a snapshot holds.
fn all_events(
    client: &Client,
    own_namespace: &str,
    dns_namespace: &str,
) -> SelectAll<BoxStream<'static, ResourceEvent>> {
    stream::select_all([
        watches::watch_namespaces(client.clone()).boxed(),
        watches::watch_tenants(client.clone()).boxed(),
        watches::watch_shared_services(client.clone()).boxed(),
        watches::watch_exemptions(client.clone()).boxed(),
        watches::watch_reserved_names(client.clone(), own_namespace).boxed(),
        watches::watch_proxy_references(client.clone(), own_namespace).boxed(),
        watches::watch_api_servers(client.clone()).boxed(),
        watches::watch_dns(client.clone(), dns_namespace).boxed(),
    ])
}

/// Learns the proxies of the requested revisions, not before `start`.
async fn learn(
    client: Client,
    request: Numbered<LearnRequest>,
    settings: Arc<Settings>,
    start: Instant,
) -> (Numbered<LearnRequest>, Vec<(String, ProxyReference)>) {
    sleep_until(start).await;
    let learned =
        proxy_reference::learn_all(&client, &request.wanted.revisions, &settings, LEARNING_TIMEOUT).await;
    (request, learned)
}
