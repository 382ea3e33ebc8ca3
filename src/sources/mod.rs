//! Where a [`World`] comes from: watches on a cluster, or YAML files.

pub mod files;
pub mod follow;
pub mod reload;
pub mod yaml;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use kube::api::{ApiResource, GroupVersionKind};
use tokio::sync::{Notify, watch};

use crate::policy::kind::Door;
use crate::world::{ObjectKey, World};

/// The newest world, and word of each new one. There is none until the first is whole.
#[derive(Debug)]
pub struct Worlds {
    newest: ArcSwapOption<World>,
    version: watch::Sender<u64>,
    looks: Looks,
}

/// What requests miss, and how far whoever follows the cluster has looked for it. One look serves all who
/// asked before it began.
#[derive(Debug)]
struct Looks {
    missed: Mutex<Missed>,
    asked: Notify,
    /// The number of the newest request that a finished look has served.
    served: watch::Sender<u64>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Missed {
    /// Namespaces that somebody misses.
    pub(crate) namespaces: BTreeSet<String>,
    /// Objects that an exemption rests on.
    pub(crate) objects: BTreeSet<ObjectKey>,
    /// The number of the newest request among them.
    request: u64,
}

impl Looks {
    fn missed(&self) -> MutexGuard<'_, Missed> {
        self.missed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Worlds {
    fn default() -> Self {
        Self {
            newest: ArcSwapOption::empty(),
            version: watch::Sender::new(0),
            looks: Looks { missed: Mutex::default(), asked: Notify::new(), served: watch::Sender::new(0) },
        }
    }
}

impl Worlds {
    pub fn publish(&self, world: World) {
        self.newest.store(Some(Arc::new(world)));
        self.version.send_modify(|version| *version += 1);
    }

    pub fn newest(&self) -> Option<Arc<World>> {
        self.newest.load_full()
    }

    /// Asks whoever follows the cluster to look at `namespace`, at every Tenant and at `object`; gives what
    /// resolves when it has. What is found is in a new world.
    pub fn look(&self, namespace: &str, object: Option<&ObjectKey>) -> impl Future<Output = ()> + use<> {
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

    /// What to look at, once somebody asks.
    pub(crate) async fn asked(&self) -> Missed {
        self.looks.asked.notified().await;
        let mut asked = self.looks.missed();
        let missed = std::mem::take(&mut *asked);
        asked.request = missed.request;
        missed
    }

    /// All of it has been looked at.
    pub(crate) fn looked(&self, missed: &Missed) {
        self.looks.served.send_replace(missed.request);
    }

    /// Tells of every world published after this call.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }
}

/// The resource of a door, as kube's client asks for it.
pub(crate) fn resource(door: &Door) -> ApiResource {
    let kind = GroupVersionKind::gvk(door.kind.group(), door.kind.version(), door.kind.name());
    ApiResource::from_gvk_with_plural(&kind, door.resource)
}
