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

use super::Cluster;
use super::followed::Change;
use super::newer;
use super::watches::{read_namespace, read_tenant};
use crate::api;
use crate::policy::kind::Resource;
use crate::sources::{Missed, api_resource};
use crate::snapshot::{ControllerRef, LiveObject, Namespace, LiveObjectKey, Tenant};

/// Time limit of one read.
const LOOK: Duration = Duration::from_secs(1);

/// Number of objects to read upwards, such as a ReplicaSet and the Deployment that controls it.
const GENERATIONS: usize = 2;

/// Maximum number of objects to remember. Beyond it, all are forgotten, and are read again when needed.
const MOST_LIVE: usize = 1000;

/// The result of a lookup.
pub(super) struct Seen {
    pub(super) missed: Missed,
    tenants: Vec<(String, Result<Tenant, String>)>,
    namespaces: Vec<(String, Namespace)>,
    live_objects: Vec<(LiveObjectKey, Option<LiveObject>)>,
}

/// Reads every Tenant and the objects in `missed`, not before `start`.
pub(super) async fn look(client: Client, missed: Missed, start: Instant) -> Seen {
    // The delay protects the API server from requests that cause many lookups.
    sleep_until(start).await;
    let tenants = async {
        let tenants = Api::<DeserializeGuard<api::Tenant>>::all(client.clone());
        match timeout(LOOK, tenants.list(&ListParams::default())).await {
            Ok(Ok(list)) => list.into_iter().map(read_tenant).collect(),
            failed => {
                warn!(error = ?failed.map(|list| list.map(|_| ())), "failed to list Tenants");
                Vec::new()
            }
        }
    };
    let namespaces = join_all(missed.namespaces.iter().map(|name| look_at_namespace(&client, name)));
    let live_objects = join_all(missed.objects.iter().map(|key| look_at(&client, key)));
    let (tenants, namespaces, live_objects) = tokio::join!(tenants, namespaces, live_objects);
    let (namespaces, live_objects) =
        (namespaces.into_iter().flatten().collect(), live_objects.into_iter().flatten().collect());
    Seen { missed, tenants, namespaces, live_objects }
}

async fn look_at_namespace(client: &Client, name: &str) -> Option<(String, Namespace)> {
    let namespaces = Api::<ApiNamespace>::all(client.clone());
    match timeout(LOOK, namespaces.get_opt(name)).await {
        Ok(Ok(found)) => Some((name.to_owned(), read_namespace(&found?))),
        failed => {
            warn!(name, error = ?failed.map(|found| found.map(|_| ())), "failed to get a namespace");
            None
        }
    }
}

/// Reads an object, and the object that controls it.
async fn look_at(client: &Client, key: &LiveObjectKey) -> Vec<(LiveObjectKey, Option<LiveObject>)> {
    let mut seen = Vec::new();
    let mut next = Some(key.clone());
    for _ in 0..GENERATIONS {
        let Some(key) = next.take() else { break };
        let live = match timeout(LOOK, live(client, &key)).await {
            Ok(Ok(live)) => live,
            failed => {
                warn!(?key, error = ?failed, "failed to get the owner of an object that an Exemption may cover");
                break;
            }
        };
        let above = live.as_ref().and_then(|live| live.controller.as_ref());
        next = above.map(|above| LiveObjectKey {
            kind: above.kind.clone(),
            name: above.name.clone(),
            namespace: key.namespace.clone(),
        });
        seen.push((key, live));
    }
    seen
}

impl Cluster {
    /// Applies the result of a lookup, without the objects that a watch has delivered since the lookup began. Returns
    /// true if anything has changed.
    pub(super) fn see(&mut self, seen: Seen) -> bool {
        let told = self.told.take().unwrap_or_default();
        let mut changed = false;
        for (name, now) in seen.tenants.into_iter().filter(|(name, _)| !told.contains(name)) {
            changed |= self.tenants.take(Change::Is { name, now, listed: false }, newer);
        }
        for (name, now) in seen.namespaces.into_iter().filter(|(name, _)| !told.contains(name)) {
            let change = Change::Is { name, now: Ok(now), listed: false };
            changed |= self.namespaces.take(change, Namespace::keep_ready_until_recreated);
        }
        for (key, live) in seen.live_objects {
            changed |= self.live_objects.get(&key) != live.as_ref();
            if self.live_objects.len() >= MOST_LIVE {
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
async fn live(client: &Client, key: &LiveObjectKey) -> Result<Option<LiveObject>, kube::Error> {
    // The name comes from an owner reference, which may hold any text, and becomes part of a URL.
    let is_name = key.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
    let Some(resource) = Resource::for_kind(&key.kind).filter(|_| is_name) else { return Ok(None) };
    let objects = Api::<DynamicObject>::namespaced_with(client.clone(), &key.namespace, &api_resource(resource));
    let Some(found) = objects.get_metadata_opt(&key.name).await? else { return Ok(None) };
    Ok(Some(live_of(found.metadata)))
}

/// Returns the identity of an object, and the object that controls it.
pub(crate) fn live_of(metadata: ObjectMeta) -> LiveObject {
    let mut owners = metadata.owner_references.into_iter().flatten();
    let controller = owners.find(|owner| owner.controller == Some(true));
    LiveObject {
        uid: metadata.uid.unwrap_or_default(),
        controller: controller.map(|owner| ControllerRef { kind: owner.kind, name: owner.name, uid: owner.uid }),
    }
}
