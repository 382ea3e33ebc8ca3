//! Plan of one reconciliation of a target, computed from the snapshot and the cache.

use std::collections::BTreeMap;

use super::cache::{CacheVersion, ManagedCache, PruneCandidate};
use super::pending_write::PendingWrite;
use super::sync_state::ReconcileReason;
use super::target::Target;
use crate::snapshot::Snapshot;

/// The plan of one reconcile.
pub(super) struct Plan {
    pub(super) target: Target,
    pub(super) cache_version: CacheVersion,
    pub(super) reason: ReconcileReason,
    /// True if the complete baseline was applied before. A difference is then drift, and not an object from before
    /// the baseline.
    pub(super) was_ready: bool,
    pub(super) writes: Vec<PendingWrite>,
    pub(super) prune: Vec<PruneCandidate>,
    /// Labels of pods. While one exists, nothing is pruned, and no object of a shared service is replaced.
    pub(super) closed_pods: Option<BTreeMap<String, String>>,
    /// True if the namespace may be marked ready after all writes.
    pub(super) quota_synced: bool,
}

impl Plan {
    pub(super) fn new(
        target: Target,
        reason: ReconcileReason,
        snapshot: &Snapshot,
        cache: &ManagedCache,
    ) -> Self {
        let manifests = target.manifests(snapshot);
        let prune = target.prune_candidates(&manifests, snapshot, cache);
        Self {
            cache_version: cache.version(),
            reason,
            was_ready: reason == ReconcileReason::Drift || target.was_ready(snapshot),
            writes: target.pending_writes(manifests, snapshot, cache),
            prune: prune.into_iter().map(|key| cache.prune_candidate(key)).collect(),
            closed_pods: target.closed_pods(snapshot, cache),
            quota_synced: target.quota_synced(cache),
            target,
        }
    }
}
