//! Cache of the managed objects in the cluster, filled by watches.
//!
//! The watches select objects by Bulkhead's label, and default service accounts by name. The controller also records
//! its own writes here, because the watches deliver them later: without that, each write would look like drift until
//! its event arrives, and would be repeated. This module does not know which objects are wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::take;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::{BoxStream, SelectAll, select_all};
use kube::api::DynamicObject;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};
use kube::{Api, Client};
use serde_json::{Value, json};

use super::object_ref::ObjectRef;
use crate::baseline::{DEFAULT_SERVICE_ACCOUNT, Manifest, tenant_of_cluster_object};
use crate::keys::MANAGED_BY_LABEL;
use crate::kinds::Kind;
use crate::snapshot::{Namespace, Snapshot};
use crate::sources::api_resource;
use crate::sources::store::{Change, ListCount, ResourceVersion, Store, WatchEvent, replace, watch_event};
use crate::sources::watch::created;
use crate::sources::watch_backoff::watch_backoff;

/// The objects as the watches deliver them, with our own writes.
#[derive(Default)]
pub(super) struct ManagedCache {
    stores: BTreeMap<Kind, Store<ObjectRef, CachedObject>>,
    /// Kinds that the API server has listed, or failed to list.
    tried: BTreeSet<Kind>,
    /// Namespaces that were marked ready, each as the snapshot had it, until the snapshot has a newer version.
    marked_ready: BTreeMap<String, Arc<Namespace>>,
    /// Scopes of the changes since the last call of `take_changed`.
    changed: BTreeSet<ChangedScope>,
}

/// An object, as far as it is compared.
#[derive(Debug, PartialEq)]
struct CachedObject {
    /// Creation time in seconds since 1970.
    created: i64,
    value: Value,
}

/// Version of the cache when a reconcile began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CacheVersion(BTreeMap<Kind, ListCount>);

/// A prune candidate: an object that the baseline does not contain, as it was found.
#[derive(Clone, Debug)]
pub(super) struct PruneCandidate {
    pub(super) key: ObjectRef,
    object: Arc<CachedObject>,
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

pub(super) type ManagedEvent = (Kind, Result<Event<DynamicObject>, watcher::Error>);

/// Watches the managed objects of these kinds.
pub(super) fn watch_managed(
    client: &Client,
    kinds: &BTreeSet<Kind>,
) -> SelectAll<BoxStream<'static, ManagedEvent>> {
    let (key, value) = MANAGED_BY_LABEL;
    select_all(kinds.iter().copied().map(|kind| {
        let api = api(client, kind, None);
        let config = watcher::Config::default();
        let config = if kind.is_partly_managed() {
            config.fields(&format!("metadata.name={DEFAULT_SERVICE_ACCOUNT}"))
        } else {
            config.labels(&format!("{key}={value}"))
        };
        watch(api, config).backoff(watch_backoff()).map(move |event| (kind, event)).boxed()
    }))
}

impl ManagedCache {
    pub(super) fn apply_event(&mut self, (kind, event): ManagedEvent) {
        let event = watch_event(event, |object| read(kind, object));
        if matches!(event, WatchEvent::InitDone | WatchEvent::Failed(_)) {
            self.tried.insert(kind);
        }
        let change = self.store(kind).apply(event, replace);
        self.mark_changed(change);
    }

    fn store(&mut self, kind: Kind) -> &mut Store<ObjectRef, CachedObject> {
        self.stores.entry(kind).or_insert_with(|| Store::new(kind.plural()))
    }

    /// True if every kind has been listed once. A kind whose list fails counts as listed, so that a missing CRD does
    /// not block the other kinds.
    pub(super) fn has_synced(&self, kinds: &BTreeSet<Kind>) -> bool {
        self.tried.is_superset(kinds)
    }

    pub(super) fn get(&self, key: &ObjectRef) -> Option<&Value> {
        self.stores.get(&key.kind)?.get(key).map(|object| &object.value)
    }

    /// Returns the cached object with the manifest's kind, namespace and name.
    pub(super) fn get_live(&self, manifest: &Manifest) -> Option<&Value> {
        self.get(&ObjectRef::of_manifest(manifest))
    }

    /// Returns the names of the cached objects of a kind in a namespace, which is empty for cluster-wide objects.
    pub(super) fn names(&self, kind: Kind, namespace: &str) -> impl Iterator<Item = &str> {
        let first = ObjectRef::new(kind, namespace, "");
        let namespace = namespace.to_owned();
        let from_namespace =
            self.stores.get(&kind).into_iter().flat_map(move |store| store.keys_from(&first));
        from_namespace.take_while(move |key| key.namespace == namespace).map(|key| key.name.as_str())
    }

