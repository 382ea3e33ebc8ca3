//! Store of the objects of one watch.
//!
//! Lists, watches, relists and their backoff are those of kube's `watcher`, whose events fill this store. The store of
//! kube's `reflector` is enough where objects are only read, as in the controller's status. The snapshot, and the
//! controller's cache of managed objects, need four things that it does not have:
//!
//! * **The last valid version.** An object that can no longer be read keeps it, and a new version can be merged with it.
//! * **Changes.** Each event returns the keys of the objects that it has changed, and so does a relist, which lists
//!   all of them. An unchanged object keeps its allocation, so that whatever is computed from it is not computed again.
//! * **Order.** The objects of one namespace are found without a search through all others.
//! * **Early entries.** An object that this process has read or written itself is entered before the watch delivers
//!   it, unless the watch is ahead: then the entry could bring back an object that was deleted meanwhile.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::runtime::watcher::{self, Event};
use tracing::{info, warn};

use crate::telemetry::Failure;

/// A resourceVersion as a number, because numbers can be compared.
///
/// Kubernetes guarantees the order of resourceVersions since 1.35
/// (<https://www.kubernetes.dev/resources/keps/5504/>). Older API servers have the same order if they store in etcd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ResourceVersion(u128);

impl ResourceVersion {
    /// Returns the version of an object; `None` if it is not a number.
    pub(crate) fn of(metadata: &ObjectMeta) -> Option<Self> {
        metadata.resource_version.as_ref()?.parse().ok().map(Self)
    }
}

/// A watch event, reduced to what the store keeps.
pub(crate) enum WatchEvent<K, V> {
    /// A list begins.
    Init,
    /// An object of the list in progress; `Err` if it cannot be read.
    Listed {
        key: K,
        value: Result<V, String>,
    },
    /// The list is complete.
    InitDone,
    /// An object was created or has changed; `Err` if it cannot be read.
    Applied {
        key: K,
        version: Option<ResourceVersion>,
        value: Result<V, String>,
    },
    Deleted {
        key: K,
        version: Option<ResourceVersion>,
    },
    /// The watch has failed, and is retried.
    Failed(String),
}

/// Reduces an event. `read` returns the key of an object, and what is kept of it.
pub(crate) fn watch_event<O: Resource, K, V>(
    event: Result<Event<O>, watcher::Error>,
    read: impl Fn(O) -> (K, Result<V, String>),
) -> WatchEvent<K, V> {
    match event {
        Ok(Event::Init) => WatchEvent::Init,
        Ok(Event::InitApply(object)) => {
            let (key, value) = read(object);
            WatchEvent::Listed { key, value }
        }
        Ok(Event::InitDone) => WatchEvent::InitDone,
        Ok(Event::Apply(object)) => {
            let version = ResourceVersion::of(object.meta());
            let (key, value) = read(object);
            WatchEvent::Applied { key, version, value }
        }
        Ok(Event::Delete(object)) => {
            let version = ResourceVersion::of(object.meta());
            WatchEvent::Deleted { key: read(object).0, version }
        }
        Err(error) => WatchEvent::Failed(error.to_string()),
    }
}

/// The effect of an event on the store.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change<K> {
    /// No visible change, or not yet.
    None,
    /// The first list is complete.
    FirstList,
    /// These objects were created, changed or deleted.
    Objects(Vec<K>),
}

impl<K> Change<K> {
    pub(crate) fn is_visible(&self) -> bool {
        !matches!(self, Self::None)
    }
}

/// Number of complete lists of a watch. An early entry belongs to the list after which its read or write began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListCount(usize);

/// The objects of one watch: the current ones, and those of a list in progress.
pub(crate) struct Store<K, V> {
    /// Name of the resource in logs, metrics and readiness.
    pub(crate) resource: &'static str,
    objects: BTreeMap<K, Arc<V>>,
    relist_buffer: BTreeMap<K, Arc<V>>,
    /// Keys that were forgotten, and about which the watch has delivered nothing since.
    forgotten: BTreeSet<K>,
    lists: ListCount,
    /// The latest version that the watch has delivered, deletes included.
    last_version: Option<ResourceVersion>,
    /// The failure of the watch, until it works again.
    pub(crate) failure: Option<Failure>,
}

