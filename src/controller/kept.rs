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

use crate::baseline::{DEFAULT_ACCOUNT, Kind, MANAGED_BY, Manifest, tenant_of_object};

/// Kind, namespace and name; the namespace is empty for an object of the cluster.
pub(super) type Key = (Kind, String, String);

/// The objects as the watches show them.
#[derive(Default)]
pub(super) struct Kept {
    objects: BTreeMap<Key, Value>,
    coming: BTreeMap<Key, Value>,
    /// The newest version of each kind that a watch has shown; a deletion has one too.
    shown: BTreeMap<Kind, u128>,
    /// How many lists were taken.
    lists: usize,
    /// The kinds that were listed, or cannot be.
    asked: BTreeSet<Kind>,
    /// Where anything has changed since it was asked last.
    changed: BTreeSet<Where>,
}

/// When a piece of work began.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Start {
    lists: usize,
}

/// An object that the baseline does not have, as it was found.
pub(super) struct Surplus {
    pub(super) key: Key,
    object: Option<Value>,
}

/// Where an object stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Where {
    Everywhere,
    Namespace(String),
    /// In no namespace, as a tenant's.
    Tenant(String),
    /// In no namespace, as nobody's.
    Cluster,
}

pub(super) type News = (Kind, Result<Event<DynamicObject>, watcher::Error>);

/// Watches these kinds.
pub(super) fn follow(client: &Client, kinds: &BTreeSet<Kind>) -> SelectAll<BoxStream<'static, News>> {
    let (key, value) = MANAGED_BY;
    select_all(kinds.iter().copied().map(|kind| {
        let api = api(client, kind, None);
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
        if let Ok(Event::Apply(object) | Event::Delete(object)) = &event {
            self.shown.extend(version(object).map(|version| (kind, version)));
        }
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
                self.changed.insert(Where::Everywhere);
                let (of_kind, others) =
                    std::mem::take(&mut self.coming).into_iter().partition(|((of, _, _), _)| *of == kind);
                let of_kind: BTreeMap<_, _> = of_kind;
                self.objects.extend(of_kind);
                self.coming = others;
            }
            Ok(Event::Apply(object)) => self.insert(kind, &object),
            Ok(Event::Delete(object)) => {
                self.remove(&(kind, object.namespace().unwrap_or_default(), object.name_any()));
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

    /// What is kept of this kind, namespace (none for one of the cluster) and name.
    pub(super) fn get(&self, kind: Kind, namespace: &str, name: &str) -> Option<&Value> {
        self.objects.get(&(kind, namespace.to_owned(), name.to_owned()))
    }

    /// What is kept under the manifest's name.
    pub(super) fn of(&self, manifest: &Manifest) -> Option<&Value> {
        self.get(manifest.kind, manifest.namespace.as_deref().unwrap_or_default(), &manifest.name)
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

    /// Whether Kubernetes has counted what the quota limits: until then it refuses what it would count.
    pub(super) fn is_counted(&self, namespace: &str, quota: &str) -> bool {
        self.get(Kind::ResourceQuota, namespace, quota).is_some_and(|quota| {
            quota.pointer("/status/used").is_some()
                && quota.pointer("/status/hard") == quota.pointer("/spec/hard")
        })
    }

    fn remove(&mut self, key: &Key) {
        self.mark(key);
        self.objects.remove(key);
    }

    fn mark(&mut self, (kind, namespace, name): &Key) {
        self.changed.insert(match (namespace.as_str(), tenant_of_object(*kind, name)) {
            ("", Some(tenant)) => Where::Tenant(tenant.to_owned()),
            ("", None) => Where::Cluster,
            (namespace, _) => Where::Namespace(namespace.to_owned()),
        });
    }

    /// Where anything has changed since this was asked last.
    pub(super) fn changed(&mut self) -> BTreeSet<Where> {
        std::mem::take(&mut self.changed)
    }

    /// When a piece of work begins, to be told with what it wrote.
    pub(super) fn now(&self) -> Start {
        Start { lists: self.lists }
    }

    /// What was read back after a write: ahead of the watch, or no news. What the watch has shown past it, or a list
    /// that was taken since, knows whether it is still there.
    pub(super) fn written(&mut self, kind: Kind, object: &DynamicObject, start: Start) {
        let is_shown = version(object).is_some_and(|written| self.shown.get(&kind) >= Some(&written));
        if start == self.now() && !is_shown {
            self.insert(kind, object);
        }
    }

    /// The object was removed by ourselves; one that came under its name since is another one.
    pub(super) fn removed(&mut self, Surplus { key, object }: &Surplus) {
        if self.objects.get(key) == object.as_ref() {
            self.remove(key);
        }
    }

    /// An object, as it is now, that is to be removed.
    pub(super) fn surplus(&self, key: Key) -> Surplus {
        let object = self.objects.get(&key).cloned();
        Surplus { key, object }
    }

    fn insert(&mut self, kind: Kind, object: &DynamicObject) {
        let (key, value) = entry(kind, object);
        self.mark(&key);
        self.objects.insert(key, value);
    }
}

fn version(object: &DynamicObject) -> Option<u128> {
    object.metadata.resource_version.as_ref()?.parse().ok()
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
            "resourceVersion": metadata.resource_version,
        });
        fields.insert("metadata".to_owned(), metadata);
    }
    (key, value)
}

