//! What of the baseline is in the cluster, followed by watches on what carries Bulkhead's label.

use std::collections::BTreeMap;

use futures::StreamExt;
use futures::stream::{BoxStream, SelectAll, select_all};
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};
use kube::{Api, Client, ResourceExt};
use serde_json::Value;
use tracing::warn;

use crate::baseline::{Kind, MANAGED_BY, tenant_of_object};

/// Kind, namespace and name; the namespace is empty for an object of the cluster.
type Key = (Kind, String, String);

/// The objects as the watches show them.
#[derive(Default)]
pub(super) struct Kept {
    objects: BTreeMap<Key, Value>,
    coming: BTreeMap<Key, Value>,
    listed: usize,
    /// How often anything changed, by namespace, or by tenant for what is of the cluster.
    versions: BTreeMap<String, u64>,
}

pub(super) type News = (Kind, Result<Event<DynamicObject>, watcher::Error>);

/// Watches every kind of the baseline.
pub(super) fn follow(client: &Client) -> SelectAll<BoxStream<'static, News>> {
    let (key, value) = MANAGED_BY;
    select_all(Kind::ALL.iter().map(|kind| {
        let api = Api::<DynamicObject>::all_with(client.clone(), &resource(*kind));
        let config = watcher::Config::default().labels(&format!("{key}={value}"));
        watch(api, config).default_backoff().map(move |event| (*kind, event)).boxed()
    }))
}

impl Kept {
    pub(super) fn take(&mut self, (kind, event): News) {
        match event {
            Ok(Event::Init) => self.coming.retain(|(of, _, _), _| *of != kind),
            Ok(Event::InitApply(object)) => {
                let (key, value) = entry(kind, &object);
                self.coming.insert(key, value);
            }
            Ok(Event::InitDone) => {
                self.objects.retain(|(of, _, _), _| *of != kind);
                self.listed += 1;
                let (of_kind, others) =
                    std::mem::take(&mut self.coming).into_iter().partition(|((of, _, _), _)| *of == kind);
                let of_kind: BTreeMap<_, _> = of_kind;
                self.objects.extend(of_kind);
                self.coming = others;
            }
            Ok(Event::Apply(object)) => self.insert(kind, &object),
            Ok(Event::Delete(object)) => {
                self.remove(kind, &object.namespace().unwrap_or_default(), &object.name_any());
            }
            Err(error) => warn!(kind = kind.name(), %error, "the watch failed; trying again"),
        }
    }

    /// Whether every kind has been listed.
    pub(super) fn is_whole(&self) -> bool {
        self.listed >= Kind::ALL.len()
    }

    pub(super) fn get(&self, kind: Kind, namespace: &str, name: &str) -> Option<&Value> {
        self.objects.get(&(kind, namespace.to_owned(), name.to_owned()))
    }

    /// The names of what is kept of a kind in a namespace.
    pub(super) fn names(&self, kind: Kind, namespace: &str) -> impl Iterator<Item = &str> {
        let from = (kind, namespace.to_owned(), String::new());
        let same = move |((of, place, _), _): &(&Key, &Value)| *of == kind && *place == from.1;
        self.objects
            .range((kind, namespace.to_owned(), String::new())..)
            .take_while(same)
            .map(|((_, _, name), _)| name.as_str())
    }

    pub(super) fn remove(&mut self, kind: Kind, namespace: &str, name: &str) {
        self.changed(namespace, name);
        self.objects.remove(&(kind, namespace.to_owned(), name.to_owned()));
    }

    fn changed(&mut self, namespace: &str, name: &str) {
        let place = if namespace.is_empty() { tenant_of_object(name).unwrap_or_default() } else { namespace };
        let key = if namespace.is_empty() { format!("/{place}") } else { place.to_owned() };
        *self.versions.entry(key).or_default() += 1;
    }

    /// Whatever it was before, it is another once anything has changed in the namespace.
    pub(super) fn version_of_namespace(&self, namespace: &str) -> (usize, u64) {
        (self.listed, self.versions.get(namespace).copied().unwrap_or_default())
    }

    /// The same for what a tenant has beyond its namespaces.
    pub(super) fn version_of_tenant(&self, tenant: &str) -> (usize, u64) {
        (self.listed, self.versions.get(&format!("/{tenant}")).copied().unwrap_or_default())
    }

    /// What was read back after a write, ahead of the watch.
    pub(super) fn insert(&mut self, kind: Kind, object: &DynamicObject) {
        let (key, value) = entry(kind, object);
        self.changed(&key.1, &key.2);
        self.objects.insert(key, value);
    }
}

fn entry(kind: Kind, object: &DynamicObject) -> (Key, Value) {
    let key = (kind, object.namespace().unwrap_or_default(), object.name_any());
    (key, serde_json::to_value(object).unwrap_or_default())
}

pub(super) fn resource(kind: Kind) -> ApiResource {
    let kind_of = GroupVersionKind::gvk(kind.group(), Kind::VERSION, kind.name());
    ApiResource::from_gvk_with_plural(&kind_of, kind.resource())
}
