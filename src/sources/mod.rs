//! Where a [`World`] comes from: watches on a cluster, or YAML files.

pub mod files;
pub mod follow;
pub mod yaml;

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tokio::sync::watch;

use crate::world::World;

/// The newest world, and word of each new one. There is none until the first is whole.
#[derive(Debug)]
pub struct Worlds {
    newest: ArcSwapOption<World>,
    version: watch::Sender<u64>,
}

impl Default for Worlds {
    fn default() -> Self {
        Self { newest: ArcSwapOption::empty(), version: watch::Sender::new(0) }
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

    /// Tells of every world published after this call.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }
}
