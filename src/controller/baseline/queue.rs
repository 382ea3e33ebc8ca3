//! Workqueue: decides when each target is reconciled.
//!
//! kube's `Controller` has a queue with a delay for each object. It is not used, because it lacks three things:
//!
//! * **Fair shares.** Tenants share the capacity, so that the backlog of one does not delay the others.
//! * **Priorities.** The most urgent reason goes first.
//! * **A rollout rate.** Rollouts, which concern all targets, are limited to `baseline.rolloutRate` targets a second.
//!
//! Failed targets back off exponentially, and targets that were ready and have just been written cool down. The queue
//! does not decide which targets are out of sync, or which wait for the mesh-wide deny-all policy. It performs no I/O,
//! and the time is passed to it.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

use super::deny_all::Gate;
use super::reason::ReconcileReason;
use super::sync_state::PendingGroup;
use super::target::Target;

/// Backoff of a failed target: starts at `BACKOFF_MIN` and doubles with each failure, up to `BACKOFF_MAX`.
const BACKOFF_MIN: Duration = Duration::from_millis(250);
const BACKOFF_MAX: Duration = Duration::from_mins(1);
/// Cooldown of a ready target after a write. While a tenant gets many new namespaces, the controller then updates the
/// lists in each existing one once, not once for each new namespace.
const COOLDOWN: Duration = Duration::from_secs(2);

/// Limits of reconciles in flight per tenant, tried in this order: each tenant gets one, then up to four, then any
/// number.
const MAX_IN_FLIGHT_PER_TENANT: [usize; 3] = [1, 4, usize::MAX];

/// Backoff of a failed target.
struct Backoff {
    delay: Duration,
    not_before: Instant,
}

/// Workqueue of the targets that are out of sync.
pub(super) struct Workqueue {
    backoffs: BTreeMap<Target, Backoff>,
    cooldown_until: BTreeMap<Target, Instant>,
    next_rollout: Instant,
    /// Start of the current round.
    now: Instant,
    /// Earliest time at which a waiting target becomes eligible.
    next_deadline: Option<Instant>,
}

