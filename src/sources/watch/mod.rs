//! Builds the snapshots of a cluster from watches and live lookups.

mod live_lookup;
mod store;
mod watches;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::OptionFuture;
use futures::{FutureExt, StreamExt, stream};
use kube::Client;
use tokio::sync::watch;
use tokio::time::Instant;

use super::SnapshotStore;
use crate::settings::Settings;
use crate::snapshot::{
    ClusterEndpoints, ClusterState, Exemption, LiveObject, LiveObjectKey, Namespace, ReservedNames,
    SharedService, Snapshot, Tenant,
};
use crate::telemetry::{Failure, Metrics, Readiness};
use store::Store;
use watches::ResourceEvent;

pub(crate) use live_lookup::live_object_of;
pub use watches::{
    API_SERVERS, DNS_NAMESPACE, read_addresses, read_api_servers, read_exemption, read_namespace,
    read_shared_service, read_tenant,
};

/// Minimum time between two lookups.
const LOOKUP_INTERVAL: Duration = Duration::from_millis(100);

/// Returns the names of the lists that readiness waits for.
pub fn store_names() -> Vec<&'static str> {
    ClusterStores::default().store_states().into_iter().map(|(name, ..)| name).collect()
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
    let mut events = stream::select_all([
        watches::watch_namespaces(client.clone()).boxed(),
        watches::watch_tenants(client.clone()).boxed(),
        watches::watch_shared_services(client.clone()).boxed(),
        watches::watch_exemptions(client.clone()).boxed(),
        watches::watch_reserved_names(client.clone(), &own_namespace).boxed(),
        watches::watch_api_servers(client.clone()).boxed(),
        watches::watch_dns(client).boxed(),
    ]);
    let mut next_lookup = Instant::now();
    // A lookup runs in parallel with the watches, so that their events do not wait for it.
    let mut lookup = None;
    loop {
        let mut changed = false;
        // A burst of events makes one snapshot, not one for each event.
        let (mut next, completed) = tokio::select! {
            first = events.next() => (first, None),
            Ok(()) = settings.changed() => {
                changed = true;
                (None, None)
            }
            request = snapshots.next_request(), if lookup.is_none() => {
                lookup = Some(Box::pin(live_lookup::fetch(lookup_client.clone(), request, next_lookup)));
                stores.seen_since_lookup = Some(BTreeSet::new());
                continue;
            }
            Some(fetched) = OptionFuture::from(lookup.as_mut()) => {
                lookup = None;
                next_lookup = Instant::now() + LOOKUP_INTERVAL;
                let request = fetched.request.clone();
                changed = stores.merge_fetched(fetched);
                (None, Some(request))
            }
        };
        while let Some(event) = next {
            changed |= stores.apply(event);
            next = events.next().now_or_never().flatten();
        }
        let store_states = stores.store_states();
        for (name, _, failure) in store_states {
            metrics.set_watch_failure(name, failure);
        }
        let synced = store_states.into_iter().filter(|(_, synced, _)| *synced);
        let synced = synced.inspect(|(name, _, _)| readiness.mark_done(name)).count();
        if changed && synced == store_states.len() {
            let settings = Arc::clone(&settings.borrow_and_update());
            let state = stores.state(&settings);
            snapshots.publish(Snapshot::new(settings, state));
        }
        if let Some(completed) = completed {
            snapshots.complete(&completed);
        }
    }
}

/// The state of everything that is watched.
struct ClusterStores {
    /// Names that the watches have delivered since the current lookup began; `None` without a lookup.
    seen_since_lookup: Option<BTreeSet<String>>,
    exemptions: Store<Exemption>,
    /// Objects that Exemptions depend on, as far as they have been looked up.
    live_objects: BTreeMap<LiveObjectKey, LiveObject>,
    reserved_names: Store<ReservedNames>,
    namespaces: Store<Namespace>,
    tenants: Store<Tenant>,
    shared_services: Store<SharedService>,
    api_servers: Store<BTreeSet<(IpAddr, u16)>>,
    dns: Store<BTreeSet<IpAddr>>,
}

impl Default for ClusterStores {
    fn default() -> Self {
        Self {
            seen_since_lookup: None,
            exemptions: Store::new("exemptions"),
            live_objects: BTreeMap::new(),
            reserved_names: Store::new("configmaps"),
            namespaces: Store::new("namespaces"),
            tenants: Store::new("tenants"),
            shared_services: Store::new("sharedservices"),
            api_servers: Store::new("endpointslices"),
            dns: Store::new("services"),
        }
    }
}

impl ClusterStores {
    /// Applies an event. Returns true if anything has changed.
    fn apply(&mut self, resource_event: ResourceEvent) -> bool {
        let name = match &resource_event {
            ResourceEvent::Namespace(event) => event.name(),
            ResourceEvent::Tenant(event) => event.name(),
            _ => None,
        };
        if let (Some(seen_since_lookup), Some(name)) = (&mut self.seen_since_lookup, name) {
            seen_since_lookup.insert(name.to_owned());
        }
        match resource_event {
            ResourceEvent::Namespace(event) => {
                self.namespaces.apply(event, Namespace::keep_ready_until_recreated)
            }
            ResourceEvent::Tenant(event) => self.tenants.apply(event, replace),
            ResourceEvent::SharedService(event) => self.shared_services.apply(event, replace),
            ResourceEvent::Exemption(event) => self.exemptions.apply(event, replace),
            ResourceEvent::ReservedNames(event) => self.reserved_names.apply(event, replace),
            ResourceEvent::ApiServers(event) => self.api_servers.apply(event, replace),
            ResourceEvent::Dns(event) => self.dns.apply(event, replace),
        }
    }

    /// Returns for each list its name, true if it is complete, and the failure of its watch.
    fn store_states(&self) -> [(&'static str, bool, Option<Failure>); 7] {
        fn of<T>(store: &Store<T>) -> (&'static str, bool, Option<Failure>) {
            (store.name, store.has_synced, store.failure)
        }
        [
            of(&self.namespaces),
            of(&self.tenants),
            of(&self.shared_services),
            of(&self.exemptions),
            of(&self.reserved_names),
            of(&self.api_servers),
            of(&self.dns),
        ]
    }

    fn state(&self, settings: &Settings) -> ClusterState {
        let is_dns = |name: &str| settings.dns_services.contains(name);
        let dns = self.dns.objects.iter().filter(|(name, _)| is_dns(name));
        ClusterState {
            exemptions: self.exemptions.objects.values().map(|known| Exemption::clone(known)).collect(),
            live_objects: self.live_objects.clone(),
            reserved_names: self
                .reserved_names
                .objects
                .values()
                .next()
                .map(|known| ReservedNames::clone(known))
                .unwrap_or_default(),
            tenants: self.tenants.objects.values().cloned().collect(),
            shared_services: self
                .shared_services
                .objects
                .values()
                .map(|known| SharedService::clone(known))
                .collect(),
            namespaces: self.namespaces.objects.clone().into_iter().collect(),
            endpoints: ClusterEndpoints {
                api_servers: self
                    .api_servers
                    .objects
                    .values()
                    .flat_map(|known| known.iter().copied())
                    .collect(),
                dns: dns.flat_map(|(_, known)| known.iter().copied()).collect(),
            },
        }
    }
}

fn replace<T>(_: &T, now: T) -> T {
    now
}
