//! Live lookups: reads objects that a request depends on from the API server itself.
//!
//! The watches may be behind, and no watch covers the owners of pods, which an Exemption may name.

use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::core::v1::Namespace as ApiNamespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DynamicObject, ListParams};
use kube::core::DeserializeGuard;
use kube::{Api, Client};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::warn;

use super::cluster_stores::{ClusterStores, replace};
use super::store::WatchEvent;
use super::watches::{read_namespace, read_tenant};
use crate::api;
use crate::kinds::Kind;
use crate::snapshot::{ControllerRef, LiveObject, LiveObjectKey, Namespace, Tenant};
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
    tenants: Vec<(String, Result<Tenant, String>)>,
    namespaces: Vec<(String, Namespace)>,
    live_objects: Vec<(LiveObjectKey, Option<LiveObject>)>,
}

/// Reads every Tenant and the objects in `request`, not before `start`.
pub(super) async fn fetch(client: Client, request: Numbered<LookupRequest>, start: Instant) -> Fetched {
    // The delay protects the API server from requests that cause many lookups.
    sleep_until(start).await;
    let tenants = async {
        let tenants = Api::<DeserializeGuard<api::Tenant>>::all(client.clone());
        match timeout(REQUEST_TIMEOUT, tenants.list(&ListParams::default())).await {
            Ok(Ok(list)) => list.into_iter().map(read_tenant).collect(),
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
    Fetched { request, tenants, namespaces, live_objects }
}

async fn fetch_namespace(client: &Client, name: &str) -> Option<(String, Namespace)> {
    let namespaces = Api::<ApiNamespace>::all(client.clone());
    match timeout(REQUEST_TIMEOUT, namespaces.get_opt(name)).await {
        Ok(Ok(found)) => Some((name.to_owned(), read_namespace(&found?))),
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
    /// Applies the result of a lookup, without the objects that a watch has delivered since the lookup began. Returns
    /// true if anything has changed.
    pub(super) fn merge_fetched(&mut self, fetched: Fetched) -> bool {
        let seen_by_watch = self.seen_since_lookup.take().unwrap_or_default();
        let mut changed = false;
        for (name, now) in fetched.tenants.into_iter().filter(|(name, _)| !seen_by_watch.contains(name)) {
            changed |=
                self.tenants.apply(WatchEvent::Applied { name, value: now, in_relist: false }, replace);
        }
        for (name, now) in fetched.namespaces.into_iter().filter(|(name, _)| !seen_by_watch.contains(name)) {
            let event = WatchEvent::Applied { name, value: Ok(now), in_relist: false };
            changed |= self.namespaces.apply(event, Namespace::keep_ready_until_recreated);
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