impl Workqueue {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            backoffs: BTreeMap::new(),
            cooldown_until: BTreeMap::new(),
            next_rollout: now,
            now,
            next_deadline: None,
        }
    }

    /// Returns the time at which the next waiting target becomes eligible.
    pub(super) fn next_deadline(&self) -> Instant {
        self.next_deadline.unwrap_or(self.now + BACKOFF_MAX)
    }

    /// Records the result of a reconcile. A failure starts or doubles the backoff of the target. A target that was
    /// ready before cools down.
    pub(super) fn record_result(&mut self, now: Instant, target: &Target, succeeded: bool, was_ready: bool) {
        if succeeded {
            self.backoffs.remove(target);
        } else {
            let before = self.backoffs.get(target).map(|backoff| backoff.delay * 2);
            let delay = before.unwrap_or(BACKOFF_MIN).min(BACKOFF_MAX);
            self.backoffs.insert(target.clone(), Backoff { delay, not_before: now + delay });
        }
        if was_ready {
            self.cooldown_until.insert(target.clone(), now + COOLDOWN);
        }
    }

    /// Starts a round. Ends the backoff of targets that are in sync again, or whose specs have changed.
    pub(super) fn start_round(
        &mut self,
        now: Instant,
        is_out_of_sync: impl Fn(&Target) -> bool,
        spec_changed: &BTreeSet<Target>,
    ) {
        self.now = now;
        self.next_deadline = None;
        self.backoffs.retain(|target, _| is_out_of_sync(target) && !spec_changed.contains(target));
        self.cooldown_until.retain(|_, not_before| *not_before > now);
    }

    /// True if a failed target waits for its next attempt.
    pub(super) fn is_backing_off(&self, target: &Target) -> bool {
        self.backoffs.get(target).is_some_and(|backoff| backoff.not_before > self.now)
    }

    /// Returns the next batch of targets, without those that the gate holds back.
    ///
    /// Tenants with fewer reconciles in flight go first, in the steps of `MAX_IN_FLIGHT_PER_TENANT`. Within a step, the
    /// more urgent reason goes first.
    pub(super) fn next_batch<'t>(
        &mut self,
        groups: &[PendingGroup<'_>],
        in_flight: impl Iterator<Item = &'t Target>,
        capacity: usize,
        rollout_rate: NonZeroU32,
        gate: Gate,
    ) -> Vec<(ReconcileReason, Target)> {
        let mut batch = Batch::new(in_flight, capacity);
        for limit in MAX_IN_FLIGHT_PER_TENANT {
            for group in groups {
                self.fill(&mut batch, group, limit, rollout_rate, gate);
            }
        }
        batch.picked
    }

    /// Adds targets of the group until its tenant has `limit` reconciles in flight.
    fn fill(
        &mut self,
        batch: &mut Batch,
        group: &PendingGroup<'_>,
        limit: usize,
        rollout_rate: NonZeroU32,
        gate: Gate,
    ) {
        for target in group.targets {
            if batch.is_full() || batch.in_flight_of(group.tenant) >= limit {
                return;
            }
            let is_free =
                !batch.contains(target) && !batch.excludes(target) && !gate.holds(group.reason, target);
            if is_free && self.is_eligible(group.reason, target) {
                batch.add(group.reason, target);
                if group.reason == ReconcileReason::Rollout {
                    self.next_rollout = self.now + Duration::from_secs(1) / rollout_rate.get();
                }
            }
        }
    }

    /// True if the target waits for nothing. Otherwise, the deadline is at the latest when its wait ends.
    fn is_eligible(&mut self, reason: ReconcileReason, target: &Target) -> bool {
        let backoff = self.backoffs.get(target).map(|backoff| backoff.not_before);
        let pause = match reason {
            ReconcileReason::Created | ReconcileReason::Drift => None,
            ReconcileReason::SpecChanged => self.cooldown_until.get(target).copied(),
            ReconcileReason::Rollout => Some(self.next_rollout),
        };
        let waits = [backoff, pause].into_iter().flatten().filter(|not_before| *not_before > self.now);
        let Some(not_before) = waits.max() else { return true };
        self.next_deadline = Some(self.next_deadline.map_or(not_before, |known| known.min(not_before)));
        false
    }
}

/// A batch under construction.
struct Batch {
    picked: Vec<(ReconcileReason, Target)>,
    capacity: usize,
    /// The targets in flight, those of the batch included.
    in_flight: BTreeSet<Target>,
    in_flight_by_tenant: BTreeMap<Option<String>, usize>,
}

