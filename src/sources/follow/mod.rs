//! Builds the snapshots of a cluster from watches and live lookups.

mod followed;
mod look;
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
use crate::telemetry::{Failure, Metrics, Readiness};
use crate::snapshot::{
    Exemption, ClusterState, LiveObject, Namespace, LiveObjectKey, ReservedNames, SharedService, ClusterEndpoints, Tenant, Snapshot,
};
use followed::Followed;
use watches::News;

pub(crate) use look::live_of;
pub use watches::{
    API_SERVERS, DNS_NAMESPACE, read_addresses, read_api_servers, read_exemption, read_namespace,
    read_shared_service, read_tenant,
};

/// Minimum time between two lookups.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// Returns the names of the lists that readiness waits for.
pub fn awaited() -> Vec<&'static str> {
    Cluster::default().lists().into_iter().map(|(name, ..)| name).collect()
}

/// Watches the cluster, and publishes a snapshot for each change, once every list is complete. Runs until dropped.
pub async fn follow(
    client: Client,
    home: String,
    mut settings: watch::Receiver<Arc<Settings>>,
    snapshots: Arc<SnapshotStore>,
    readiness: Arc<Readiness>,
    metrics: Arc<Metrics>,
) {
    let looks = client.clone();
    let mut cluster = Cluster::default();
    let mut news = stream::select_all([
        watches::watch_namespaces(client.clone()).boxed(),
        watches::watch_tenants(client.clone()).boxed(),
        watches::watch_shared_services(client.clone()).boxed(),
        watches::watch_exemptions(client.clone()).boxed(),
        watches::watch_reserved_names(client.clone(), &home).boxed(),
        watches::watch_api_servers(client.clone()).boxed(),
        watches::watch_dns(client).boxed(),
    ]);
    let mut pause = Instant::now();
    // A lookup runs in parallel with the watches, so that their events do not wait for it.
    let mut looking = None;
    loop {
        let mut changed = false;
        // A burst of events makes one snapshot, not one for each event.
        let (mut next, looked) = tokio::select! {
            first = news.next() => (first, None),
            Ok(()) = settings.changed() => {
                changed = true;
                (None, None)
            }
            missed = snapshots.asked(), if looking.is_none() => {
                looking = Some(Box::pin(look::look(looks.clone(), missed, pause)));
                cluster.told = Some(BTreeSet::new());
                continue;
            }
            Some(seen) = OptionFuture::from(looking.as_mut()) => {
                looking = None;
                pause = Instant::now() + BETWEEN_LOOKS;
                let missed = seen.missed.clone();
                changed = cluster.see(seen);
                (None, Some(missed))
            }
        };
        while let Some(item) = next {
            changed |= cluster.take(item);
            next = news.next().now_or_never().flatten();
        }
        let lists = cluster.lists();
        for (name, _, failure) in lists {
            metrics.watches(name, failure);
        }
        let whole = lists.into_iter().filter(|(_, whole, _)| *whole);
        let whole = whole.inspect(|(name, _, _)| readiness.done(name)).count();
        if changed && whole == lists.len() {
            let settings = Arc::clone(&settings.borrow_and_update());
            let state = cluster.state(&settings);
            snapshots.publish(Snapshot::new(settings, state));
        }
        if let Some(looked) = looked {
            snapshots.looked(&looked);
        }
    }
}

/// The state of everything that is watched.
struct Cluster {
    /// Names that the watches have delivered since the current lookup began; `None` without a lookup.
    told: Option<BTreeSet<String>>,
    exemptions: Followed<Exemption>,
    /// Objects that Exemptions depend on, as far as they have been looked up.
    live_objects: BTreeMap<LiveObjectKey, LiveObject>,
    reserved_names: Followed<ReservedNames>,
    namespaces: Followed<Namespace>,
    tenants: Followed<Tenant>,
    shared_services: Followed<SharedService>,
    api_servers: Followed<BTreeSet<(IpAddr, u16)>>,
    dns: Followed<BTreeSet<IpAddr>>,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            told: None,
            exemptions: Followed::new("exemptions"),
            live_objects: BTreeMap::new(),
            reserved_names: Followed::new("retired names"),
            namespaces: Followed::new("namespaces"),
            tenants: Followed::new("tenants"),
            shared_services: Followed::new("sharedservices"),
            api_servers: Followed::new("endpointslices"),
            dns: Followed::new("services"),
        }
    }
}

impl Cluster {
    /// Applies an event. Returns true if anything has changed.
    fn take(&mut self, news: News) -> bool {
        let name = match &news {
            News::Namespace(change) => change.name(),
            News::Tenant(change) => change.name(),
            _ => None,
        };
        if let (Some(told), Some(name)) = (&mut self.told, name) {
            told.insert(name.to_owned());
        }
        match news {
            News::Namespace(change) => self.namespaces.take(change, Namespace::keep_ready_until_recreated),
            News::Tenant(change) => self.tenants.take(change, newer),
            News::SharedService(change) => self.shared_services.take(change, newer),
            News::Exemption(change) => self.exemptions.take(change, newer),
            News::ReservedNames(change) => self.reserved_names.take(change, newer),
            News::ApiServers(change) => self.api_servers.take(change, newer),
            News::Dns(change) => self.dns.take(change, newer),
        }
    }

    /// Returns for each list its name, true if it is complete, and the failure of its watch.
    fn lists(&self) -> [(&'static str, bool, Option<Failure>); 7] {
        fn of<T>(list: &Followed<T>) -> (&'static str, bool, Option<Failure>) {
            (list.name, list.complete, list.failure)
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
        let dns = self.dns.live.iter().filter(|(name, _)| is_dns(name));
        ClusterState {
            exemptions: self.exemptions.live.values().map(|known| Exemption::clone(known)).collect(),
            live_objects: self.live_objects.clone(),
            reserved_names: self.reserved_names.live.values().next().map(|known| ReservedNames::clone(known)).unwrap_or_default(),
            tenants: self.tenants.live.values().cloned().collect(),
            shared_services: self
                .shared_services
                .live
                .values()
                .map(|known| SharedService::clone(known))
                .collect(),
            namespaces: self.namespaces.live.clone().into_iter().collect(),
            endpoints: ClusterEndpoints {
                api_servers: self.api_servers.live.values().flat_map(|known| known.iter().copied()).collect(),
                dns: dns.flat_map(|(_, known)| known.iter().copied()).collect(),
            },
        }
    }
}

fn newer<T>(_: &T, now: T) -> T {
    now
}
