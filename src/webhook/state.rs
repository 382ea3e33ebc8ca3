use std::sync::Arc;

use tokio::sync::Semaphore;

use super::decision_log::DecisionLog;
use super::retry::Waiters;
use crate::sources::SnapshotStore;
use crate::telemetry::{Metrics, Traces};

/// Size above which a body counts as large. A common review has some kilobytes.
const LARGE_BODY: usize = 256 << 10;
/// Maximum size of all large bodies that are being read or judged: one of the largest.
const MAX_LARGE_BYTES: usize = 32 << 20;
/// The same for all other bodies, so that large ones never leave them no room.
const MAX_SMALL_BYTES: usize = 48 << 20;
/// Number of bytes that one permit covers.
pub(super) const PERMIT_BYTES: usize = 1 << 10;

/// The state that all requests share.
#[derive(Debug)]
pub struct Webhook {
    pub snapshots: Arc<SnapshotStore>,
    pub metrics: Arc<Metrics>,
    pub(super) decision_log: DecisionLog,
    pub(super) traces: Traces,
    pub(super) waiters: Waiters,
    small_bodies: Semaphore,
    large_bodies: Semaphore,
}

impl Webhook {
    pub fn new(
        snapshots: Arc<SnapshotStore>,
        metrics: Arc<Metrics>,
        decision_log: DecisionLog,
        traces: Traces,
    ) -> Self {
        Self {
            snapshots,
            metrics,
            decision_log,
            traces,
            waiters: Waiters::default(),
            small_bodies: Semaphore::new(MAX_SMALL_BYTES / PERMIT_BYTES),
            large_bodies: Semaphore::new(MAX_LARGE_BYTES / PERMIT_BYTES),
        }
    }

    /// Returns the permits for the bytes of a body of this size.
    pub(super) fn permits(&self, body_length: usize) -> &Semaphore {
        if body_length > LARGE_BODY { &self.large_bodies } else { &self.small_bodies }
    }
}