impl Batch {
    fn new<'t>(in_flight: impl Iterator<Item = &'t Target>, capacity: usize) -> Self {
        let mut batch = Self {
            picked: Vec::new(),
            capacity,
            in_flight: BTreeSet::new(),
            in_flight_by_tenant: BTreeMap::new(),
        };
        for target in in_flight {
            batch.count(target);
        }
        batch
    }

    fn is_full(&self) -> bool {
        self.in_flight.len() >= self.capacity
    }

    fn in_flight_of(&self, tenant: Option<&str>) -> usize {
        self.in_flight_by_tenant.get(&tenant.map(str::to_owned)).copied().unwrap_or_default()
    }

    fn contains(&self, target: &Target) -> bool {
        self.in_flight.contains(target)
    }

    fn excludes(&self, target: &Target) -> bool {
        self.in_flight.iter().any(|running| running.excludes(target))
    }

    fn count(&mut self, target: &Target) {
        self.in_flight.insert(target.clone());
        *self.in_flight_by_tenant.entry(target.tenant().map(str::to_owned)).or_default() += 1;
    }

    fn add(&mut self, reason: ReconcileReason, target: &Target) {
        self.count(target);
        self.picked.push((reason, target.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(tenant: &str) -> Target {
        Target::Tenant(tenant.to_owned())
    }

    fn targets_of(tenant: &str, count: usize) -> BTreeSet<Target> {
        let target = |number| Target::of_namespace(tenant, &format!("{tenant}-{number:03}"));
        (0..count).map(target).collect()
    }

    /// True if the queue hands out the target `some`.
    fn is_picked(queue: &mut Workqueue, reason: ReconcileReason) -> bool {
        let targets = BTreeSet::from([target("some")]);
        let groups = [PendingGroup { reason, tenant: Some("some"), targets: &targets }];
        !queue.next_batch(&groups, [].iter(), 1, NonZeroU32::MIN, Gate::Open).is_empty()
    }

    fn is_eligible(queue: &mut Workqueue, now: Instant, spec_changed: &BTreeSet<Target>) -> bool {
        queue.start_round(now, |_| true, spec_changed);
        is_picked(queue, ReconcileReason::Created)
    }

    #[test]
    fn failed_target_backs_off_up_to_a_minute() {
        let mut now = Instant::now();
        let mut queue = Workqueue::new(now);
        for backoff in [250, 500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000] {
            let backoff = Duration::from_millis(backoff);
            queue.record_result(now, &target("some"), false, false);
            now += backoff;
            assert!(
                !is_eligible(&mut queue, now - Duration::from_millis(1), &BTreeSet::new()),
                "{backoff:?}"
            );
            assert_eq!(queue.next_deadline(), now, "{backoff:?}");
            assert!(is_eligible(&mut queue, now, &BTreeSet::new()), "{backoff:?}");
        }
    }

    #[test]
    fn failed_target_with_a_new_spec_is_retried_at_once() {
        let now = Instant::now();
        let mut queue = Workqueue::new(now);
        queue.record_result(now, &target("some"), false, false);
        assert!(!is_eligible(&mut queue, now, &BTreeSet::new()));
        assert!(is_eligible(&mut queue, now, &BTreeSet::from([target("some")])));
    }

    #[test]
    fn success_ends_the_backoff() {
        let now = Instant::now();
        let mut queue = Workqueue::new(now);
        for succeeded in [false, false, true, false] {
            queue.record_result(now, &target("some"), succeeded, false);
        }
        assert!(is_eligible(&mut queue, now + BACKOFF_MIN, &BTreeSet::new()));
    }

    #[test]
    fn target_in_sync_begins_without_its_backoff() {
        let now = Instant::now();
        let mut queue = Workqueue::new(now);
        queue.record_result(now, &target("some"), false, false);
        queue.start_round(now, |_| false, &BTreeSet::new());
        queue.record_result(now, &target("some"), false, false);
        assert!(is_eligible(&mut queue, now + BACKOFF_MIN, &BTreeSet::new()));
    }

    #[test]
    fn target_that_was_not_ready_does_not_cool_down() {
        let now = Instant::now();
        let mut queue = Workqueue::new(now);
        queue.record_result(now, &target("some"), true, false);
        assert!(is_picked(&mut queue, ReconcileReason::SpecChanged));
    }

    #[test]
    fn ready_target_cools_down_before_its_changed_spec_alone() {
        let now = Instant::now();
        let mut queue = Workqueue::new(now);
        queue.record_result(now, &target("some"), true, true);
        queue.start_round(now, |_| true, &BTreeSet::from([target("some")]));
        for reason in [ReconcileReason::Created, ReconcileReason::Drift, ReconcileReason::Rollout] {
            assert!(is_picked(&mut queue, reason), "{reason:?}");
        }
        assert!(!is_picked(&mut queue, ReconcileReason::SpecChanged));
        assert_eq!(queue.next_deadline(), now + COOLDOWN);
        queue.start_round(now + COOLDOWN, |_| true, &BTreeSet::new());
        assert!(is_picked(&mut queue, ReconcileReason::SpecChanged));
    }

    #[test]
    fn target_waits_for_its_backoff_and_its_cooldown() {
        let now = Instant::now();
        let mut queue = Workqueue::new(now);
        queue.record_result(now, &target("some"), false, true);
        queue.start_round(now, |_| true, &BTreeSet::new());
        assert!(!is_picked(&mut queue, ReconcileReason::SpecChanged));
        assert_eq!(queue.next_deadline(), now + COOLDOWN);
        assert!(!is_picked(&mut queue, ReconcileReason::Drift));
        assert_eq!(queue.next_deadline(), now + BACKOFF_MIN);
    }

    #[test]
    fn next_deadline_is_that_of_the_first_target() {
        let now = Instant::now();
        let mut queue = Workqueue::new(now);
        let targets = BTreeSet::from([target("early"), target("late")]);
        for (name, failures) in [("early", 1), ("late", 2)] {
            for _ in 0..failures {
                queue.record_result(now, &target(name), false, false);
            }
        }
        let groups = [PendingGroup { reason: ReconcileReason::Created, tenant: None, targets: &targets }];
        queue.start_round(now, |_| true, &BTreeSet::new());
        assert_eq!(queue.next_batch(&groups, [].iter(), 16, NonZeroU32::MIN, Gate::Open), []);
        assert_eq!(queue.next_deadline(), now + BACKOFF_MIN);
    }

    #[test]
    fn batch_prefers_the_more_urgent_reason() {
        let mut queue = Workqueue::new(Instant::now());
        let [new, drifted] = ["new", "drifted"].map(|tenant| targets_of(tenant, 2));
        let groups = [(ReconcileReason::Created, "new", &new), (ReconcileReason::Drift, "drifted", &drifted)];
        let groups =
            groups.map(|(reason, tenant, targets)| PendingGroup { reason, tenant: Some(tenant), targets });
        let picked = queue.next_batch(&groups, [].iter(), 3, NonZeroU32::MIN, Gate::Open);
        let reasons: Vec<ReconcileReason> = picked.iter().map(|(reason, _)| *reason).collect();
        let expected = [ReconcileReason::Created, ReconcileReason::Drift, ReconcileReason::Created];
        assert_eq!(reasons, expected);
    }

    #[test]
    fn batch_prefers_tenants_with_fewer_in_flight() {
        let mut queue = Workqueue::new(Instant::now());
        let loaded_tenants = ["a", "b", "c", "d"];
        let many_targets = loaded_tenants.map(|tenant| targets_of(tenant, 100));
        let few_targets = targets_of("e", 2);
        let in_flight = || many_targets.iter().flat_map(|targets| targets.iter().take(4));
        let created = |(tenant, targets)| PendingGroup {
            reason: ReconcileReason::Created,
            tenant: Some(tenant),
            targets,
        };
        let mut groups: Vec<_> = loaded_tenants.into_iter().zip(&many_targets).map(created).collect();
        groups.push(PendingGroup {
            reason: ReconcileReason::SpecChanged,
            tenant: Some("e"),
            targets: &few_targets,
        });
        let picked = queue.next_batch(&groups, in_flight(), 19, NonZeroU32::MIN, Gate::Open);
        let tenants: Vec<Option<&str>> = picked.iter().map(|(_, target)| target.tenant()).collect();
        assert_eq!(tenants, [Some("e"), Some("e"), Some("a")]);
        // Without other tenants, a tenant gets all free capacity.
        groups.truncate(1);
        let picked = queue.next_batch(&groups, [].iter(), 16, NonZeroU32::MIN, Gate::Open);
        assert_eq!(picked.iter().map(|(_, target)| target).collect::<BTreeSet<_>>().len(), 16);
    }

    #[test]
    fn rollout_starts_targets_at_its_rate() {
        let mut now = Instant::now();
        let mut queue = Workqueue::new(now);
        let targets = targets_of("a", 3);
        let groups =
            [PendingGroup { reason: ReconcileReason::Rollout, tenant: Some("a"), targets: &targets }];
        for _ in 0..3 {
            queue.start_round(now, |_| true, &BTreeSet::new());
            let rate = NonZeroU32::MIN.saturating_add(3);
            assert_eq!(queue.next_batch(&groups, [].iter(), 16, rate, Gate::Open).len(), 1);
            now += Duration::from_millis(250);
            assert_eq!(queue.next_deadline(), now);
        }
    }
}
