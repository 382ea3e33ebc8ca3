//! The world of a cluster, followed by watches.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, Stream, StreamExt, stream};
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;
use kube::core::DeserializeGuard;
use kube::runtime::watcher::Event;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

use super::Worlds;
use crate::api;
use crate::settings::Settings;
use crate::telemetry::Readiness;
use crate::world::{
    BASELINE_READY, Facts, Namespace, SharedService, Surroundings, TENANT_LABEL, Tenant, World, ready_for,
};

/// The least time between two looks at the API server, and the most that one may take.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);
const LOOK: Duration = Duration::from_secs(1);

/// What readiness waits for.
pub const AWAITED: &[&str] = &["endpointslices", "namespaces", "services", "sharedservices", "tenants"];

/// Follows the cluster and publishes a world for each change, once every list is whole. Never ends.
pub async fn follow(
    client: Client,
    mut settings: watch::Receiver<Arc<Settings>>,
    worlds: Arc<Worlds>,
    readiness: Arc<Readiness>,
) {
    let looks = client.clone();
    let mut cluster = Cluster::default();
    let mut news = stream::select_all([
        watch_namespaces(client.clone()).boxed(),
        watch_tenants(client.clone()).boxed(),
        watch_shared_services(client.clone()).boxed(),
        watch_api_servers(client.clone()).boxed(),
        watch_dns(client).boxed(),
    ]);
    let mut pause = Instant::now();
    loop {
        let mut changed = false;
        // A burst makes one world, not one for each of its events.
        let (mut next, looked) = tokio::select! {
            first = news.next() => (first, None),
            Ok(()) = settings.changed() => {
                changed = true;
                (None, None)
            }
            missed = worlds.asked() => {
                // Whoever misses much does not make the API server pay for it.
                tokio::time::sleep_until(pause).await;
                pause = Instant::now() + BETWEEN_LOOKS;
                changed = cluster.look(&looks, &missed.namespaces).await;
                (None, Some(missed))
            }
        };
        while let Some(item) = next {
            changed |= cluster.take(item);
            next = news.next().now_or_never().flatten();
        }
        for name in cluster.listed() {
            readiness.done(name);
        }
        if changed && cluster.listed().count() == AWAITED.len() {
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
    namespaces: Followed<Namespace>,
    tenants: Followed<Tenant>,
    shared_services: Followed<SharedService>,
    api_servers: Followed<BTreeSet<(IpAddr, u16)>>,
    dns: Followed<BTreeSet<IpAddr>>,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
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
        match news {
            News::Namespace(change) => self.namespaces.take(change, Namespace::latched),
            News::Tenant(change) => self.tenants.take(change, newer),
            News::SharedService(change) => self.shared_services.take(change, newer),
            News::ApiServers(change) => self.api_servers.take(change, newer),
            News::Dns(change) => self.dns.take(change, newer),
        }
    }

    /// Asks the API server itself for what a request rests on; whether anything is different now.
    async fn look(&mut self, client: &Client, namespaces: &BTreeSet<String>) -> bool {
        let mut changed = false;
        let tenants = Api::<DeserializeGuard<api::Tenant>>::all(client.clone());
        match timeout(LOOK, tenants.list(&ListParams::default())).await {
            Ok(Ok(list)) => {
                for tenant in list {
                    let (name, now) = read_tenant(tenant);
                    changed |= self.tenants.take(Change::Is { name, now, listed: false }, newer);
                }
            }
            failed => warn!(error = ?failed.map(|list| list.map(|_| ())), "looking for Tenants"),
        }
        for name in namespaces {
            let namespaces = Api::<core::Namespace>::all(client.clone());
            match timeout(LOOK, namespaces.get_opt(name)).await {
                Ok(Ok(Some(found))) => {
                    let now = Ok(read_namespace(&found));
                    let change = Change::Is { name: name.clone(), now, listed: false };
                    changed |= self.namespaces.take(change, Namespace::latched);
                }
                Ok(Ok(None)) => {}
                failed => {
                    warn!(name, error = ?failed.map(|found| found.map(|_| ())), "looking for a namespace");
                }
            }
        }
        changed
    }

    /// The names of the lists that are whole.
    fn listed(&self) -> impl Iterator<Item = &'static str> {
        let lists = [
            self.namespaces.status(),
            self.tenants.status(),
            self.shared_services.status(),
            self.api_servers.status(),
            self.dns.status(),
        ];
        lists.into_iter().filter_map(|(name, complete)| complete.then_some(name))
    }

    fn facts(&self, settings: &Settings) -> Facts {
        let is_dns = |name: &&String| settings.dns_services.contains(*name);
        let dns = self.dns.live.iter().filter(|(name, _)| is_dns(name));
        Facts {
            tenants: self.tenants.live.values().cloned().collect(),
            shared_services: self.shared_services.live.values().cloned().collect(),
            namespaces: self.namespaces.live.clone().into_iter().collect(),
            surroundings: Surroundings {
                api_servers: self.api_servers.live.values().flatten().copied().collect(),
                dns: dns.flat_map(|(_, addresses)| addresses).copied().collect(),
            },
        }
    }
}

