//! The controller's state: events, outcomes and the time go in, plans come out.
//!
//! The cache holds what exists, the sync state which targets differ from that, and the queue when each of them is
//! reconciled. This module connects them, and performs no I/O: `run` feeds it, and `apply` carries its plans out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::time::Instant;

use super::cache::{ManagedCache, ManagedEvent};
use super::deny_all::{Gate, Unfinished};
use super::outcome::Outcome;
use super::plan::{Plan, plan};
use super::queue::Workqueue;
use super::reason::ReconcileReason;
use super::sync_state::SyncState;
use super::target::Target;
use crate::kinds::Kind;
use crate::settings::Settings;
use crate::snapshot::Snapshot;

pub(super) struct State {
    cache: ManagedCache,
    sync: SyncState,
    queue: Workqueue,
    in_flight: BTreeMap<Target, InFlight>,
    /// Maximum number of reconciles in flight.
    capacity: usize,
}

/// A reconcile in flight.
struct InFlight {
    reason: ReconcileReason,
    /// The settings of its plan.
    settings: Arc<Settings>,
}

impl State {
    pub(super) fn new(now: Instant, capacity: usize) -> Self {
        Self {
            cache: ManagedCache::default(),
            sync: SyncState::default(),
            queue: Workqueue::new(now),
            in_flight: BTreeMap::new(),
            capacity,
        }
    }

    /// Applies an event of the watches.
    pub(super) fn on_event(&mut self, event: ManagedEvent) {
        self.cache.apply_event(event);
    }

    /// Records the end of a reconcile.
    pub(super) fn on_outcome(&mut self, now: Instant, outcome: Outcome) {
        let Outcome { target, cache_version, was_ready, applied, pruned, marked_ready, result } = outcome;
        for (kind, object) in applied {
            self.cache.record_write(kind, object, &cache_version);
        }
        for candidate in &pruned {
            self.cache.record_delete(candidate);
        }
        if let Some((namespace, known)) = marked_ready {
            self.cache.record_ready(namespace, known);
        }
        self.in_flight.remove(&target);
        self.queue.record_result(now, &target, result.is_ok(), was_ready);
    }

    /// True if the cache has the objects of these kinds.
    pub(super) fn has_synced(&self, kinds: &BTreeSet<Kind>) -> bool {
        self.cache.has_synced(kinds)
    }

    /// Compares what has changed, and returns the plans to carry out now.
    pub(super) fn tick(&mut self, now: Instant, snapshot: &Arc<Snapshot>) -> Vec<Plan> {
        self.cache.forget_delivered(snapshot);
        self.sync.refresh(snapshot, &mut self.cache);
        let spec_changed = self.sync.take_spec_changed();
        self.queue.start_round(now, |target| self.sync.is_out_of_sync(target), &spec_changed);
        let gate = Gate::new(snapshot, &self.cache, self.unfinished(snapshot));
        let batch = self.queue.next_batch(
            &self.sync.pending_groups(),
            self.in_flight.keys(),
            self.capacity,
            snapshot.settings.rollout_rate,
            gate,
        );
        let mut plans = Vec::new();
        for (reason, target) in batch {
            let settings = Arc::clone(&snapshot.settings);
            self.in_flight.insert(target.clone(), InFlight { reason, settings });
            plans.push(plan(snapshot, &self.cache, target, reason));
        }
        plans
    }

    /// Returns the reconciles that a change of the mesh-wide deny-all policy waits for. A target that fails again and
    /// again holds nothing back.
    fn unfinished(&self, snapshot: &Snapshot) -> Unfinished {
        let is_outdated = |running: &InFlight| !Arc::ptr_eq(&running.settings, &snapshot.settings);
        let others = self.in_flight.iter().filter(|(target, _)| **target != Target::Cluster);
        let mut running = others.map(|(_, running)| running);
        let groups = self.sync.pending_groups();
        let due = groups.iter().filter(|group| group.reason == ReconcileReason::Rollout);
        let mut due = due.flat_map(|group| group.targets).filter(|target| **target != Target::Cluster);
        let is_rollout =
            |running: &InFlight| running.reason == ReconcileReason::Rollout || is_outdated(running);
        Unfinished {
            rollouts: running.any(is_rollout) || due.any(|target| !self.queue.is_backing_off(target)),
            outdated_cluster: self.in_flight.get(&Target::Cluster).is_some_and(is_outdated),
        }
    }

    /// Returns the time of the next tick, if nothing happens before.
    pub(super) fn next_deadline(&self) -> Instant {
        self.queue.next_deadline()
    }

    #[cfg(test)]
    pub(super) fn cache(&self) -> &ManagedCache {
        &self.cache
    }

    /// Returns all targets that are out of sync.
    pub(super) fn out_of_sync(&self) -> impl Iterator<Item = &Target> {
        self.sync.pending_groups().into_iter().flat_map(|group| group.targets)
    }

    pub(super) fn is_out_of_sync(&self, target: &Target) -> bool {
        self.sync.is_out_of_sync(target)
    }
}