    /// Returns references to the cached objects in the namespaces for which `is_selected` is true. Leaves out kinds
    /// that Bulkhead manages only in part. Cluster-wide objects have an empty namespace.
    pub(super) fn refs_in_namespaces(
        &self,
        is_selected: impl Fn(&str) -> bool,
    ) -> impl Iterator<Item = &ObjectRef> {
        let stores = self.stores.iter().filter(|(kind, _)| !kind.is_partly_managed());
        stores.flat_map(|(_, store)| store.objects().keys()).filter(move |key| is_selected(&key.namespace))
    }

    /// True if the quota controller has computed the usage of the current limits, which it copies then. Until then,
    /// Kubernetes refuses to create the objects that the quota counts.
    pub(super) fn quota_synced(&self, namespace: &str, quota: &str) -> bool {
        let quota = self.get(&ObjectRef::new(Kind::ResourceQuota, namespace, quota));
        quota.is_some_and(|quota| quota.pointer("/status/hard") == quota.pointer("/spec/hard"))
    }

    fn mark_changed(&mut self, change: Change<ObjectRef>) {
        match change {
            Change::None => {}
            Change::FirstList => drop(self.changed.insert(ChangedScope::All)),
            Change::Objects(keys) => self.changed.extend(keys.into_iter().map(scope)),
        }
    }

    /// Returns the scopes that have changed since the last call.
    pub(super) fn take_changed(&mut self) -> BTreeSet<ChangedScope> {
        take(&mut self.changed)
    }

    /// Returns the current version. A reconcile that begins now passes it to `record_write`.
    pub(super) fn version(&self) -> CacheVersion {
        CacheVersion(self.stores.iter().map(|(kind, store)| (*kind, store.lists())).collect())
    }

    /// Records our own write before the watch delivers it.
    pub(super) fn record_write(&mut self, kind: Kind, object: DynamicObject, version: &CacheVersion) {
        let since = version.0.get(&kind).copied().unwrap_or_default();
        let written = ResourceVersion::of(&object.metadata);
        let (key, object) = read(kind, object);
        let change = self.store(kind).enter(key, written, object, since, replace);
        self.mark_changed(change);
    }

    /// Records our own delete before the watch delivers it.
    pub(super) fn record_delete(&mut self, PruneCandidate { key, object }: &PruneCandidate) {
        let change = self.store(key.kind).remove_deleted(key, object);
        self.mark_changed(change);
    }

    /// Records that a namespace was marked ready, before the watch delivers it. `known` is the namespace as the snapshot
    /// had it.
    pub(super) fn record_ready(&mut self, namespace: String, known: Arc<Namespace>) {
        self.changed.insert(ChangedScope::Namespace(namespace.clone()));
        self.marked_ready.insert(namespace, known);
    }

    /// True if the namespace was marked ready, and the snapshot does not have a newer version of it yet.
    pub(super) fn is_marked_ready(&self, namespace: &str) -> bool {
        self.marked_ready.contains_key(namespace)
    }

    /// Forgets the namespaces of which the snapshot has a newer version: its own readiness counts from now on.
    pub(super) fn forget_delivered(&mut self, snapshot: &Snapshot) {
        self.marked_ready.retain(|namespace, marked| {
            snapshot.namespace(namespace).is_some_and(|known| Arc::ptr_eq(known, marked))
        });
    }

    /// Forgets the objects that are older than their namespaces, whose creation times are in `new`: they belong to former
    /// namespaces of the same names. The watches of the objects may be behind, and must not make new namespaces look
    /// complete.
    ///
    /// Other objects stay. A reconcile of the former namespace may have written them to the new one, and no watch delivers
    /// them again. Creation times have no fractions of seconds, so a former object of the same second stays until its
    /// deletion is delivered.
    pub(super) fn forget_former_objects(&mut self, new: &BTreeMap<&str, i64>) {
        if new.is_empty() {
            return;
        }
        let is_former = |key: &ObjectRef, object: &CachedObject| {
            new.get(key.namespace.as_str()).is_some_and(|created| object.created < *created)
        };
        for store in self.stores.values_mut() {
            store.forget(is_former);
        }
    }

    /// Returns a prune candidate for the object as it is now.
    pub(super) fn prune_candidate(&self, key: &ObjectRef) -> Option<PruneCandidate> {
        let object = self.stores.get(&key.kind)?.get(key)?;
        Some(PruneCandidate { key: key.clone(), object: Arc::clone(object) })
    }
}

/// Returns the scope of a change of this object.
fn scope(key: ObjectRef) -> ChangedScope {
    if !key.namespace.is_empty() {
        return ChangedScope::Namespace(key.namespace);
    }
    match tenant_of_cluster_object(key.kind, &key.name) {
        Some(tenant) => ChangedScope::Tenant(tenant.to_owned()),
        None => ChangedScope::Cluster,
    }
}

