//! The open connections by their callers' addresses.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Maximum number of connections.
const MAX_CONNECTIONS: usize = 4096;
/// Time for an evicted connection to end, before the next one is evicted too.
const EVICTION_TIMEOUT: Duration = Duration::from_millis(20);

/// Slots for connections: so many in all, and fewer for each address.
#[derive(Debug)]
pub(super) struct Slots {
    free: Arc<Semaphore>,
    used: Mutex<Used>,
    per_source: usize,
    stop: CancellationToken,
}

/// The connections of each address, in the order of their start, with the token that ends each.
#[derive(Debug, Default)]
struct Used {
    by_source: HashMap<IpAddr, BTreeMap<u64, CancellationToken>>,
    next: u64,
}

/// The slot of an open connection; free again when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
    source: IpAddr,
    number: u64,
    /// Cancelled when the connection must end: the server stops, or another caller needs the slot.
    pub(super) end: CancellationToken,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Slots {
    /// Returns slots for connections that end when `stop` is cancelled.
    pub(super) fn new(per_source: usize, stop: CancellationToken) -> Arc<Self> {
        let free = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        Arc::new(Self { free, used: Mutex::default(), per_source, stop })
    }

    /// Waits until a connection may be accepted, from any address. If all slots are used, evicts the oldest connection of
    /// the address that has the most, so that a few addresses cannot keep out the others.
    pub(super) async fn free(&self, evicted: impl Fn()) -> Option<OwnedSemaphorePermit> {
        while self.free.available_permits() == 0 {
            self.evict();
            evicted();
            if let Ok(permit) = timeout(EVICTION_TIMEOUT, Arc::clone(&self.free).acquire_owned()).await {
                return permit.ok();
            }
        }
        Arc::clone(&self.free).acquire_owned().await.ok()
    }

    fn evict(&self) {
        let mut used = self.lock();
        let largest = used.by_source.values_mut().max_by_key(|connections| connections.len());
        if let Some((_, end)) = largest.and_then(BTreeMap::pop_first) {
            end.cancel();
        }
    }

    /// Gives the connection from `source` its slot. `Err` with the permit if the address has no more.
    pub(super) fn take(
        self: &Arc<Self>,
        source: IpAddr,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Result<Slot, Option<OwnedSemaphorePermit>> {
        // A listener of both families has IPv4 callers under IPv6 addresses.
        let source = source.to_canonical();
        let mut used = self.lock();
        let number = used.next;
        let connections = used.by_source.entry(source).or_default();
        if connections.len() >= self.per_source {
            return Err(permit);
        }
        let end = self.stop.child_token();
        connections.insert(number, end.clone());
        used.next += 1;
        drop(used);
        Ok(Slot { slots: Arc::clone(self), source, number, end, _permit: permit })
    }

    fn lock(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut used = self.slots.lock();
        if let Some(connections) = used.by_source.get_mut(&self.source) {
            connections.remove(&self.number);
            if connections.is_empty() {
                used.by_source.remove(&self.source);
            }
        }
    }
}
