//! The world of a cluster, followed by watches.

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

use super::Worlds;
use crate::settings::Settings;
use crate::telemetry::{Failure, Metrics, Readiness};
use crate::world::{
    Exemption, Facts, Live, Namespace, ObjectKey, Retired, SharedService, Surroundings, Tenant, World,
};
use followed::Followed;
use watches::News;

pub(crate) use look::live_of;
pub use watches::{
    API_SERVERS, DNS_NAMESPACE, read_addresses, read_api_servers, read_exemption, read_namespace,
    read_shared_service, read_tenant,
};

/// The least time between two looks at the API server.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// What readiness waits for.
pub fn awaited() -> Vec<&'static str> {
    Cluster::default().lists().into_iter().map(|(name, ..)| name).collect()
}

/// Follows the cluster and publishes a world for each change, once every list is whole. Never ends.
pub async fn follow(
    client: Client,
    home: String,
    mut settings: watch::Receiver<Arc<Settings>>,
    worlds: Arc<Worlds>,
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
        watches::watch_retired(client.clone(), &home).boxed(),
        watches::watch_api_servers(client.clone()).boxed(),
        watches::watch_dns(client).boxed(),
    ]);
    let mut pause = Instant::now();
    // A look goes on beside the watches: what they tell does not wait for it.
    let mut looking = None;
    loop {
        let mut changed = false;
        // A burst makes one world, not one for each of its events.
        let (mut next, looked) = tokio::select! {
            first = news.next() => (first, None),
            Ok(()) = settings.changed() => {
                changed = true;
                (None, None)
            }
            missed = worlds.asked(), if looking.is_none() => {
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
            let facts = cluster.facts(&settings);
            worlds.publish(World::new(settings, facts));
        }
        if let Some(looked) = looked {
            worlds.looked(&looked);
        }
    }
}

/// All that is followed.
struct Cluster {
    /// The names that the watches have told of since a look began, while one goes on.
    told: Option<BTreeSet<String>>,
    exemptions: Followed<Exemption>,
    /// What exemptions rest on, as far as anybody has looked.
    live: BTreeMap<ObjectKey, Live>,
    retired: Followed<Retired>,
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
            live: BTreeMap::new(),
            retired: Followed::new("retired names"),
            namespaces: Followed::new("namespaces"),
            tenants: Followed::new("tenants"),
            shared_services: Followed::new("sharedservices"),
            api_servers: Followed::new("endpointslices"),
            dns: Followed::new("services"),
        }
    }
}

impl Cluster {
    /// Whether anything is different now.
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
            News::Namespace(change) => self.namespaces.take(change, Namespace::latched),
            News::Tenant(change) => self.tenants.take(change, newer),
            News::SharedService(change) => self.shared_services.take(change, newer),
            News::Exemption(change) => self.exemptions.take(change, newer),
            News::Retired(change) => self.retired.take(change, newer),
            News::ApiServers(change) => self.api_servers.take(change, newer),
            News::Dns(change) => self.dns.take(change, newer),
        }
    }

    /// The name of each list, whether it is whole, and how its watch fails.
    fn lists(&self) -> [(&'static str, bool, Option<Failure>); 7] {
        fn of<T>(list: &Followed<T>) -> (&'static str, bool, Option<Failure>) {
            (list.name, list.complete, list.failure)
        }
        [
            of(&self.namespaces),
            of(&self.tenants),
            of(&self.shared_services),
            of(&self.exemptions),
            of(&self.retired),
            of(&self.api_servers),
            of(&self.dns),
        ]
    }

    fn facts(&self, settings: &Settings) -> Facts {
        let is_dns = |name: &str| settings.dns_services.contains(name);
        let dns = self.dns.live.iter().filter(|(name, _)| is_dns(name));
        Facts {
            exemptions: self.exemptions.live.values().map(|known| Exemption::clone(known)).collect(),
            live: self.live.clone(),
            retired: self.retired.live.values().next().map(|known| Retired::clone(known)).unwrap_or_default(),
            tenants: self.tenants.live.values().cloned().collect(),
            shared_services: self
                .shared_services
                .live
                .values()
                .map(|known| SharedService::clone(known))
                .collect(),
            namespaces: self.namespaces.live.clone().into_iter().collect(),
            surroundings: Surroundings {
                api_servers: self.api_servers.live.values().flat_map(|known| known.iter().copied()).collect(),
                dns: dns.flat_map(|(_, known)| known.iter().copied()).collect(),
            },
        }
    }
}

fn newer<T>(_: &T, now: T) -> T {
    now
}
