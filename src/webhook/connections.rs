//! The open connections, counted for each caller's address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Maximum number of connections. Further callers wait to be accepted.
const MAX_CONNECTIONS: usize = 4096;

/// Slots for connections: so many in all, and fewer for each address.
#[derive(Debug)]
pub(super) struct Slots {
    free: Arc<Semaphore>,
    used: Mutex<HashMap<IpAddr, usize>>,
    per_source: usize,
}

/// The slot of an open connection; free again when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
    source: IpAddr,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Slots {
    pub(super) fn new(per_source: usize) -> Arc<Self> {
        Arc::new(Self { free: Arc::new(Semaphore::new(MAX_CONNECTIONS)), used: Mutex::default(), per_source })
    }

    /// Waits until a connection may be accepted, from any address.
    pub(super) async fn free(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.free).acquire_owned().await.ok()
    }

    /// Gives the connection from `source` its slot. `Err` with the permit if the address has no more.
    pub(super) fn take(
        self: &Arc<Self>,
        source: IpAddr,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Result<Slot, Option<OwnedSemaphorePermit>> {
        // A listener of both families has IPv4 callers under IPv6 addresses.
        let source = source.to_canonical();
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let count = used.entry(source).or_default();
        if *count >= self.per_source {
            return Err(permit);
        }
        *count += 1;
        drop(used);
        Ok(Slot { slots: Arc::clone(self), source, _permit: permit })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut used = self.slots.used.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = used.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                used.remove(&self.source);
            }
        }
    }
}
