//! What of the baseline is in the cluster, followed by watches on what carries Bulkhead's label.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use futures::stream::{BoxStream, SelectAll, select_all};
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use tracing::warn;

use crate::baseline::{DEFAULT_ACCOUNT, Kind, MANAGED_BY, tenant_of_object};

/// Kind, namespace and name; the namespace is empty for an object of the cluster.
type Key = (Kind, String, String);

/// The objects as the watches show them.
#[derive(Default)]
pub(super) struct Kept {
    objects: BTreeMap<Key, Value>,
    coming: BTreeMap<Key, Value>,
    /// The kinds that were listed, or cannot be.
    asked: BTreeSet<Kind>,
    /// How often a list was whole.
    lists: usize,
    /// How often anything changed, by namespace, or by tenant for what is of the cluster.
    versions: BTreeMap<String, u64>,
}

pub(super) type News = (Kind, Result<Event<DynamicObject>, watcher::Error>);

/// Watches these kinds.
pub(super) fn follow(client: &Client, kinds: &BTreeSet<Kind>) -> SelectAll<BoxStream<'static, News>> {
    let (key, value) = MANAGED_BY;
    select_all(kinds.iter().copied().map(|kind| {
        let api = Api::<DynamicObject>::all_with(client.clone(), &resource(kind));
        let config = watcher::Config::default();
        let config = if kind.is_shared() {
            config.fields(&format!("metadata.name={DEFAULT_ACCOUNT}"))
        } else {
            config.labels(&format!("{key}={value}"))
        };
        watch(api, config).default_backoff().map(move |event| (kind, event)).boxed()
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
                self.asked.insert(kind);
                self.lists += 1;
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
            Err(error) => {
                self.asked.insert(kind);
                warn!(kind = kind.name(), %error, "the watch failed; trying again");
            }
        }
    }

    /// Whether each of these kinds has been listed, as far as it can be: one that the cluster does not serve keeps the
    /// others from nothing.
    pub(super) fn is_whole(&self, kinds: &BTreeSet<Kind>) -> bool {
        kinds.is_subset(&self.asked)
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

    /// Kind, namespace and name of all that is kept in some namespaces, or in none.
    pub(super) fn within(
        &self,
        is_within: impl Fn(&str) -> bool,
    ) -> impl Iterator<Item = (Kind, &str, &str)> {
        let keys = self.objects.keys().filter(move |(kind, place, _)| !kind.is_shared() && is_within(place));
        keys.map(|(kind, namespace, name)| (*kind, namespace.as_str(), name.as_str()))
    }

    /// Whether Kubernetes has begun to count by the quota: until then it refuses what is counted.
    pub(super) fn is_counted(&self, namespace: &str, quota: &str) -> bool {
        self.get(Kind::ResourceQuota, namespace, quota)
            .is_some_and(|quota| keys(quota.pointer("/spec/hard")) == keys(quota.pointer("/status/hard")))
    }

    pub(super) fn remove(&mut self, kind: Kind, namespace: &str, name: &str) {
        self.changed(kind, namespace, name);
        self.objects.remove(&(kind, namespace.to_owned(), name.to_owned()));
    }

    fn changed(&mut self, kind: Kind, namespace: &str, name: &str) {
        let key = match (namespace, tenant_of_object(kind, name)) {
            ("", Some(tenant)) => format!("/{tenant}"),
            (namespace, _) => namespace.to_owned(),
        };
        *self.versions.entry(key).or_default() += 1;
        *self.versions.entry(ANYWHERE.to_owned()).or_default() += 1;
    }

    /// Whatever it was before, it is another once anything has changed in the namespace.
    pub(super) fn version_of_namespace(&self, namespace: &str) -> (usize, u64) {
        (self.lists, self.versions.get(namespace).copied().unwrap_or_default())
    }

    /// The same for what a tenant has beyond its namespaces.
    pub(super) fn version_of_tenant(&self, tenant: &str) -> (usize, u64) {
        (self.lists, self.versions.get(&format!("/{tenant}")).copied().unwrap_or_default())
    }

    /// The same for everything.
    pub(super) fn version(&self) -> (usize, u64) {
        (self.lists, self.versions.get(ANYWHERE).copied().unwrap_or_default())
    }

    /// What was read back after a write, ahead of the watch.
    pub(super) fn insert(&mut self, kind: Kind, object: &DynamicObject) {
        let (key, value) = entry(kind, object);
        self.changed(kind, &key.1, &key.2);
        self.objects.insert(key, value);
    }
}

/// No namespace's name.
const ANYWHERE: &str = "*";

fn keys(map: Option<&Value>) -> Option<Vec<&String>> {
    map.and_then(Value::as_object).map(|map| map.keys().collect())
}

/// The object as far as anything of it is looked at.
fn entry(kind: Kind, object: &DynamicObject) -> (Key, Value) {
    let key = (kind, object.namespace().unwrap_or_default(), object.name_any());
    let mut value = object.data.clone();
    let metadata = &object.metadata;
    if let Value::Object(fields) = &mut value {
        if kind != Kind::ResourceQuota {
            fields.remove("status");
        }
        let metadata = json!({
            "labels": metadata.labels,
            "annotations": metadata.annotations,
            "ownerReferences": metadata.owner_references,
            "finalizers": metadata.finalizers,
        });
        fields.insert("metadata".to_owned(), metadata);
    }
    (key, value)
}

pub(super) fn resource(kind: Kind) -> ApiResource {
    let kind_of = GroupVersionKind::gvk(kind.group(), kind.version(), kind.name());
    ApiResource::from_gvk_with_plural(&kind_of, kind.resource())
}
