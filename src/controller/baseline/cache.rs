//! Cache of the managed objects in the cluster, filled by watches.
//!
//! The watches select objects by Bulkhead's label, and default service accounts by name. The controller also records
//! its own writes here, because the watches deliver them later. This module does not know which objects are wanted.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use futures::stream::{BoxStream, SelectAll, select_all};
use kube::api::DynamicObject;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};
use kube::{Api, Client};
use serde_json::Value;

use super::store::{KindStore, StoreChange};
use crate::baseline::{DEFAULT_SERVICE_ACCOUNT, Manifest, tenant_of_cluster_object};
use crate::keys::MANAGED_BY_LABEL;
use crate::kinds::Kind;
use crate::sources::api_resource;

/// Reference to an object. The namespace is empty for a cluster-wide object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::controller) struct ObjectRef {
    pub(super) kind: Kind,
    pub(super) namespace: String,
    pub(super) name: String,
}

/// The objects as the watches deliver them, with our own writes.
#[derive(Default)]
pub(super) struct ManagedCache {
    stores: BTreeMap<Kind, KindStore>,
    /// Number of relists so far.
    relist_count: usize,
    /// Scopes of the changes since the last call of `changed`.
    changed: BTreeSet<ChangedScope>,
}

/// Version of the cache when a reconcile began.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct CacheVersion {
    relist_count: usize,
}

/// A prune candidate: an object that the baseline does not contain, as it was found.
pub(super) struct PruneCandidate {
    pub(super) key: ObjectRef,
    object: Option<Value>,
}

/// The scope of a change: which targets it concerns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ChangedScope {
    All,
    Namespace(String),
    /// A cluster-wide object of a tenant.
    Tenant(String),
    /// A cluster-wide object of no tenant.
    Cluster,
}

pub(super) type WatchEvent = (Kind, Result<Event<DynamicObject>, watcher::Error>);

/// Watches the managed objects of these kinds.
pub(super) fn watch_managed(
    client: &Client,
    kinds: &BTreeSet<Kind>,
) -> SelectAll<BoxStream<'static, WatchEvent>> {
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

impl ObjectRef {
    pub(super) fn new(kind: Kind, namespace: &str, name: &str) -> Self {
        Self { kind, namespace: namespace.to_owned(), name: name.to_owned() }
    }

    pub(super) fn of_manifest(manifest: &Manifest) -> Self {
        Self::new(manifest.kind, manifest.namespace.as_deref().unwrap_or_default(), &manifest.name)
    }
}

impl ManagedCache {
    pub(super) fn apply_event(&mut self, (kind, event): WatchEvent) {
        let change = self.store(kind).apply_event(event);
        self.relist_count += usize::from(matches!(change, StoreChange::Relisted));
        self.mark_changed(kind, change);
    }

    fn store(&mut self, kind: Kind) -> &mut KindStore {
        self.stores.entry(kind).or_insert_with(|| KindStore::new(kind))
    }

    /// True if every kind has been listed once. A kind whose list fails counts as listed, so that a missing CRD does
    /// not block the other kinds.
    pub(super) fn has_synced(&self, kinds: &BTreeSet<Kind>) -> bool {
        kinds.iter().all(|kind| self.stores.get(kind).is_some_and(KindStore::has_synced))
    }

    /// Returns a cached object. The namespace is empty for a cluster-wide object.
    pub(super) fn get(&self, kind: Kind, namespace: &str, name: &str) -> Option<&Value> {
        self.stores.get(&kind)?.get(namespace, name)
    }

    pub(super) fn get_ref(&self, key: &ObjectRef) -> Option<&Value> {
        self.get(key.kind, &key.namespace, &key.name)
    }

    /// Returns the cached object with the manifest's kind, namespace and name.
    pub(super) fn get_live(&self, manifest: &Manifest) -> Option<&Value> {
        self.get(manifest.kind, manifest.namespace.as_deref().unwrap_or_default(), &manifest.name)
    }

    /// Returns the names of the cached objects of a kind in a namespace.
    pub(super) fn names(&self, kind: Kind, namespace: &str) -> impl Iterator<Item = &str> {
        self.stores.get(&kind).into_iter().flat_map(move |store| store.names(namespace))
    }

    /// Returns references to the cached objects in the namespaces for which `is_selected` is true. Leaves out kinds
    /// that Bulkhead manages only in part. Cluster-wide objects have an empty namespace.
    pub(super) fn refs_in_namespaces(
        &self,
        is_selected: impl Fn(&str) -> bool,
    ) -> impl Iterator<Item = ObjectRef> {
        let kinds = self.stores.iter().filter(|(kind, _)| !kind.is_partly_managed());
        let refs = kinds.flat_map(|(kind, store)| store.keys().map(move |key| (*kind, key)));
        let selected = refs.filter(move |(_, (namespace, _))| is_selected(namespace));
        selected.map(|(kind, (namespace, name))| ObjectRef::new(kind, namespace, name))
    }

