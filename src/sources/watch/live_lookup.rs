//! Live lookups: reads objects that a request depends on from the API server itself.
//!
//! The watches may be behind, and no watch covers the owners of pods, which an Exemption may name.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::core::v1::Namespace as ApiNamespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DynamicObject, ListParams};
use kube::core::DeserializeGuard;
use kube::{Api, Client, Resource};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::warn;

use super::cluster_stores::ClusterStores;
use super::watches::{read_namespace, read_tenant};
use crate::api;
use crate::kinds::Kind;
use crate::snapshot::{ControllerRef, LiveObject, LiveObjectKey, Namespace, Tenant};
use crate::sources::store::{ListCount, ResourceVersion, replace};
use crate::sources::{LookupRequest, Numbered, api_resource};

/// Time limit of one read.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(1);

/// Number of objects to read upwards, such as a ReplicaSet and the Deployment that controls it.
const MAX_OWNER_DEPTH: usize = 2;

/// Maximum number of objects to remember. Beyond it, all are forgotten, and are read again when needed.
const MAX_LIVE_OBJECTS: usize = 1000;

/// The result of a lookup.
pub(super) struct Fetched {
    pub(super) request: Numbered<LookupRequest>,
    since: LookupStart,
    tenants: Vec<Found<Tenant>>,
    namespaces: Vec<Found<Namespace>>,
    live_objects: Vec<(LiveObjectKey, Option<LiveObject>)>,
}

/// The state of the watches when a lookup began.
#[derive(Clone, Copy)]
pub(super) struct LookupStart {
    tenants: ListCount,
    namespaces: ListCount,
}

/// An object that a lookup has read.
struct Found<T> {
    name: Arc<str>,
    version: Option<ResourceVersion>,
    value: Result<T, String>,
}

/// Reads every Tenant and the objects in `request`, not before `start`.
pub(super) async fn fetch(
    client: Client,
    request: Numbered<LookupRequest>,
    start: Instant,
    since: LookupStart,
) -> Fetched {
    // The delay protects the API server from requests that cause many lookups.
    sleep_until(start).await;
    let tenants = async {
        let tenants = Api::<DeserializeGuard<api::Tenant>>::all(client.clone());
        match timeout(REQUEST_TIMEOUT, tenants.list(&ListParams::default())).await {
            Ok(Ok(list)) => list.into_iter().map(found_tenant).collect(),
            failed => {
                warn!(error = ?failed.map(|list| list.map(|_| ())), "failed to list Tenants");
                Vec::new()
            }
        }
    };
    let namespaces = join_all(request.wanted.namespaces.iter().map(|name| fetch_namespace(&client, name)));
    let live_objects = join_all(request.wanted.objects.iter().map(|key| fetch_with_owners(&client, key)));
    let (tenants, namespaces, live_objects) = tokio::join!(tenants, namespaces, live_objects);
    let (namespaces, live_objects) =
        (namespaces.into_iter().flatten().collect(), live_objects.into_iter().flatten().collect());
    Fetched { request, since, tenants, namespaces, live_objects }
}

fn found_tenant(tenant: DeserializeGuard<api::Tenant>) -> Found<Tenant> {
    let version = ResourceVersion::of(tenant.meta());
    let (name, value) = read_tenant(tenant);
    Found { name: name.into(), version, value }
}

async fn fetch_namespace(client: &Client, name: &str) -> Option<Found<Namespace>> {
    let namespaces = Api::<ApiNamespace>::all(client.clone());
    match timeout(REQUEST_TIMEOUT, namespaces.get_opt(name)).await {
        Ok(Ok(found)) => {
            let found = found?;
            let version = ResourceVersion::of(&found.metadata);
            Some(Found { name: name.into(), version, value: Ok(read_namespace(&found)) })
        }
        failed => {
            warn!(name, error = ?failed.map(|found| found.map(|_| ())), "failed to get a namespace");
            None
        }
    }
}

/// Reads an object, and the object that controls it.
async fn fetch_with_owners(client: &Client, key: &LiveObjectKey) -> Vec<(LiveObjectKey, Option<LiveObject>)> {
    let mut fetched = Vec::new();
    let mut next = Some(key.clone());
    for _ in 0..MAX_OWNER_DEPTH {
        let Some(key) = next.take() else { break };
        let live = match timeout(REQUEST_TIMEOUT, fetch_object(client, &key)).await {
            Ok(Ok(live)) => live,
            failed => {
                warn!(?key, error = ?failed, "failed to get the owner of an object that an Exemption may cover");
                break;
            }
        };
        let owner = live.as_ref().and_then(|live| live.controller.as_ref());
        next = owner.map(|owner| LiveObjectKey {
            kind: owner.kind.clone(),
            name: owner.name.clone(),
            namespace: key.namespace.clone(),
        });
        fetched.push((key, live));
    }
    fetched
}

