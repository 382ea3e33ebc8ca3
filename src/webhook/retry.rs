//! Retries: the only place where a request waits.
//!
//! It waits for a newer snapshot if the state that it depends on is missing. A Tenant, its namespace and the objects
//! in it often arrive milliseconds apart, and the controller needs a moment to apply a baseline.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use crate::policy::{JudgeError, Retry, Review, ReviewObject, Verdict, judge};
use crate::snapshot::Actor;
use crate::sources::SnapshotStore;

/// Maximum time for a request to wait.
const WAIT_LIMIT: Duration = Duration::from_secs(2);

/// Maximum number of requests that wait at once, in total and for one tenant. Beyond these, a request gets its first
/// verdict at once.
const MAX_WAITERS: usize = 512;
const MAX_WAITERS_PER_TENANT: usize = 64;

/// Maximum size of a request that may wait, because it stays in memory. A larger one gets its first verdict at once.
const MAX_WAITING_BYTES: usize = 256 << 10;

/// Judges in the newest snapshot. If the refusal depends on state that the snapshot may not have yet, fetches that
/// state and judges again.
///
/// It judges again once for `Retry::Refresh` and `Retry::Relearn`, and on each new snapshot until the time limit for `Retry::Wait`.
pub(super) async fn judge_with_retry(
    review: &Review<'_>,
    snapshots: &SnapshotStore,
    waiters: &Waiters,
) -> Verdict {
    let mut changes = snapshots.subscribe();
    let first = judge_now(review, snapshots);
    let byte_length = review.object.map_or(0, ReviewObject::byte_length)
        + review.old_object.map_or(0, |raw| raw.get().len());
    if first.retry() == Retry::Never || byte_length > MAX_WAITING_BYTES {
        return first;
    }
    let Some(_permit) = waiters.acquire(&charged_tenant(review, snapshots)) else { return first };
    let deadline = Instant::now() + WAIT_LIMIT;
    if first.retry() == Retry::Relearn {
        let _ = timeout_at(deadline, relearn(review.namespace, snapshots)).await;
    } else {
        let _ = timeout_at(deadline, snapshots.request_refresh(review.namespace, first.needs_lookup())).await;
    }
    let mut verdict = judge_now(review, snapshots);
    while verdict.retry() == Retry::Wait
        && matches!(timeout_at(deadline, changes.changed()).await, Ok(Ok(())))
    {
        verdict = judge_now(review, snapshots);
    }
    verdict
}

/// Returns the tenant that a waiting request counts for: that of its namespace, or else that of its user. Without a
/// tenant, returns the namespace.
fn charged_tenant(review: &Review<'_>, snapshots: &SnapshotStore) -> String {
    let tenant = snapshots.newest().and_then(|snapshot| {
        let labelled = snapshot.namespace(review.namespace).and_then(|namespace| namespace.tenant.clone());
        labelled.or_else(|| match snapshot.actor(&review.user) {
            Actor::Member(tenants) => tenants.first().map(|tenant| tenant.name.clone()),
            _ => None,
        })
    });
    tenant.unwrap_or_else(|| review.namespace.to_owned())
}

/// Waits until the proxy of the namespace's mesh revision has been learned again.
async fn relearn(namespace: &str, snapshots: &SnapshotStore) {
    if let Some(snapshot) = snapshots.newest() {
        snapshots.request_proxy_reference(snapshot.mesh_revision(namespace)).await;
    }
}

/// Waits until `namespace` has been looked up, or until the time limit.
pub(super) async fn refresh(namespace: &str, snapshots: &SnapshotStore, waiters: &Waiters) {
    if let Some(_permit) = waiters.acquire(namespace) {
        let _ = timeout(WAIT_LIMIT, snapshots.request_refresh(namespace, None)).await;
    }
}

fn judge_now(review: &Review<'_>, snapshots: &SnapshotStore) -> Verdict {
    snapshots.newest().map_or(Verdict::Unjudged(JudgeError::NotReady), |snapshot| judge(review, &snapshot))
}

/// Numbers of waiting requests by tenant.
#[derive(Debug, Default)]
pub(super) struct Waiters(Mutex<HashMap<String, usize>>);

impl Waiters {
    fn acquire(&self, tenant: &str) -> Option<WaitPermit<'_>> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let total: usize = waiting.values().sum();
        let count = waiting.get(tenant).copied().unwrap_or_default();
        if total >= MAX_WAITERS || count >= MAX_WAITERS_PER_TENANT {
            return None;
        }
        waiting.insert(tenant.to_owned(), count + 1);
        Some(WaitPermit { waiters: self, tenant: tenant.to_owned() })
    }
}

/// The permit of a waiting request. It is returned on drop.
struct WaitPermit<'a> {
    waiters: &'a Waiters,
    tenant: String,
}

impl Drop for WaitPermit<'_> {
    fn drop(&mut self) {
        let mut waiting = self.waiters.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = waiting.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                waiting.remove(&self.tenant);
            }
        }
    }
}
