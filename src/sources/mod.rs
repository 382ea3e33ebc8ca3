//! Sources of snapshots: watches on a cluster, or YAML files.
//!
//! [`SnapshotStore`] holds the newest snapshot. It also passes requests for a live lookup to the task that watches the
//! cluster.

pub mod files;
pub(crate) mod pages;
mod probe;
pub mod proxy_reference;
pub mod settings_config_map;
pub mod settings_file;
pub(crate) mod store;
pub mod watch;
pub(crate) mod watch_backoff;
pub(crate) mod waypoint;
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
pub(crate) use probe::send_probe;

/// Holds the newest snapshot, and announces each new one. There is none until the first is complete.
#[derive(Debug)]
pub struct SnapshotStore {
    newest: ArcSwapOption<Snapshot>,
    version: channel::Sender<u64>,
    pub(crate) lookups: LookupQueue<LookupRequest>,
    pub(crate) learning: LookupQueue<LearnRequest>,
}

/// Lookups that requests wait for, and how many of them are done. One lookup serves all requests that asked before it
/// began.
#[derive(Debug)]
pub(crate) struct LookupQueue<T> {
    pending: Mutex<Numbered<T>>,
    notify: Notify,
    /// Number of the newest request that a finished lookup has served.
    completed: channel::Sender<u64>,
}

/// A request, collected from all requests that wait.
#[derive(Clone, Debug, Default)]
pub(crate) struct Numbered<T> {
    pub(crate) wanted: T,
    /// Number of the newest request among them.
    number: u64,
}

/// Objects to look up.
#[derive(Clone, Debug, Default)]
pub(crate) struct LookupRequest {
    /// Namespaces that the snapshot lacks.
    pub(crate) namespaces: BTreeSet<String>,
    /// Objects that an Exemption depends on.
    pub(crate) objects: BTreeSet<LiveObjectKey>,
}

/// Mesh revisions whose proxy is to be learned again.
#[derive(Clone, Debug, Default)]
pub(crate) struct LearnRequest {
    pub(crate) revisions: BTreeSet<String>,
}

/// A request that waits for its lookup.
struct LookupTicket {
    number: u64,
    completed: channel::Receiver<u64>,
}

impl LookupTicket {
    async fn completed(mut self) {
        let _ = self.completed.wait_for(|completed| *completed >= self.number).await;
    }
}

impl<T: Default> LookupQueue<T> {
    /// Adds to what is looked up next.
    fn request(&self, add: impl FnOnce(&mut T)) -> LookupTicket {
        let mut pending = self.pending();
        add(&mut pending.wanted);
        pending.number += 1;
        self.notify.notify_one();
        LookupTicket { number: pending.number, completed: self.completed.subscribe() }
    }

    /// Waits for a request.
    pub(crate) async fn next(&self) -> Numbered<T> {
        self.notify.notified().await;
        let mut pending = self.pending();
        let wanted = std::mem::take(&mut pending.wanted);
        Numbered { wanted, number: pending.number }
    }

    /// Marks a lookup as done.
    pub(crate) fn complete(&self, request: &Numbered<T>) {
        self.completed.send_replace(request.number);
    }

    fn pending(&self) -> MutexGuard<'_, Numbered<T>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Default> Default for LookupQueue<T> {
    fn default() -> Self {
        Self { pending: Mutex::default(), notify: Notify::new(), completed: channel::Sender::new(0) }
    }
}

impl Default for SnapshotStore {
    fn default() -> Self {
        Self {
            newest: ArcSwapOption::empty(),
            version: channel::Sender::new(0),
            lookups: LookupQueue::default(),
            learning: LookupQueue::default(),
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
        let add = |wanted: &mut LookupRequest| {
            wanted.namespaces.insert(namespace.to_owned());
            wanted.objects.extend(object.cloned());
        };
        self.lookups.request(add).completed()
    }

    /// Asks the watching task to learn the proxy of a mesh revision again. The returned future resolves when that is
    /// done. The next snapshot has what was learned.
    pub fn request_proxy_reference(&self, revision: &str) -> impl Future<Output = ()> + use<> {
        let add = |wanted: &mut LearnRequest| wanted.revisions.extend([revision.to_owned()]);
        self.learning.request(add).completed()
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
