//! Cache of the managed objects in the cluster, filled by watches.
//!
//! The watches select objects by Bulkhead's label, and default service accounts by name. The controller also records
//! its own writes here, because the watches deliver them later. This module does not know which objects are wanted.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use futures::stream::{BoxStream, SelectAll, select_all};
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};
use kube::{Api, Client};
use serde_json::Value;

use super::watched::{News, Watched};
use crate::baseline::{DEFAULT_SERVICE_ACCOUNT, Kind, MANAGED_BY_LABEL, Manifest, tenant_of_cluster_object};

/// Reference to an object. The namespace is empty for a cluster-wide object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) kind: Kind,
    pub(super) namespace: String,
    pub(super) name: String,
}

/// The objects as the watches deliver them, with our own writes.
#[derive(Default)]
pub(super) struct Kept {
    kinds: BTreeMap<Kind, Watched>,
    /// Number of relists so far.
    lists: usize,
    /// Scopes of the changes since the last call of `changed`.
    changed: BTreeSet<Where>,
}

/// Version of the cache when a reconcile began.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Start {
    lists: usize,
}

/// A prune candidate: an object that the baseline does not contain, as it was found.
pub(super) struct Surplus {
    pub(super) key: Key,
    object: Option<Value>,
}

/// The scope of a change: which targets it concerns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Where {
    Everywhere,
    Namespace(String),
    /// A cluster-wide object of a tenant.
    Tenant(String),
    /// A cluster-wide object of no tenant.
    Cluster,
}

pub(super) type Shown = (Kind, Result<Event<DynamicObject>, watcher::Error>);

/// Watches the managed objects of these kinds.
pub(super) fn follow(client: &Client, kinds: &BTreeSet<Kind>) -> SelectAll<BoxStream<'static, Shown>> {
    let (key, value) = MANAGED_BY_LABEL;
    select_all(kinds.iter().copied().map(|kind| {
        let api = api(client, kind, None);
        let config = watcher::Config::default();
        let config = if kind.is_partly_managed() {
            config.fields(&format!("metadata.name={DEFAULT_SERVICE_ACCOUNT}"))
        } else {
            config.labels(&format!("{key}={value}"))
        };
        watch(api, config).default_backoff().map(move |event| (kind, event)).boxed()
    }))
}

impl Key {
    pub(super) fn new(kind: Kind, namespace: &str, name: &str) -> Self {
        Self { kind, namespace: namespace.to_owned(), name: name.to_owned() }
    }

    pub(super) fn of(manifest: &Manifest) -> Self {
        Self::new(manifest.kind, manifest.namespace.as_deref().unwrap_or_default(), &manifest.name)
    }
}

impl Kept {
    pub(super) fn take(&mut self, (kind, event): Shown) {
        let news = self.kind(kind).take(event);
        self.lists += usize::from(matches!(news, News::All));
        self.mark(kind, news);
    }

    fn kind(&mut self, kind: Kind) -> &mut Watched {
        self.kinds.entry(kind).or_insert_with(|| Watched::of(kind))
    }

    /// True if every kind has been listed once. A kind whose list fails counts as listed, so that a missing CRD does
    /// not block the other kinds.
    pub(super) fn is_whole(&self, kinds: &BTreeSet<Kind>) -> bool {
        kinds.iter().all(|kind| self.kinds.get(kind).is_some_and(Watched::is_asked))
    }

    /// Returns a cached object. The namespace is empty for a cluster-wide object.
    pub(super) fn get(&self, kind: Kind, namespace: &str, name: &str) -> Option<&Value> {
        self.kinds.get(&kind)?.get(namespace, name)
    }

    pub(super) fn at(&self, key: &Key) -> Option<&Value> {
        self.get(key.kind, &key.namespace, &key.name)
    }

    /// Returns the cached object with the manifest's kind, namespace and name.
    pub(super) fn of(&self, manifest: &Manifest) -> Option<&Value> {
        self.get(manifest.kind, manifest.namespace.as_deref().unwrap_or_default(), &manifest.name)
    }

