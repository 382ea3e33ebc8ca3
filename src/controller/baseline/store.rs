//! Store for the objects of one kind, filled by their watch.
//!
//! It works like the store of kube's `reflector`, and also keeps the latest resourceVersion of the watch. With that,
//! the cache can tell if the watch is ahead of our own write.

use std::collections::BTreeMap;
use std::mem::take;

use kube::ResourceExt;
use kube::api::DynamicObject;
use kube::runtime::watcher::{Error, Event};
use serde_json::{Value, json};
use tracing::warn;

use crate::kinds::Kind;

/// Objects by namespace and name. The namespace is empty for a cluster-wide object.
type Objects = BTreeMap<(String, String), Value>;

/// The store of one kind.
pub(super) struct KindStore {
    kind: Kind,
    objects: Objects,
    relist_buffer: Objects,
    /// The latest resourceVersion that the watch has delivered, deletes included.
    last_resource_version: Option<u128>,
    /// True if the objects have been listed, or an attempt to list them has failed.
    has_synced: bool,
}

/// The effect of a watch event on the store.
pub(super) enum StoreChange {
    /// No visible change, or not yet.
    None,
    /// All objects have been relisted.
    Relisted,
    /// The object of this namespace and name may have changed.
    Object(String, String),
}

impl KindStore {
    pub(super) fn new(kind: Kind) -> Self {
        let (objects, relist_buffer) = (Objects::new(), Objects::new());
        Self { kind, objects, relist_buffer, last_resource_version: None, has_synced: false }
    }

    pub(super) fn apply_event(&mut self, event: Result<Event<DynamicObject>, Error>) -> StoreChange {
        if let Ok(Event::Apply(object) | Event::Delete(object)) = &event {
            self.last_resource_version = resource_version(object).or(self.last_resource_version);
        }
        match event {
            Ok(Event::Init) => self.relist_buffer.clear(),
            Ok(Event::InitApply(object)) => {
                self.relist_buffer.insert(object_key(&object), relevant_fields(self.kind, &object));
            }
            Ok(Event::InitDone) => {
                self.objects = take(&mut self.relist_buffer);
                self.has_synced = true;
                return StoreChange::Relisted;
            }
            Ok(Event::Apply(object)) => return self.insert(&object),
            Ok(Event::Delete(object)) => {
                let (namespace, name) = object_key(&object);
                return self.remove(&namespace, &name);
            }
            Err(error) => {
                self.has_synced = true;
                warn!(kind = self.kind.name(), %error, "the watch failed; retrying");
            }
        }
        StoreChange::None
    }

    pub(super) fn has_synced(&self) -> bool {
        self.has_synced
    }

    /// True if the watch has delivered this version or a later one.
    pub(super) fn has_seen(&self, object: &DynamicObject) -> bool {
        resource_version(object).is_some_and(|version| self.last_resource_version >= Some(version))
    }

    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<&Value> {
        self.objects.get(&(namespace.to_owned(), name.to_owned()))
    }

    /// Returns the names of the objects in a namespace.
    pub(super) fn names(&self, namespace: &str) -> impl Iterator<Item = &str> {
        let from_namespace = self.objects.range((namespace.to_owned(), String::new())..);
        let namespace = namespace.to_owned();
        from_namespace
            .take_while(move |((known, _), _)| *known == namespace)
            .map(|((_, name), _)| name.as_str())
    }

    /// Returns the namespace and the name of each object.
    pub(super) fn keys(&self) -> impl Iterator<Item = (&str, &str)> {
        self.objects.keys().map(|(namespace, name)| (namespace.as_str(), name.as_str()))
    }

    pub(super) fn insert(&mut self, object: &DynamicObject) -> StoreChange {
        let (namespace, name) = object_key(object);
        self.objects.insert((namespace.clone(), name.clone()), relevant_fields(self.kind, object));
        StoreChange::Object(namespace, name)
    }

    pub(super) fn remove(&mut self, namespace: &str, name: &str) -> StoreChange {
        let key = (namespace.to_owned(), name.to_owned());
        self.objects.remove(&key);
        StoreChange::Object(key.0, key.1)
    }
}

/// Returns the resourceVersion as a number, because numbers can be compared.
///
/// Kubernetes guarantees the order of resourceVersions since 1.35
/// (<https://www.kubernetes.dev/resources/keps/5504/>). Older API servers have the same order if they store in etcd.
/// An object whose version is not a number never counts as delivered.
fn resource_version(object: &DynamicObject) -> Option<u128> {
    object.metadata.resource_version.as_ref()?.parse().ok()
}

fn object_key(object: &DynamicObject) -> (String, String) {
    (object.namespace().unwrap_or_default(), object.name_any())
}

/// Returns the fields of the object that are compared: without the status, except for a ResourceQuota.
fn relevant_fields(kind: Kind, object: &DynamicObject) -> Value {
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
    value
}