impl<K: Clone + Debug + Ord, V: PartialEq> Store<K, V> {
    pub(crate) fn new(resource: &'static str) -> Self {
        Self {
            resource,
            objects: BTreeMap::new(),
            relist_buffer: BTreeMap::new(),
            forgotten: BTreeSet::new(),
            lists: ListCount::default(),
            last_version: None,
            failure: None,
        }
    }

    /// Applies an event of the watch. `merge` combines the known version of an object with the new one.
    pub(crate) fn apply(&mut self, event: WatchEvent<K, V>, merge: impl Fn(&V, V) -> V) -> Change<K> {
        self.record_health(&event);
        match event {
            WatchEvent::Init => self.relist_buffer.clear(),
            WatchEvent::Listed { key, value } => {
                if let Some((key, value)) = self.merged(key, value, merge) {
                    self.relist_buffer.insert(key, value);
                }
            }
            WatchEvent::InitDone => return self.finish_list(),
            WatchEvent::Applied { key, version, value } => {
                self.last_version = version.or(self.last_version);
                self.forgotten.remove(&key);
                return self.insert(key, value, merge);
            }
            WatchEvent::Deleted { key, version } => {
                self.last_version = version.or(self.last_version);
                self.forgotten.remove(&key);
                return self.remove(&key);
            }
            WatchEvent::Failed(_) => {}
        }
        Change::None
    }

    fn record_health(&mut self, event: &WatchEvent<K, V>) {
        match event {
            // A watch that begins again has not succeeded yet.
            WatchEvent::Init => {}
            WatchEvent::Failed(error) => {
                warn!(resource = self.resource, error, "the watch failed; retrying");
                self.failure = Some(Failure::after(self.failure));
            }
            _ => self.failure = None,
        }
    }

    /// Returns the object to keep: the known one if it has not changed or the new one cannot be read. `None` if there
    /// is no such object.
    fn merged(&self, key: K, value: Result<V, String>, merge: impl Fn(&V, V) -> V) -> Option<(K, Arc<V>)> {
        let known = self.objects.get_key_value(&key).map(|(key, value)| (key.clone(), Arc::clone(value)));
        match (value, known) {
            (Ok(value), Some((key, known))) => {
                let value = merge(&known, value);
                Some((key, if value == *known { known } else { Arc::new(value) }))
            }
            (Ok(value), None) => Some((key, Arc::new(value))),
            (Err(error), known) => {
                let resource = self.resource;
                warn!(resource, ?key, error, "failed to read an object; its last valid version stays in use");
                known
            }
        }
    }

    fn insert(&mut self, key: K, value: Result<V, String>, merge: impl Fn(&V, V) -> V) -> Change<K> {
        let Some((key, value)) = self.merged(key, value, merge) else { return Change::None };
        match self.objects.insert(key.clone(), Arc::clone(&value)) {
            Some(known) if Arc::ptr_eq(&known, &value) => Change::None,
            _ => Change::Objects(vec![key]),
        }
    }

    fn remove(&mut self, key: &K) -> Change<K> {
        match self.objects.remove(key) {
            Some(_) => Change::Objects(vec![key.clone()]),
            None => Change::None,
        }
    }

    fn finish_list(&mut self) -> Change<K> {
        let now = std::mem::take(&mut self.relist_buffer);
        let before = std::mem::replace(&mut self.objects, now);
        self.forgotten.clear();
        self.lists.0 += 1;
        if self.lists.0 == 1 {
            info!(resource = self.resource, objects = self.objects.len(), "listed");
            return Change::FirstList;
        }
        let is_kept =
            |key: &K, value: &Arc<V>| before.get(key).is_some_and(|known| Arc::ptr_eq(known, value));
        let new = self.objects.iter().filter(|(key, value)| !is_kept(key, value)).map(|(key, _)| key);
        let deleted = before.keys().filter(|key| !self.objects.contains_key(*key));
        let changed: Vec<K> = new.chain(deleted).cloned().collect();
        if changed.is_empty() { Change::None } else { Change::Objects(changed) }
    }

