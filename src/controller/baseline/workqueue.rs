//! Workqueue: decides when each target is reconciled.
//!
//! * Failed targets back off exponentially.
//! * Targets that were ready and have just been written cool down.
//! * Rollouts, which concern all targets, are limited to `baseline.rolloutRate` targets a second.
//! * Tenants share the capacity, so that the backlog of one does not delay the others.
//! * The mesh-wide deny-all policy is enabled after, and disabled before, the policies that allow.
//!
//! The queue of kube's `Controller` is not used, because it does not share capacity among tenants and cannot order
//! the deny-all policy. This module does not decide which targets are out of sync, and performs no I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

use super::deny_all::DenyAllTransition;
use super::sync_state::{PendingGroup, ReconcileReason};
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
        self.next_deadline.unwrap_or_else(|| Instant::now() + BACKOFF_MAX)
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

    /// Returns the next batch of targets.
    ///
    /// Tenants with fewer reconciles in flight go first, in the steps of `MAX_IN_FLIGHT_PER_TENANT`. Within a step, the more urgent
    /// reason goes first. Mesh-wide deny-all is enabled after every settings rollout that can succeed, and disabled
    /// before any.
    pub(super) fn next_batch(
        &mut self,
        groups: &[PendingGroup<'_>],
        in_flight: &BTreeMap<Target, ReconcileReason>,
        capacity: usize,
        rollout_rate: NonZeroU32,
        deny_all: DenyAllTransition,
    ) -> Vec<(ReconcileReason, Target)> {
        let mut batch = Batch::new(in_flight, capacity);
        let mut rollout_pending = in_flight.values().any(|reason| *reason == ReconcileReason::Rollout);
        for limit in MAX_IN_FLIGHT_PER_TENANT {
            for PendingGroup { reason, tenant, targets } in groups.iter().copied() {
                let is_eligible = |target: &&Target| {
                    !in_flight.contains_key(*target) && !waits_for_others(deny_all, reason, target)
                };
                for target in targets.iter().filter(is_eligible) {
                    if batch.is_full() || batch.in_flight_of(tenant) >= limit {
                        break;
                    }
                    if batch.contains(target) {
                        continue;
                    }
                    match self.eligibility(reason, target) {
                        Eligibility::Ready => {
                            if reason == ReconcileReason::Rollout {
                                self.next_rollout = self.now + Duration::from_secs(1) / rollout_rate.get();
                                rollout_pending = true;
                            }
                            batch.add(reason, target);
                        }
                        Eligibility::Delayed => rollout_pending |= reason == ReconcileReason::Rollout,
                        Eligibility::BackingOff => {}
                    }
                }
            }
        }
        let cluster_group = groups.iter().find(|group| group.targets.contains(&Target::Cluster));
        if let Some(PendingGroup { reason, .. }) =
            cluster_group.filter(|_| deny_all == DenyAllTransition::Enabling)
            && !rollout_pending
            && !batch.is_full()
            && !in_flight.contains_key(&Target::Cluster)
            && self.eligibility(*reason, &Target::Cluster) == Eligibility::Ready
        {
            batch.add(*reason, &Target::Cluster);
        }
        batch.picked
    }

    fn eligibility(&mut self, reason: ReconcileReason, target: &Target) -> Eligibility {
        let backing_off = self.backoffs.get(target).map(|backoff| backoff.not_before);
        let delayed = match reason {
            ReconcileReason::Created | ReconcileReason::Drift => None,
            ReconcileReason::SpecChanged => self.cooldown_until.get(target).copied(),
            ReconcileReason::Rollout => Some(self.next_rollout),
        };
        let is_future = |not_before: &Instant| *not_before > self.now;
        let (backing_off, delayed) = (backing_off.filter(is_future), delayed.filter(is_future));
        self.next_deadline = self.next_deadline.into_iter().chain(backing_off.max(delayed)).min();
        match (backing_off, delayed) {
            (None, None) => Eligibility::Ready,
            (None, Some(_)) => Eligibility::Delayed,
            (Some(_), _) => Eligibility::BackingOff,
        }
    }
}

/// True if the target must wait for others, because the mesh-wide deny-all policy is about to change.
fn waits_for_others(deny_all: DenyAllTransition, reason: ReconcileReason, target: &Target) -> bool {
    match deny_all {
        DenyAllTransition::None => false,
        DenyAllTransition::Enabling => *target == Target::Cluster && reason != ReconcileReason::Drift,
        DenyAllTransition::Disabling => *target != Target::Cluster && reason == ReconcileReason::Rollout,
    }
}

/// A batch under construction, and the number of reconciles in flight per tenant.
struct Batch {
    picked: Vec<(ReconcileReason, Target)>,
    capacity: usize,
    in_flight_by_tenant: BTreeMap<Option<String>, usize>,
}

impl Batch {
    fn new(in_flight: &BTreeMap<Target, ReconcileReason>, capacity: usize) -> Self {
        let mut in_flight_by_tenant = BTreeMap::new();
        for target in in_flight.keys() {
            *in_flight_by_tenant.entry(target.tenant().map(str::to_owned)).or_default() += 1;
        }
        Self { picked: Vec::new(), capacity, in_flight_by_tenant }
    }

