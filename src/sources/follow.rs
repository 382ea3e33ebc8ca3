//! The world of a cluster, followed by watches.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{FutureExt, Stream, StreamExt, stream};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::PartialObjectMeta;
use kube::core::DeserializeGuard;
use kube::runtime::watcher::Event;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use tracing::{info, warn};

use super::Worlds;
use crate::api;
use crate::settings::Settings;
use crate::telemetry::Readiness;
use crate::world::{TENANT_LABEL, Tenant, World};

/// What readiness waits for.
pub const AWAITED: &[&str] = &["namespaces", "tenants"];

/// Follows the cluster and publishes a world for each change, once both lists are whole. Never ends.
pub async fn follow(client: Client, settings: Arc<Settings>, worlds: Arc<Worlds>, readiness: Arc<Readiness>) {
    let mut namespaces = Followed::<Option<String>>::new("namespaces");
    let mut tenants = Followed::<Tenant>::new("tenants");
    let mut news = stream::select(watch_namespaces(client.clone()), watch_tenants(client)).boxed();
    while let Some(first) = news.next().await {
        // A burst makes one world, not one for each of its events.
        let mut next = Some(first);
        while let Some(news_item) = next {
            match news_item {
                News::Namespace(event) => namespaces.take(event),
                News::Tenant(event) => tenants.take(event),
            }
            next = news.next().now_or_never().flatten();
        }
        if namespaces.complete && tenants.complete {
            let world = World::new(
                Arc::clone(&settings),
                tenants.live.values().cloned(),
                namespaces.live.iter().map(|(name, tenant)| (name.clone(), tenant.clone())),
            );
            worlds.publish(world);
        }
        for (name, complete) in [(namespaces.name, namespaces.complete), (tenants.name, tenants.complete)] {
            if complete {
                readiness.done(name);
            }
        }
    }
}

enum News {
    Namespace(Change<Option<String>>),
    Tenant(Change<Tenant>),
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
    let read = |namespace: PartialObjectMeta<Namespace>| {
        (namespace.name_any(), Ok(namespace.labels().get(TENANT_LABEL).cloned()))
    };
    watcher(Api::<PartialObjectMeta<Namespace>>::all(client), watcher::Config::default())
        .default_backoff()
        .map(move |event| News::Namespace(change(event, read)))
}

fn watch_tenants(client: Client) -> impl Stream<Item = News> {
    let read = |DeserializeGuard(tenant): DeserializeGuard<api::Tenant>| match tenant {
        Ok(tenant) => (tenant.name_any(), Ok(Tenant::new(tenant.name_any(), tenant.spec))),
        Err(invalid) => (invalid.metadata.name.unwrap_or_default(), Err(invalid.error)),
    };
    watcher(Api::<DeserializeGuard<api::Tenant>>::all(client), watcher::Config::default())
        .default_backoff()
        .map(move |event| News::Tenant(change(event, read)))
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

impl<T: Clone> Followed<T> {
    fn new(name: &'static str) -> Self {
        Self { name, live: BTreeMap::new(), coming: BTreeMap::new(), complete: false }
    }

    fn take(&mut self, change: Change<T>) {
        match change {
            Change::Begin => self.coming.clear(),
            Change::Is { name, now, listed } => {
                let now = now.or_else(|error| {
                    warn!(
                        list = self.name,
                        name, error, "an object cannot be read; its last good value stays"
                    );
                    self.live.get(&name).cloned().ok_or(())
                });
                if let Ok(now) = now {
                    let into = if listed { &mut self.coming } else { &mut self.live };
                    into.insert(name, now);
                }
            }
            Change::Gone(name) => drop(self.live.remove(&name)),
            Change::Whole => {
                self.live = std::mem::take(&mut self.coming);
                if !std::mem::replace(&mut self.complete, true) {
                    info!(list = self.name, objects = self.live.len(), "listed");
                }
            }
            Change::Failed(error) => warn!(list = self.name, error, "the watch failed; trying again"),
        }
    }
}