    /// True once a list is complete.
    pub(crate) fn has_synced(&self) -> bool {
        self.lists != ListCount::default()
    }

    /// Returns the number of complete lists. A read or a write that begins now passes it to [`Self::enter`].
    pub(crate) fn lists(&self) -> ListCount {
        self.lists
    }

    /// Enters an object that this process has read or written itself. Does nothing if the watch has delivered this
    /// version or a later one, or has listed all objects since the read or write began: those are newer. A forgotten object
    /// that still exists is entered in the version that the watch has delivered before.
    pub(crate) fn enter(
        &mut self,
        key: K,
        version: Option<ResourceVersion>,
        value: Result<V, String>,
        since: ListCount,
        merge: impl Fn(&V, V) -> V,
    ) -> Change<K> {
        let is_delivered =
            version.is_some() && self.last_version >= version && !self.forgotten.contains(&key);
        if is_delivered || since != self.lists {
            return Change::None;
        }
        self.forgotten.remove(&key);
        self.insert(key, value, merge)
    }

    /// Removes an object that this process has deleted itself. Does nothing if another object has the key by now than
    /// the one that was deleted.
    pub(crate) fn remove_deleted(&mut self, key: &K, deleted: &Arc<V>) -> Change<K> {
        match self.objects.get(key) {
            Some(known) if Arc::ptr_eq(known, deleted) => self.remove(key),
            _ => Change::None,
        }
    }

    /// Removes the objects for which `is_gone` is true, until the watch delivers them or they are entered again.
    pub(crate) fn forget(&mut self, is_gone: impl Fn(&K, &V) -> bool) {
        let gone = self.objects.extract_if(.., |key, value| is_gone(key, value));
        self.forgotten.extend(gone.map(|(key, _)| key));
    }

    pub(crate) fn objects(&self) -> &BTreeMap<K, Arc<V>> {
        &self.objects
    }

    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&Arc<V>>
    where
        K: Borrow<Q>,
    {
        self.objects.get(key)
    }

    /// Returns the keys from this one on, in order.
    pub(crate) fn keys_from(&self, first: &K) -> impl Iterator<Item = &K> + use<'_, K, V> {
        self.objects.range(first..).map(|(key, _)| key)
    }
}