/// Returns the key of an object, and those of its fields that are compared: without the status, except for a
/// ResourceQuota.
fn read(kind: Kind, object: DynamicObject) -> (ObjectRef, Result<CachedObject, String>) {
    let DynamicObject { metadata, data: mut value, .. } = object;
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
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    let name = metadata.name.as_deref().unwrap_or_default();
    (ObjectRef::new(kind, namespace, name), Ok(CachedObject { created: created(&metadata), value }))
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
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use k8s_openapi::jiff::Timestamp;
    use kube::core::ObjectMeta;

    use super::*;

    fn sidecar(version: u32) -> DynamicObject {
        let mut object = DynamicObject { types: None, metadata: ObjectMeta::default(), data: json!({}) };
        object.metadata.namespace = Some("tenant-a".to_owned());
        object.metadata.name = Some("default".to_owned());
        object.metadata.resource_version = Some(version.to_string());
        object
    }

    fn key() -> ObjectRef {
        ObjectRef::new(Kind::Sidecar, "tenant-a", "default")
    }

    #[test]
    fn kind_whose_list_fails_counts_as_listed() {
        let mut cache = ManagedCache::default();
        let kinds = BTreeSet::from([Kind::Sidecar]);
        cache.apply_event((Kind::Sidecar, Ok(Event::Init)));
        assert!(!cache.has_synced(&kinds));
        cache.apply_event((Kind::Sidecar, Err(watcher::Error::NoResourceVersion)));
        assert!(cache.has_synced(&kinds));
    }

    #[test]
    fn new_status_is_no_change() {
        let mut cache = ManagedCache::default();
        for ready in [false, true] {
            let mut object = sidecar(2);
            object.data = json!({ "spec": {}, "status": { "ready": ready } });
            cache.apply_event((Kind::Sidecar, Ok(Event::Apply(object))));
            let changed = usize::from(!ready);
            assert_eq!(cache.take_changed().len(), changed);
        }
    }

    #[test]
    fn recorded_write_before_its_event_is_visible() {
        let mut cache = ManagedCache::default();
        cache.record_write(Kind::Sidecar, sidecar(2), &cache.version());
        assert!(cache.get(&key()).is_some());
        assert_eq!(cache.take_changed(), BTreeSet::from([ChangedScope::Namespace("tenant-a".to_owned())]));
    }

    #[test]
    fn objects_that_are_older_than_their_namespace_are_forgotten() {
        let mut cache = ManagedCache::default();
        let mut object = sidecar(2);
        object.metadata.creation_timestamp = Timestamp::from_second(10).ok().map(Time);
        cache.record_write(Kind::Sidecar, object, &cache.version());
        cache.forget_former_objects(&BTreeMap::from([("tenant-a", 10), ("tenant-b", 11)]));
        assert!(cache.get(&key()).is_some());
        cache.forget_former_objects(&BTreeMap::from([("tenant-a", 11)]));
        assert!(cache.get(&key()).is_none());
    }

    #[test]
    fn recorded_write_after_a_newer_event_is_ignored() {
        let mut cache = ManagedCache::default();
        let version = cache.version();
        cache.apply_event((Kind::Sidecar, Ok(Event::Apply(sidecar(2)))));
        cache.apply_event((Kind::Sidecar, Ok(Event::Delete(sidecar(3)))));
        cache.record_write(Kind::Sidecar, sidecar(2), &version);
        assert!(cache.get(&key()).is_none());
    }

    #[test]
    fn recorded_write_after_a_relist_is_ignored() {
        let mut cache = ManagedCache::default();
        let version = cache.version();
        cache.apply_event((Kind::Sidecar, Ok(Event::Init)));
        cache.apply_event((Kind::Sidecar, Ok(Event::InitDone)));
        cache.record_write(Kind::Sidecar, sidecar(2), &version);
        assert!(cache.get(&key()).is_none());
    }

    #[test]
    fn recorded_delete_of_a_recreated_object_is_ignored() {
        let mut cache = ManagedCache::default();
        cache.apply_event((Kind::Sidecar, Ok(Event::Apply(sidecar(2)))));
        let candidate = cache.prune_candidate(&key());
        cache.apply_event((Kind::Sidecar, Ok(Event::Delete(sidecar(3)))));
        cache.apply_event((Kind::Sidecar, Ok(Event::Apply(sidecar(4)))));
        assert!(candidate.is_some_and(|candidate| {
            cache.record_delete(&candidate);
            cache.get(&key()).is_some()
        }));
        let candidate = cache.prune_candidate(&key());
        assert!(candidate.is_some_and(|candidate| {
            cache.record_delete(&candidate);
            cache.get(&key()).is_none()
        }));
    }
}
