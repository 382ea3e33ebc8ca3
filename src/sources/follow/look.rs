//! The live look: what a request rests on, asked of the API server itself.

use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace as ApiNamespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DynamicObject, ListParams};
use kube::core::DeserializeGuard;
use kube::{Api, Client};
use tokio::time::timeout;
use tracing::warn;

use super::Cluster;
use super::followed::Change;
use super::newer;
use super::watches::{read_namespace, read_tenant};
use crate::api;
use crate::policy::kind::Door;
use crate::sources::{Missed, resource};
use crate::world::{Controller, Live, Namespace, ObjectKey};

/// The most that one question may take.
const LOOK: Duration = Duration::from_secs(1);

/// What makes a pod, and what made that.
const GENERATIONS: usize = 2;

/// How many objects are remembered; then they are looked at again.
const MOST_LIVE: usize = 1000;

impl Cluster {
    /// Asks for every Tenant and for what is `missed`; whether anything is different now.
    pub(super) async fn look(&mut self, client: &Client, missed: &Missed) -> bool {
        let mut changed = false;
        let tenants = Api::<DeserializeGuard<api::Tenant>>::all(client.clone());
        match timeout(LOOK, tenants.list(&ListParams::default())).await {
            Ok(Ok(list)) => {
                for tenant in list {
                    let (name, now) = read_tenant(tenant);
                    changed |= self.tenants.take(Change::Is { name, now, listed: false }, newer);
                }
            }
            failed => warn!(error = ?failed.map(|list| list.map(|_| ())), "looking for Tenants"),
        }
        for name in &missed.namespaces {
            let namespaces = Api::<ApiNamespace>::all(client.clone());
            match timeout(LOOK, namespaces.get_opt(name)).await {
                Ok(Ok(Some(found))) => {
                    let now = Ok(read_namespace(&found));
                    let change = Change::Is { name: name.clone(), now, listed: false };
                    changed |= self.namespaces.take(change, Namespace::latched);
                }
                Ok(Ok(None)) => {}
                failed => {
                    warn!(name, error = ?failed.map(|found| found.map(|_| ())), "looking for a namespace");
                }
            }
        }
        for key in &missed.objects {
            changed |= self.look_at(client, key).await;
        }
        changed
    }

    /// Asks for an object, and for what controls it; whether anything is different now.
    async fn look_at(&mut self, client: &Client, key: &ObjectKey) -> bool {
        let mut changed = false;
        let mut next = Some(key.clone());
        for _ in 0..GENERATIONS {
            let Some(key) = next.take() else { break };
            let live = match timeout(LOOK, live(client, &key)).await {
                Ok(Ok(live)) => live,
                failed => {
                    warn!(?key, error = ?failed, "looking for what an exemption rests on");
                    break;
                }
            };
            let above = live.as_ref().and_then(|live| live.controller.as_ref());
            next = above.map(|above| ObjectKey {
                kind: above.kind.clone(),
                name: above.name.clone(),
                namespace: key.namespace.clone(),
            });
            changed |= self.live.get(&key) != live.as_ref();
            if self.live.len() >= MOST_LIVE {
                self.live.clear();
            }
            match live {
                Some(live) => drop(self.live.insert(key, live)),
                None => drop(self.live.remove(&key)),
            }
        }
        changed
    }
}

/// The object of this kind and name, if it is of a kind that makes pods and is there.
async fn live(client: &Client, key: &ObjectKey) -> Result<Option<Live>, kube::Error> {
    // An owner's name is whatever somebody wrote.
    let is_name = key.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
    let Some(door) = Door::named(&key.kind).filter(|_| is_name) else { return Ok(None) };
    let objects = Api::<DynamicObject>::namespaced_with(client.clone(), &key.namespace, &resource(door));
    let Some(found) = objects.get_metadata_opt(&key.name).await? else { return Ok(None) };
    Ok(Some(live_of(found.metadata)))
}

/// Which object it is, and what controls it.
pub(crate) fn live_of(metadata: ObjectMeta) -> Live {
    let mut owners = metadata.owner_references.into_iter().flatten();
    let controller = owners.find(|owner| owner.controller == Some(true));
    Live {
        uid: metadata.uid.unwrap_or_default(),
        controller: controller.map(|owner| Controller { kind: owner.kind, name: owner.name, uid: owner.uid }),
    }
}