fn newer<T>(_: &T, now: T) -> T {
    now
}

enum News {
    Namespace(Change<Namespace>),
    Tenant(Change<Tenant>),
    SharedService(Change<SharedService>),
    ApiServers(Change<BTreeSet<(IpAddr, u16)>>),
    Dns(Change<BTreeSet<IpAddr>>),
}

/// An event, boiled down to what the world keeps.
enum Change<T> {
    /// A list begins.
    Begin,
    /// An object, live or of a list that is under way; `Err` if it cannot be read.
    Is {
        name: String,
        now: Result<T, String>,
        listed: bool,
    },
    Gone(String),
    /// The list is whole.
    Whole,
    /// The watch has failed; it is tried again.
    Failed(String),
}

fn watch_namespaces(client: Client) -> impl Stream<Item = News> {
    watcher(Api::<core::Namespace>::all(client), watcher::Config::default()).default_backoff().map(|event| {
        News::Namespace(change(event, |namespace| (namespace.name_any(), Ok(read_namespace(&namespace)))))
    })
}

/// A namespace as the world keeps it.
pub fn read_namespace(namespace: &core::Namespace) -> Namespace {
    let tenant = namespace.labels().get(TENANT_LABEL).cloned();
    let stands = tenant.as_deref().map(ready_for);
    let conditions = namespace.status.iter().flat_map(|status| status.conditions.iter().flatten());
    Namespace {
        tenant,
        uid: namespace.uid().unwrap_or_default(),
        created: created(&namespace.metadata),
        ready: conditions
            .into_iter()
            .any(|known| known.type_ == BASELINE_READY && known.status == "True" && known.message == stands),
        terminating: namespace.metadata.deletion_timestamp.is_some(),
    }
}

fn created(metadata: &ObjectMeta) -> i64 {
    metadata.creation_timestamp.as_ref().map_or(0, |time| time.0.as_second())
}

fn watch_tenants(client: Client) -> impl Stream<Item = News> {
    watcher(Api::<DeserializeGuard<api::Tenant>>::all(client), watcher::Config::default())
        .default_backoff()
        .map(|event| News::Tenant(change(event, read_tenant)))
}

fn read_tenant(DeserializeGuard(tenant): DeserializeGuard<api::Tenant>) -> (String, Result<Tenant, String>) {
    match tenant {
        Ok(tenant) => {
            let created = created(&tenant.metadata);
            (tenant.name_any(), Ok(Tenant::new(tenant.name_any(), created, tenant.spec)))
        }
        Err(invalid) => (invalid.metadata.name.unwrap_or_default(), Err(invalid.error)),
    }
}

fn watch_shared_services(client: Client) -> impl Stream<Item = News> {
    let read = |DeserializeGuard(service): DeserializeGuard<api::SharedService>| match service {
        Ok(service) => (service.name_any(), Ok(SharedService::new(service.name_any(), service.spec))),
        Err(invalid) => (invalid.metadata.name.unwrap_or_default(), Err(invalid.error)),
    };
    watcher(Api::<DeserializeGuard<api::SharedService>>::all(client), watcher::Config::default())
        .default_backoff()
        .map(move |event| News::SharedService(change(event, read)))
}