impl ClusterStores {
    /// Returns the state with which a lookup begins.
    pub(super) fn lookup_start(&self) -> LookupStart {
        LookupStart { tenants: self.tenants.lists(), namespaces: self.namespaces.lists() }
    }

    /// Enters the result of a lookup, without the objects of which the watches know more. Returns true if anything has
    /// changed.
    pub(super) fn merge_fetched(&mut self, fetched: Fetched) -> bool {
        let mut changed = false;
        let since = fetched.since;
        for Found { name, version, value } in fetched.tenants {
            changed |= self.tenants.enter(name, version, value, since.tenants, replace).is_visible();
        }
        for Found { name, version, value } in fetched.namespaces {
            let merge = Namespace::keep_ready_until_recreated;
            changed |= self.namespaces.enter(name, version, value, since.namespaces, merge).is_visible();
        }
        for (key, live) in fetched.live_objects {
            changed |= self.live_objects.get(&key) != live.as_ref();
            if self.live_objects.len() >= MAX_LIVE_OBJECTS {
                self.live_objects.clear();
            }
            match live {
                Some(live) => drop(self.live_objects.insert(key, live)),
                None => drop(self.live_objects.remove(&key)),
            }
        }
        changed
    }
}

/// Reads the object. Returns `None` if no rule judges its kind, or if it does not exist.
async fn fetch_object(client: &Client, key: &LiveObjectKey) -> Result<Option<LiveObject>, kube::Error> {
    // The name comes from an owner reference, which may hold any text, and becomes part of a URL.
    let is_name = key.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
    let Some(kind) = Kind::find_workload(&key.kind).filter(|_| is_name) else { return Ok(None) };
    let objects = Api::<DynamicObject>::namespaced_with(client.clone(), &key.namespace, &api_resource(kind));
    let Some(found) = objects.get_metadata_opt(&key.name).await? else { return Ok(None) };
    Ok(Some(live_object_of(found.metadata)))
}

/// Returns the identity of an object, and the object that controls it.
pub(crate) fn live_object_of(metadata: ObjectMeta) -> LiveObject {
    let mut owners = metadata.owner_references.into_iter().flatten();
    let controller = owners.find(|owner| owner.controller == Some(true));
    LiveObject {
        uid: metadata.uid.unwrap_or_default(),
        controller: controller.map(|owner| ControllerRef {
            kind: owner.kind,
            name: owner.name,
            uid: owner.uid,
        }),
    }
}

#[cfg(test)]
mod tests {
    use kube::runtime::watcher::Event;

    use super::super::watches::{ResourceEvent, namespace_event};
    use super::*;

    fn namespace(version: &str) -> ApiNamespace {
        let metadata = ObjectMeta {
            name: Some("tenant-a".to_owned()),
            resource_version: Some(version.to_owned()),
            ..ObjectMeta::default()
        };
        ApiNamespace { metadata, ..ApiNamespace::default() }
    }

    fn fetched(since: LookupStart, found: &ApiNamespace) -> Fetched {
        let version = ResourceVersion::of(&found.metadata);
        let found = Found { name: "tenant-a".into(), version, value: Ok(read_namespace(found)) };
        let request = Numbered::default();
        Fetched { request, since, tenants: Vec::new(), namespaces: vec![found], live_objects: Vec::new() }
    }

    fn apply(stores: &mut ClusterStores, event: Event<ApiNamespace>) {
        stores.apply(ResourceEvent::Namespace(namespace_event(Ok(event))));
    }

    #[test]
    fn looked_up_namespace_is_known_before_its_event() {
        let mut stores = ClusterStores::default();
        let since = stores.lookup_start();
        assert!(stores.merge_fetched(fetched(since, &namespace("2"))));
        assert!(stores.namespaces.get("tenant-a").is_some());
    }

    #[test]
    fn looked_up_namespace_that_was_deleted_meanwhile_is_forgotten() {
        let mut stores = ClusterStores::default();
        let since = stores.lookup_start();
        apply(&mut stores, Event::Apply(namespace("2")));
        apply(&mut stores, Event::Delete(namespace("3")));
        assert!(!stores.merge_fetched(fetched(since, &namespace("2"))));
        assert!(stores.namespaces.get("tenant-a").is_none());
    }

    /// The relist replaces the event of the deletion, so no later event would remove the namespace.
    #[test]
    fn looked_up_namespace_that_a_relist_does_not_have_is_forgotten() {
        let mut stores = ClusterStores::default();
        let since = stores.lookup_start();
        apply(&mut stores, Event::Init);
        apply(&mut stores, Event::InitDone);
        assert!(!stores.merge_fetched(fetched(since, &namespace("2"))));
        assert!(stores.namespaces.get("tenant-a").is_none());
    }
}