/// Takes the new version of an object as it is.
pub(crate) fn replace<V>(_: &V, new: V) -> V {
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: Result<u8, &str> = Err("not readable");

    fn store() -> Store<&'static str, u8> {
        Store::new("numbers")
    }

    fn version(number: u128) -> Option<ResourceVersion> {
        let resource_version = Some(number.to_string());
        ResourceVersion::of(&ObjectMeta { resource_version, ..ObjectMeta::default() })
    }

    fn apply(
        store: &mut Store<&'static str, u8>,
        number: u128,
        value: Result<u8, &str>,
    ) -> Change<&'static str> {
        let value = value.map_err(str::to_owned);
        store.apply(WatchEvent::Applied { key: "one", version: version(number), value }, replace)
    }

    fn list(
        store: &mut Store<&'static str, u8>,
        objects: &[(&'static str, Result<u8, &str>)],
    ) -> Change<&'static str> {
        store.apply(WatchEvent::Init, replace);
        for (key, value) in objects {
            let value = value.map_err(str::to_owned);
            assert_eq!(store.apply(WatchEvent::Listed { key, value }, replace), Change::None);
        }
        store.apply(WatchEvent::InitDone, replace)
    }

    #[test]
    fn relist_returns_the_objects_that_have_changed() {
        let mut store = store();
        assert_eq!(list(&mut store, &[("one", Ok(1)), ("two", Ok(2))]), Change::FirstList);
        assert_eq!(list(&mut store, &[("one", Ok(1)), ("two", Ok(2))]), Change::None);
        assert_eq!(
            list(&mut store, &[("one", Ok(3)), ("four", Ok(4))]),
            Change::Objects(vec!["four", "one", "two"])
        );
        assert_eq!(list(&mut store, &[]), Change::Objects(vec!["four", "one"]));
    }

    #[test]
    fn unchanged_object_keeps_its_allocation() {
        let mut store = store();
        apply(&mut store, 1, Ok(1));
        let before = store.get("one").map(Arc::as_ptr);
        assert_eq!(apply(&mut store, 2, Ok(1)), Change::None);
        list(&mut store, &[("one", Ok(1))]);
        assert_eq!(store.get("one").map(Arc::as_ptr), before);
    }

    #[test]
    fn object_that_can_no_longer_be_read_keeps_its_last_valid_version() {
        let mut store = store();
        assert_eq!(apply(&mut store, 1, FAILED), Change::None);
        assert!(store.objects().is_empty());
        apply(&mut store, 2, Ok(1));
        assert_eq!(apply(&mut store, 3, FAILED), Change::None);
        list(&mut store, &[("one", FAILED), ("two", FAILED)]);
        assert_eq!(store.objects(), &BTreeMap::from([("one", Arc::new(1))]));
    }

    #[test]
    fn early_entry_behind_the_watch_is_ignored() {
        let mut store = store();
        list(&mut store, &[]);
        let since = store.lists();
        apply(&mut store, 5, Ok(1));
        store.apply(WatchEvent::Deleted { key: "one", version: version(6) }, replace);
        assert_eq!(store.enter("one", version(5), Ok(1), since, replace), Change::None);
        assert_eq!(store.enter("one", version(7), Ok(1), since, replace), Change::Objects(vec!["one"]));
    }

    #[test]
    fn early_entry_from_before_a_relist_is_ignored() {
        let mut store = store();
        list(&mut store, &[("one", Ok(1))]);
        let since = store.lists();
        list(&mut store, &[]);
        assert_eq!(store.enter("one", version(7), Ok(1), since, replace), Change::None);
    }

    #[test]
    fn forgotten_object_is_entered_in_a_version_that_was_delivered() {
        let mut store = store();
        apply(&mut store, 5, Ok(1));
        store.forget(|_, _| true);
        let since = store.lists();
        assert_eq!(store.enter("one", version(5), Ok(1), since, replace), Change::Objects(vec!["one"]));
        store.forget(|_, _| true);
        store.apply(WatchEvent::Deleted { key: "one", version: version(6) }, replace);
        assert_eq!(store.enter("one", version(5), Ok(1), since, replace), Change::None);
    }

    #[test]
    fn own_delete_of_a_recreated_object_is_ignored() {
        let mut store = store();
        apply(&mut store, 1, Ok(1));
        let deleted = store.get("one").cloned().unwrap_or_default();
        store.apply(WatchEvent::Deleted { key: "one", version: version(2) }, replace);
        apply(&mut store, 3, Ok(1));
        assert_eq!(store.remove_deleted(&"one", &deleted), Change::None);
        let recreated = store.get("one").cloned().unwrap_or_default();
        assert_eq!(store.remove_deleted(&"one", &recreated), Change::Objects(vec!["one"]));
    }

    #[test]
    fn failure_lasts_until_the_watch_delivers_again() {
        let mut store = store();
        store.apply(WatchEvent::Failed("gone".to_owned()), replace);
        store.apply(WatchEvent::Init, replace);
        store.enter("one", version(1), Ok(1), store.lists(), replace);
        assert!(store.failure.is_some());
        store.apply(WatchEvent::InitDone, replace);
        assert!(store.failure.is_none());
    }
}