/// The API servers, behind the Service `kubernetes`.
fn watch_api_servers(client: Client) -> impl Stream<Item = News> {
    let read = |slice: EndpointSlice| {
        let ports = slice.ports.iter().flatten().filter_map(|port| u16::try_from(port.port?).ok());
        let ports: Vec<u16> = ports.collect();
        let addresses = slice.endpoints.iter().flatten().flat_map(|endpoint| &endpoint.addresses);
        let addresses = addresses.filter_map(|address| address.parse::<IpAddr>().ok());
        let pairs = addresses.flat_map(|address| ports.iter().map(move |port| (address, *port)));
        (slice.name_any(), Ok(pairs.collect()))
    };
    // By the name that the API servers keep it under: a label is anybody's to write.
    let config = watcher::Config::default().fields("metadata.name=kubernetes");
    watcher(Api::<EndpointSlice>::namespaced(client, "default"), config)
        .default_backoff()
        .map(move |event| News::ApiServers(change(event, read)))
}

/// The Services among which the cluster's DNS is.
fn watch_dns(client: Client) -> impl Stream<Item = News> {
    let read = |service: core::Service| {
        let addresses = service.spec.iter().flat_map(|spec| spec.cluster_ips.iter().flatten());
        let addresses = addresses.filter_map(|address| address.parse::<IpAddr>().ok());
        (service.name_any(), Ok(addresses.collect()))
    };
    watcher(Api::<core::Service>::namespaced(client, "kube-system"), watcher::Config::default())
        .default_backoff()
        .map(move |event| News::Dns(change(event, read)))
}

fn change<K, T>(
    event: Result<Event<K>, watcher::Error>,
    read: impl Fn(K) -> (String, Result<T, String>),
) -> Change<T> {
    let is = |object, listed| {
        let (name, now) = read(object);
        Change::Is { name, now, listed }
    };
    match event {
        Ok(Event::Init) => Change::Begin,
        Ok(Event::InitApply(object)) => is(object, true),
        Ok(Event::InitDone) => Change::Whole,
        Ok(Event::Apply(object)) => is(object, false),
        Ok(Event::Delete(object)) => Change::Gone(read(object).0),
        Err(error) => Change::Failed(error.to_string()),
    }
}

/// The objects of one watch: those that live, and those of a list that is not whole yet.
struct Followed<T> {
    name: &'static str,
    live: BTreeMap<String, T>,
    coming: BTreeMap<String, T>,
    complete: bool,
}

impl<T: Clone + PartialEq> Followed<T> {
    fn new(name: &'static str) -> Self {
        Self { name, live: BTreeMap::new(), coming: BTreeMap::new(), complete: false }
    }

    fn status(&self) -> (&'static str, bool) {
        (self.name, self.complete)
    }

    /// Takes a change, `merge`d with what was known; whether anything is different now.
    fn take(&mut self, change: Change<T>, merge: impl Fn(&T, T) -> T) -> bool {
        match change {
            Change::Begin => {
                self.coming.clear();
                false
            }
            Change::Is { name, now, listed } => {
                let known = self.live.get(&name);
                let now = match (now, known) {
                    (Ok(now), Some(known)) => merge(known, now),
                    (Ok(now), None) => now,
                    (Err(error), known) => {
                        warn!(
                            list = self.name,
                            name, error, "an object cannot be read; its last good value stays"
                        );
                        let Some(known) = known else { return false };
                        known.clone()
                    }
                };
                if listed {
                    self.coming.insert(name, now);
                    return false;
                }
                let changed = known != Some(&now);
                self.live.insert(name, now);
                changed
            }
            Change::Gone(name) => self.live.remove(&name).is_some(),
            Change::Whole => {
                let live = std::mem::take(&mut self.coming);
                let changed = !self.complete || live != self.live;
                self.live = live;
                if !std::mem::replace(&mut self.complete, true) {
                    info!(list = self.name, objects = self.live.len(), "listed");
                }
                changed
            }
            Change::Failed(error) => {
                warn!(list = self.name, error, "the watch failed; trying again");
                false
            }
        }
    }
}