    /// Returns the names of the cached objects of a kind in a namespace.
    pub(super) fn names(&self, kind: Kind, namespace: &str) -> impl Iterator<Item = &str> {
        self.kinds.get(&kind).into_iter().flat_map(move |watched| watched.names(namespace))
    }

    /// Returns references to the cached objects in the namespaces for which `is_within` is true. Leaves out kinds
    /// that Bulkhead manages only in part. Cluster-wide objects have an empty namespace.
    pub(super) fn within(&self, is_within: impl Fn(&str) -> bool) -> impl Iterator<Item = Key> {
        let kinds = self.kinds.iter().filter(|(kind, _)| !kind.is_partly_managed());
        let all = kinds.flat_map(|(kind, watched)| watched.places().map(move |place| (*kind, place)));
        let within = all.filter(move |(_, (namespace, _))| is_within(namespace));
        within.map(|(kind, (namespace, name))| Key::new(kind, namespace, name))
    }

    /// True if the quota controller has computed the usage of the current limits. Until then, Kubernetes refuses to
    /// create the objects that the quota counts.
    pub(super) fn is_counted(&self, namespace: &str, quota: &str) -> bool {
        self.get(Kind::ResourceQuota, namespace, quota).is_some_and(|quota| {
            quota.pointer("/status/used").is_some()
                && quota.pointer("/status/hard") == quota.pointer("/spec/hard")
        })
    }

    fn mark(&mut self, kind: Kind, news: News) {
        self.changed.extend(match news {
            News::Nothing => None,
            News::All => Some(Where::Everywhere),
            News::One(namespace, name) if namespace.is_empty() => Some(match tenant_of_cluster_object(kind, &name) {
                Some(tenant) => Where::Tenant(tenant.to_owned()),
                None => Where::Cluster,
            }),
            News::One(namespace, _) => Some(Where::Namespace(namespace)),
        });
    }

    /// Returns the scopes that have changed since the last call.
    pub(super) fn changed(&mut self) -> BTreeSet<Where> {
        std::mem::take(&mut self.changed)
    }

    /// Returns the current version. A reconcile that begins now passes it to `written`.
    pub(super) fn now(&self) -> Start {
        Start { lists: self.lists }
    }

    /// Records our own write before the watch delivers it. Ignored if the watch has already delivered this version or
    /// a later one, or if a relist happened meanwhile: those are newer.
    pub(super) fn written(&mut self, kind: Kind, object: &DynamicObject, start: Start) {
        if start == self.now() && !self.kind(kind).has_shown(object) {
            let news = self.kind(kind).insert(object);
            self.mark(kind, news);
        }
    }

    /// Records our own delete. Ignored if the cached object has changed since: it is another one of the same name.
    pub(super) fn removed(&mut self, Surplus { key, object }: &Surplus) {
        if self.at(key) == object.as_ref() {
            let news = self.kind(key.kind).remove(&key.namespace, &key.name);
            self.mark(key.kind, news);
        }
    }

    /// Returns a prune candidate for the object as it is now.
    pub(super) fn surplus(&self, key: Key) -> Surplus {
        let object = self.at(&key).cloned();
        Surplus { key, object }
    }
}

/// Returns the API of a kind, for one namespace or for the whole cluster.
pub(super) fn api(client: &Client, kind: Kind, namespace: Option<&str>) -> Api<DynamicObject> {
    let kind_of = GroupVersionKind::gvk(kind.group(), kind.version(), kind.name());
    let resource = ApiResource::from_gvk_with_plural(&kind_of, kind.plural());
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

#[cfg(test)]
mod tests {
    use kube::core::ObjectMeta;
    use serde_json::json;

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
        let surplus = kept.surplus(Key::new(Kind::Sidecar, KEY.0, KEY.1));
        kept.take((Kind::Sidecar, Ok(Event::Delete(sidecar(3)))));
        kept.take((Kind::Sidecar, Ok(Event::Apply(sidecar(4)))));
        kept.removed(&surplus);
        assert!(is_there(&kept));
        kept.removed(&kept.surplus(surplus.key));
        assert!(!is_there(&kept));
    }
}