    /// True if the quota controller has computed the usage of the current limits. Until then, Kubernetes refuses to
    /// create the objects that the quota counts.
    pub(super) fn quota_synced(&self, namespace: &str, quota: &str) -> bool {
        self.get(Kind::ResourceQuota, namespace, quota).is_some_and(|quota| {
            quota.pointer("/status/used").is_some()
                && quota.pointer("/status/hard") == quota.pointer("/spec/hard")
        })
    }

    fn mark_changed(&mut self, kind: Kind, change: StoreChange) {
        self.changed.extend(match change {
            StoreChange::None => None,
            StoreChange::Relisted => Some(ChangedScope::All),
            StoreChange::Object(namespace, name) if namespace.is_empty() => {
                Some(match tenant_of_cluster_object(kind, &name) {
                    Some(tenant) => ChangedScope::Tenant(tenant.to_owned()),
                    None => ChangedScope::Cluster,
                })
            }
            StoreChange::Object(namespace, _) => Some(ChangedScope::Namespace(namespace)),
        });
    }

    /// Returns the scopes that have changed since the last call.
    pub(super) fn take_changed(&mut self) -> BTreeSet<ChangedScope> {
        std::mem::take(&mut self.changed)
    }

    /// Returns the current version. A reconcile that begins now passes it to `written`.
    pub(super) fn version(&self) -> CacheVersion {
        CacheVersion { relist_count: self.relist_count }
    }

    /// Records our own write before the watch delivers it. Ignored if the watch has already delivered this version or
    /// a later one, or if a relist happened meanwhile: those are newer.
    pub(super) fn record_write(&mut self, kind: Kind, object: &DynamicObject, version: CacheVersion) {
        if version == self.version() && !self.store(kind).has_seen(object) {
            let change = self.store(kind).insert(object);
            self.mark_changed(kind, change);
        }
    }

    /// Records our own delete. Ignored if the cached object has changed since: it is another one of the same name.
    pub(super) fn record_delete(&mut self, PruneCandidate { key, object }: &PruneCandidate) {
        if self.get_ref(key) == object.as_ref() {
            let change = self.store(key.kind).remove(&key.namespace, &key.name);
            self.mark_changed(key.kind, change);
        }
    }

    /// Returns a prune candidate for the object as it is now.
    pub(super) fn prune_candidate(&self, key: ObjectRef) -> PruneCandidate {
        let object = self.get_ref(&key).cloned();
        PruneCandidate { key, object }
    }
}

/// Returns the API of a kind, for one namespace or for the whole cluster.
pub(super) fn api(client: &Client, kind: Kind, namespace: Option<&str>) -> Api<DynamicObject> {
    let resource = api_resource(kind);
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

    const OBJECT: (&str, &str) = ("tenant-a", "default");

    fn sidecar(version: u32) -> DynamicObject {
        let (namespace, name) = OBJECT;
        let mut object = DynamicObject { types: None, metadata: ObjectMeta::default(), data: json!({}) };
        object.metadata.namespace = Some(namespace.to_owned());
        object.metadata.name = Some(name.to_owned());
        object.metadata.resource_version = Some(version.to_string());
        object
    }

    fn is_cached(cache: &ManagedCache) -> bool {
        cache.get(Kind::Sidecar, OBJECT.0, OBJECT.1).is_some()
    }

    #[test]
    fn recorded_write_before_its_event_is_visible() {
        let mut cache = ManagedCache::default();
        cache.record_write(Kind::Sidecar, &sidecar(2), cache.version());
        assert!(is_cached(&cache));
    }

    #[test]
    fn recorded_write_after_a_newer_event_is_ignored() {
        let mut cache = ManagedCache::default();
        let version = cache.version();
        cache.apply_event((Kind::Sidecar, Ok(Event::Apply(sidecar(2)))));
        cache.apply_event((Kind::Sidecar, Ok(Event::Delete(sidecar(3)))));
        cache.record_write(Kind::Sidecar, &sidecar(2), version);
        assert!(!is_cached(&cache));
    }

    #[test]
    fn recorded_write_after_a_relist_is_ignored() {
        let mut cache = ManagedCache::default();
        let version = cache.version();
        cache.apply_event((Kind::Sidecar, Ok(Event::Init)));
        cache.apply_event((Kind::Sidecar, Ok(Event::InitDone)));
        cache.record_write(Kind::Sidecar, &sidecar(2), version);
        assert!(!is_cached(&cache));
    }

    #[test]
    fn recorded_delete_of_a_recreated_object_is_ignored() {
        let mut cache = ManagedCache::default();
        cache.apply_event((Kind::Sidecar, Ok(Event::Apply(sidecar(2)))));
        let candidate = cache.prune_candidate(ObjectRef::new(Kind::Sidecar, OBJECT.0, OBJECT.1));
        cache.apply_event((Kind::Sidecar, Ok(Event::Delete(sidecar(3)))));
        cache.apply_event((Kind::Sidecar, Ok(Event::Apply(sidecar(4)))));
        cache.record_delete(&candidate);
        assert!(is_cached(&cache));
        cache.record_delete(&cache.prune_candidate(candidate.key));
        assert!(!is_cached(&cache));
    }
}