/// The objects of a kind, in one namespace or wherever they are.
pub(super) fn api(client: &Client, kind: Kind, namespace: Option<&str>) -> Api<DynamicObject> {
    let kind_of = GroupVersionKind::gvk(kind.group(), kind.version(), kind.name());
    let resource = ApiResource::from_gvk_with_plural(&kind_of, kind.resource());
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

#[cfg(test)]
mod tests {
    use kube::core::ObjectMeta;

    use super::*;

    const KEY: (&str, &str) = ("tenant-a", "default");

    fn sidecar(version: u32) -> DynamicObject {
        let (namespace, name) = KEY;
        let mut object = DynamicObject { types: None, metadata: ObjectMeta::default(), data: json!({}) };
        object.metadata.namespace = Some(namespace.to_owned());
        object.metadata.name = Some(name.to_owned());
        object.metadata.resource_version = Some(version.to_string());
        object
    }

    fn is_there(kept: &Kept) -> bool {
        kept.get(Kind::Sidecar, KEY.0, KEY.1).is_some()
    }

    #[test]
    fn a_write_is_ahead_of_the_watch() {
        let mut kept = Kept::default();
        kept.written(Kind::Sidecar, &sidecar(2), kept.now());
        assert!(is_there(&kept));
    }

    #[test]
    fn what_the_watch_showed_past_a_write_is_believed() {
        let mut kept = Kept::default();
        let start = kept.now();
        kept.take((Kind::Sidecar, Ok(Event::Apply(sidecar(2)))));
        kept.take((Kind::Sidecar, Ok(Event::Delete(sidecar(3)))));
        kept.written(Kind::Sidecar, &sidecar(2), start);
        assert!(!is_there(&kept));
    }

    #[test]
    fn a_list_that_was_taken_since_is_believed() {
        let mut kept = Kept::default();
        let start = kept.now();
        kept.take((Kind::Sidecar, Ok(Event::Init)));
        kept.take((Kind::Sidecar, Ok(Event::InitDone)));
        kept.written(Kind::Sidecar, &sidecar(2), start);
        assert!(!is_there(&kept));
    }

    #[test]
    fn what_came_after_a_removal_stays() {
        let mut kept = Kept::default();
        kept.take((Kind::Sidecar, Ok(Event::Apply(sidecar(2)))));
        let surplus = kept.surplus((Kind::Sidecar, KEY.0.to_owned(), KEY.1.to_owned()));
        kept.take((Kind::Sidecar, Ok(Event::Delete(sidecar(3)))));
        kept.take((Kind::Sidecar, Ok(Event::Apply(sidecar(4)))));
        kept.removed(&surplus);
        assert!(is_there(&kept));
        kept.removed(&kept.surplus(surplus.key));
        assert!(!is_there(&kept));
    }
}