    fn is_full(&self) -> bool {
        self.picked.len() >= self.capacity
    }

    fn in_flight_of(&self, tenant: Option<&str>) -> usize {
        self.in_flight_by_tenant.get(&tenant.map(str::to_owned)).copied().unwrap_or_default()
    }

    fn contains(&self, target: &Target) -> bool {
        self.picked.iter().any(|(_, known)| known == target)
    }

    fn add(&mut self, reason: ReconcileReason, target: &Target) {
        self.picked.push((reason, target.clone()));
        *self.in_flight_by_tenant.entry(target.tenant().map(str::to_owned)).or_default() += 1;
    }
}

/// Eligibility of a target in the current round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Eligibility {
    Ready,
    /// It waits for its cooldown or for the rollout rate.
    Delayed,
    /// It waits for the end of its backoff.
    BackingOff,
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

    fn is_eligible(queue: &mut Workqueue, now: Instant, spec_changed: &BTreeSet<Target>) -> bool {
        queue.start_round(now, |_| true, spec_changed);
        let targets = BTreeSet::from([target("some")]);
        let groups =
            [PendingGroup { reason: ReconcileReason::Created, tenant: Some("some"), targets: &targets }];
        !queue.next_batch(&groups, &BTreeMap::new(), 1, NonZeroU32::MIN, DenyAllTransition::None).is_empty()
    }

    fn in_flight<'p>(
        reason: ReconcileReason,
        targets: impl IntoIterator<Item = &'p Target>,
    ) -> BTreeMap<Target, ReconcileReason> {
        targets.into_iter().map(|target| (target.clone(), reason)).collect()
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
    fn batch_prefers_tenants_with_fewer_in_flight() {
        let mut queue = Workqueue::new(Instant::now());
        let loaded_tenants = ["a", "b", "c", "d"];
        let many_targets = loaded_tenants.map(|tenant| targets_of(tenant, 100));
        let few_targets = targets_of("e", 2);
        let in_flight = in_flight(
            ReconcileReason::Created,
            many_targets.iter().flat_map(|targets| targets.iter().take(4)),
        );
        let mut groups: Vec<_> = loaded_tenants
            .iter()
            .zip(&many_targets)
            .map(|(tenant, targets)| PendingGroup {
                reason: ReconcileReason::Created,
                tenant: Some(tenant),
                targets,
            })
            .collect();
        groups.push(PendingGroup {
            reason: ReconcileReason::SpecChanged,
            tenant: Some("e"),
            targets: &few_targets,
        });
        let picked = queue.next_batch(&groups, &in_flight, 3, NonZeroU32::MIN, DenyAllTransition::None);
        let tenants: Vec<Option<&str>> = picked.iter().map(|(_, target)| target.tenant()).collect();
        assert_eq!(tenants, [Some("e"), Some("e"), Some("a")]);
        // Without other tenants, a tenant gets all free capacity.
        groups.truncate(1);
        let picked =
            queue.next_batch(&groups, &BTreeMap::new(), 16, NonZeroU32::MIN, DenyAllTransition::None);
        assert_eq!(picked.iter().map(|(_, target)| target).collect::<BTreeSet<_>>().len(), 16);
    }

    #[test]
    fn deny_all_is_enabled_last_and_disabled_first() {
        let mut queue = Workqueue::new(Instant::now());
        let (cluster, allows) = (BTreeSet::from([Target::Cluster]), targets_of("a", 2));
        let groups = [
            PendingGroup { reason: ReconcileReason::Rollout, tenant: None, targets: &cluster },
            PendingGroup { reason: ReconcileReason::Rollout, tenant: Some("a"), targets: &allows },
        ];
        let mut batch_of =
            |groups: &[PendingGroup<'_>], in_flight: &BTreeMap<Target, ReconcileReason>, deny_all| {
                let picked = queue.next_batch(groups, in_flight, 16, NonZeroU32::MAX, deny_all);
                picked.into_iter().map(|(_, target)| target).collect::<BTreeSet<_>>()
            };
        let none = BTreeMap::new();
        assert!(!batch_of(&groups, &none, DenyAllTransition::Enabling).contains(&Target::Cluster));
        assert_eq!(
            batch_of(
                &groups[..1],
                &in_flight(ReconcileReason::Rollout, &allows),
                DenyAllTransition::Enabling
            ),
            BTreeSet::new()
        );
        // A steady flow of new namespaces does not delay the deny-all policy.
        assert_eq!(
            batch_of(
                &groups[..1],
                &in_flight(ReconcileReason::Created, &allows),
                DenyAllTransition::Enabling
            ),
            cluster
        );
        assert_eq!(batch_of(&groups, &none, DenyAllTransition::Disabling), cluster);
        // If the deny-all policy does not change, its target waits for no other.
        assert!(
            batch_of(&groups[..1], &in_flight(ReconcileReason::Rollout, &allows), DenyAllTransition::None)
                .contains(&Target::Cluster)
        );
    }
}
