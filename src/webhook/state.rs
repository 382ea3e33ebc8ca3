use std::sync::Arc;

use tokio::sync::Semaphore;

use super::retry::Waiters;
use crate::sources::SnapshotStore;
use crate::telemetry::Metrics;

/// Maximum size of all bodies that are being read or judged.
const MAX_BYTES_IN_FLIGHT: usize = 256 << 20;
/// Number of bytes that one permit covers.
pub(super) const PERMIT_BYTES: usize = 1 << 10;

/// The state that all requests share.
#[derive(Debug)]
pub struct Webhook {
    pub snapshots: Arc<SnapshotStore>,
    pub metrics: Arc<Metrics>,
    pub(super) waiters: Waiters,
    pub(super) in_flight: Semaphore,
}

impl Webhook {
    pub fn new(snapshots: Arc<SnapshotStore>, metrics: Arc<Metrics>) -> Self {
        Self {
            snapshots,
            metrics,
            waiters: Waiters::default(),
            in_flight: Semaphore::new(MAX_BYTES_IN_FLIGHT / PERMIT_BYTES),
        }
    }
}
