//! Sources of snapshots: watches on a cluster, or YAML files.
//!
//! [`SnapshotStore`] holds the newest snapshot. It also passes requests for a live lookup to the task that watches the
//! cluster.

pub mod files;
pub(crate) mod pages;
pub mod reload;
pub mod watch;
pub mod yaml;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use kube::api::{ApiResource, GroupVersionKind};
use kube::error::DiscoveryError;
use kube::{Client, discovery};
use tokio::sync::{Notify, watch as channel};

use crate::kinds::Kind;
use crate::snapshot::{LiveObjectKey, Snapshot};

/// Holds the newest snapshot, and announces each new one. There is none until the first is complete.
#[derive(Debug)]
pub struct SnapshotStore {
    newest: ArcSwapOption<Snapshot>,
    version: channel::Sender<u64>,
    lookups: LookupQueue,
}

/// Lookups that requests wait for, and how many of them are done. One lookup serves all requests that asked before it
/// began.
#[derive(Debug)]
struct LookupQueue {
    pending: Mutex<LookupRequest>,
    notify: Notify,
    /// Number of the newest request that a finished lookup has served.
    completed: channel::Sender<u64>,
}

/// Objects to look up, collected from all requests that wait.
#[derive(Clone, Debug, Default)]
pub(crate) struct LookupRequest {
    /// Namespaces that the snapshot lacks.
    pub(crate) namespaces: BTreeSet<String>,
    /// Objects that an Exemption depends on.
    pub(crate) objects: BTreeSet<LiveObjectKey>,
    /// Number of the newest request among them.
    number: u64,
}

impl LookupQueue {
    fn pending(&self) -> MutexGuard<'_, LookupRequest> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for SnapshotStore {
    fn default() -> Self {
        Self {
            newest: ArcSwapOption::empty(),
            version: channel::Sender::new(0),
            lookups: LookupQueue {
                pending: Mutex::default(),
                notify: Notify::new(),
                completed: channel::Sender::new(0),
            },
        }
    }
}

impl SnapshotStore {
    pub fn publish(&self, snapshot: Snapshot) {
        self.newest.store(Some(Arc::new(snapshot)));
        self.version.send_modify(|version| *version += 1);
    }

    pub fn newest(&self) -> Option<Arc<Snapshot>> {
        self.newest.load_full()
    }

    /// Asks the watching task to look up `namespace`, every Tenant and `object`. The returned future resolves when
    /// that is done. The next snapshot has what was found.
    pub fn request_refresh(
        &self,
        namespace: &str,
        object: Option<&LiveObjectKey>,
    ) -> impl Future<Output = ()> + use<> {
        let mut pending = self.lookups.pending();
        pending.namespaces.insert(namespace.to_owned());
        pending.objects.extend(object.cloned());
        pending.number += 1;
        let number = pending.number;
        let mut completed = self.lookups.completed.subscribe();
        self.lookups.notify.notify_one();
        async move {
            let _ = completed.wait_for(|completed| *completed >= number).await;
        }
    }

    /// Waits for a request, and returns the objects to look up.
    pub(crate) async fn next_request(&self) -> LookupRequest {
        self.lookups.notify.notified().await;
        let mut pending = self.lookups.pending();
        let request = std::mem::take(&mut *pending);
        pending.number = request.number;
        request
    }

    /// Marks a lookup as done.
    pub(crate) fn complete(&self, request: &LookupRequest) {
        self.lookups.completed.send_replace(request.number);
    }

    /// Returns a receiver that is notified of every snapshot published after this call.
    pub fn subscribe(&self) -> channel::Receiver<u64> {
        self.version.subscribe()
    }
}

/// Converts to the type of kube's client.
pub(crate) fn api_resource(kind: Kind) -> ApiResource {
    let names = GroupVersionKind::gvk(kind.group(), kind.version(), kind.name());
    ApiResource::from_gvk_with_plural(&names, kind.plural())
}

/// Returns the resource with this plural name as the cluster serves it, in the most stable version; `None` if it serves
/// none.
pub(crate) async fn served_resource(
    client: &Client,
    group: &str,
    plural: &str,
) -> Result<Option<ApiResource>, kube::Error> {
    let group = match discovery::group(client, group).await {
        Err(kube::Error::Discovery(DiscoveryError::MissingApiGroup(_))) => return Ok(None),
        group => group?,
    };
    let mut resources = group.resources_by_stability().into_iter().map(|(resource, _)| resource);
    Ok(resources.find(|resource| resource.plural == plural))
}
