//! What of the baseline is in the cluster, followed by watches on what carries Bulkhead's label.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use futures::stream::{BoxStream, SelectAll, select_all};
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};
use kube::{Api, Client};
use serde_json::Value;

use super::watched::{News, Watched};
use crate::baseline::{DEFAULT_ACCOUNT, Kind, MANAGED_BY, Manifest, tenant_of_object};

/// Where an object is; the namespace is empty for one of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) kind: Kind,
    pub(super) namespace: String,
    pub(super) name: String,
}

/// The objects as the watches show them.
#[derive(Default)]
pub(super) struct Kept {
    kinds: BTreeMap<Kind, Watched>,
    /// How many lists were taken.
    lists: usize,
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

pub(super) type Shown = (Kind, Result<Event<DynamicObject>, watcher::Error>);

/// Watches these kinds.
pub(super) fn follow(client: &Client, kinds: &BTreeSet<Kind>) -> SelectAll<BoxStream<'static, Shown>> {
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

    /// Whether each of these kinds has been listed, as far as it can be: one that the cluster does not serve keeps the
    /// others from nothing.
    pub(super) fn is_whole(&self, kinds: &BTreeSet<Kind>) -> bool {
        kinds.iter().all(|kind| self.kinds.get(kind).is_some_and(Watched::is_asked))
    }

    /// What is kept of this kind, namespace (none for one of the cluster) and name.
    pub(super) fn get(&self, kind: Kind, namespace: &str, name: &str) -> Option<&Value> {
        self.kinds.get(&kind)?.get(namespace, name)
    }

    pub(super) fn at(&self, key: &Key) -> Option<&Value> {
        self.get(key.kind, &key.namespace, &key.name)
    }

    /// What is kept under the manifest's name.
    pub(super) fn of(&self, manifest: &Manifest) -> Option<&Value> {
        self.get(manifest.kind, manifest.namespace.as_deref().unwrap_or_default(), &manifest.name)
    }

    /// The names of what is kept of a kind in a namespace.
    pub(super) fn names(&self, kind: Kind, namespace: &str) -> impl Iterator<Item = &str> {
        self.kinds.get(&kind).into_iter().flat_map(move |watched| watched.names(namespace))
    }

    /// Where everything is that is kept in some namespaces, or in none.
    pub(super) fn within(&self, is_within: impl Fn(&str) -> bool) -> impl Iterator<Item = Key> {
        let kinds = self.kinds.iter().filter(|(kind, _)| !kind.is_shared());
        let all = kinds.flat_map(|(kind, watched)| watched.places().map(move |place| (*kind, place)));
        let within = all.filter(move |(_, (namespace, _))| is_within(namespace));
        within.map(|(kind, (namespace, name))| Key::new(kind, namespace, name))
    }

    /// Whether Kubernetes has counted what the quota limits: until then it refuses what it would count.
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
            News::One(namespace, name) if namespace.is_empty() => Some(match tenant_of_object(kind, &name) {
                Some(tenant) => Where::Tenant(tenant.to_owned()),
                None => Where::Cluster,
            }),
            News::One(namespace, _) => Some(Where::Namespace(namespace)),
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
        if start == self.now() && !self.kind(kind).has_shown(object) {
            let news = self.kind(kind).insert(object);
            self.mark(kind, news);
        }
    }

    /// The object was removed by ourselves; one that came under its name since is another one.
    pub(super) fn removed(&mut self, Surplus { key, object }: &Surplus) {
        if self.at(key) == object.as_ref() {
            let news = self.kind(key.kind).remove(&key.namespace, &key.name);
            self.mark(key.kind, news);
        }
    }

    /// An object, as it is now, that is to be removed.
    pub(super) fn surplus(&self, key: Key) -> Surplus {
        let object = self.at(&key).cloned();
        Surplus { key, object }
    }
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
