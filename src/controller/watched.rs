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

use crate::baseline::Kind;

/// Objects by namespace and name. The namespace is empty for a cluster-wide object.
type Objects = BTreeMap<(String, String), Value>;

/// The store of one kind.
pub(super) struct Watched {
    kind: Kind,
    objects: Objects,
    coming: Objects,
    /// The latest resourceVersion that the watch has delivered, deletes included.
    shown: Option<u128>,
    /// True if the objects have been listed, or an attempt to list them has failed.
    is_asked: bool,
}

/// The effect of a watch event on the store.
pub(super) enum News {
    /// No visible change, or not yet.
    Nothing,
    /// All objects have been relisted.
    All,
    /// The object of this namespace and name may have changed.
    One(String, String),
}

impl Watched {
    pub(super) fn of(kind: Kind) -> Self {
        let (objects, coming) = (Objects::new(), Objects::new());
        Self { kind, objects, coming, shown: None, is_asked: false }
    }

    pub(super) fn take(&mut self, event: Result<Event<DynamicObject>, Error>) -> News {
        if let Ok(Event::Apply(object) | Event::Delete(object)) = &event {
            self.shown = version(object).or(self.shown);
        }
        match event {
            Ok(Event::Init) => self.coming.clear(),
            Ok(Event::InitApply(object)) => {
                self.coming.insert(place(&object), entry(self.kind, &object));
            }
            Ok(Event::InitDone) => {
                self.objects = take(&mut self.coming);
                self.is_asked = true;
                return News::All;
            }
            Ok(Event::Apply(object)) => return self.insert(&object),
            Ok(Event::Delete(object)) => {
                let (namespace, name) = place(&object);
                return self.remove(&namespace, &name);
            }
            Err(error) => {
                self.is_asked = true;
                warn!(kind = self.kind.name(), %error, "the watch failed; retrying");
            }
        }
        News::Nothing
    }

    pub(super) fn is_asked(&self) -> bool {
        self.is_asked
    }

    /// True if the watch has delivered this version or a later one.
    pub(super) fn has_shown(&self, object: &DynamicObject) -> bool {
        version(object).is_some_and(|version| self.shown >= Some(version))
    }

    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<&Value> {
        self.objects.get(&(namespace.to_owned(), name.to_owned()))
    }

    /// Returns the names of the objects in a namespace.
    pub(super) fn names(&self, namespace: &str) -> impl Iterator<Item = &str> {
        let here = self.objects.range((namespace.to_owned(), String::new())..);
        let namespace = namespace.to_owned();
        here.take_while(move |((place, _), _)| *place == namespace).map(|((_, name), _)| name.as_str())
    }

    /// Returns the namespace and the name of each object.
    pub(super) fn places(&self) -> impl Iterator<Item = (&str, &str)> {
        self.objects.keys().map(|(namespace, name)| (namespace.as_str(), name.as_str()))
    }

    pub(super) fn insert(&mut self, object: &DynamicObject) -> News {
        let (namespace, name) = place(object);
        self.objects.insert((namespace.clone(), name.clone()), entry(self.kind, object));
        News::One(namespace, name)
    }

    pub(super) fn remove(&mut self, namespace: &str, name: &str) -> News {
        let place = (namespace.to_owned(), name.to_owned());
        self.objects.remove(&place);
        News::One(place.0, place.1)
    }
}

/// Returns the resourceVersion as a number, because numbers can be compared.
///
/// Kubernetes guarantees the order of resourceVersions since 1.35
/// (<https://www.kubernetes.dev/resources/keps/5504/>). Older API servers have the same order if they store in etcd.
/// An object whose version is not a number never counts as delivered.
fn version(object: &DynamicObject) -> Option<u128> {
    object.metadata.resource_version.as_ref()?.parse().ok()
}

fn place(object: &DynamicObject) -> (String, String) {
    (object.namespace().unwrap_or_default(), object.name_any())
}

/// Returns the fields of the object that are compared: without the status, except for a ResourceQuota.
fn entry(kind: Kind, object: &DynamicObject) -> Value {
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
