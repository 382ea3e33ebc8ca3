//! Sources of snapshots: watches on a cluster, or YAML files.
//!
//! [`SnapshotStore`] holds the newest snapshot. It also passes requests for a live lookup to the task that watches the
//! cluster.

pub mod files;
pub mod follow;
pub mod reload;
pub mod yaml;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use kube::api::{ApiResource, GroupVersionKind};
use tokio::sync::{Notify, watch};

use crate::policy::kind::Resource;
use crate::snapshot::{LiveObjectKey, Snapshot};

/// Holds the newest snapshot, and announces each new one. There is none until the first is complete.
#[derive(Debug)]
pub struct SnapshotStore {
    newest: ArcSwapOption<Snapshot>,
    version: watch::Sender<u64>,
    looks: Looks,
}

/// Lookups that requests wait for, and how many of them are done. One lookup serves all requests that asked before it
/// began.
#[derive(Debug)]
struct Looks {
    missed: Mutex<Missed>,
    asked: Notify,
    /// Number of the newest request that a finished lookup has served.
    served: watch::Sender<u64>,
}

/// Objects to look up, collected from all requests that wait.
#[derive(Clone, Debug, Default)]
pub(crate) struct Missed {
    /// Namespaces that the snapshot lacks.
    pub(crate) namespaces: BTreeSet<String>,
    /// Objects that an Exemption depends on.
    pub(crate) objects: BTreeSet<LiveObjectKey>,
    /// Number of the newest request among them.
    request: u64,
}

impl Looks {
    fn missed(&self) -> MutexGuard<'_, Missed> {
        self.missed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for SnapshotStore {
    fn default() -> Self {
        Self {
            newest: ArcSwapOption::empty(),
            version: watch::Sender::new(0),
            looks: Looks { missed: Mutex::default(), asked: Notify::new(), served: watch::Sender::new(0) },
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
    pub fn look(&self, namespace: &str, object: Option<&LiveObjectKey>) -> impl Future<Output = ()> + use<> {
        let mut missed = self.looks.missed();
        missed.namespaces.insert(namespace.to_owned());
        missed.objects.extend(object.cloned());
        missed.request += 1;
        let request = missed.request;
        let mut served = self.looks.served.subscribe();
        self.looks.asked.notify_one();
        async move {
            let _ = served.wait_for(|served| *served >= request).await;
        }
    }

    /// Waits for a request, and returns the objects to look up.
    pub(crate) async fn asked(&self) -> Missed {
        self.looks.asked.notified().await;
        let mut asked = self.looks.missed();
        let missed = std::mem::take(&mut *asked);
        asked.request = missed.request;
        missed
    }

    /// Marks a lookup as done.
    pub(crate) fn looked(&self, missed: &Missed) {
        self.looks.served.send_replace(missed.request);
    }

    /// Returns a receiver that is notified of every snapshot published after this call.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }
}

/// Converts to the type of kube's client.
pub(crate) fn api_resource(resource: &Resource) -> ApiResource {
    let kind = GroupVersionKind::gvk(resource.kind.group(), resource.kind.version(), resource.kind.name());
    ApiResource::from_gvk_with_plural(&kind, resource.plural)
}
