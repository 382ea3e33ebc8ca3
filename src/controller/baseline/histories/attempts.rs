//! Checks of the queue: reasons, capacity, backoff, cooldown, rollout rate and fair shares. No target is tried too early,
//! and none starves.

use std::collections::BTreeMap;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::super::deny_all::is_enforced;
use super::super::object_ref::ObjectRef;
use super::super::outcome::Outcome;
use super::super::plan::Plan;
use super::super::reason::ReconcileReason;
use super::super::state::State;
use super::super::target::Target;
use super::expected::targets;
use crate::baseline::DENY_ALL_NAME;
use crate::kinds::Kind;
use crate::settings::DenyAll;
use crate::snapshot::Snapshot;

/// Maximum number of reconciles in flight: few, so that targets compete for them.
pub(super) const CAPACITY: usize = 3;
const MAX_BACKOFF: Duration = Duration::from_mins(1);
/// The pause after a write to a target that was ready.
const COOLDOWN: Duration = Duration::from_secs(2);
/// The pause between two rollouts with the settings of the histories.
const ROLLOUT_PAUSE: Duration = Duration::from_millis(1);

/// The latest attempt of each target.
#[derive(Default)]
pub(super) struct Attempts {
    latest: BTreeMap<Target, Attempt>,
    /// The snapshot with which each target was last in sync.
    synced: BTreeMap<Target, Arc<Snapshot>>,
    /// The time of the latest rollout, whose rate is limited.
    rollout: Option<Instant>,
    /// The snapshot of the latest tick.
    snapshot: Option<Arc<Snapshot>>,
}

#[derive(Clone)]
struct Attempt {
    ended: Instant,
    cooldown_until: Option<Instant>,
    /// Failures since the last success, since the target was last in sync, or since its spec has changed.
    failures_since_sync: u32,
    /// Failures in the time of one snapshot, and that snapshot.
    failures: u32,
    snapshot: Option<Arc<Snapshot>>,
}

/// Returns the backoff after this number of failures.
fn backoff(failures: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1)).min(1_000);
    if failures == 0 { Duration::ZERO } else { (Duration::from_millis(250) * doubled).min(MAX_BACKOFF) }
}

impl Attempt {
    /// Returns the time at which the target must be tried again, whatever the reason is.
    fn due(&self) -> Instant {
        let backoff_until = self.ended + backoff(self.failures_since_sync);
        self.cooldown_until.map_or(backoff_until, |cooldown_until| cooldown_until.max(backoff_until))
    }

    /// True if the attempt ended in the time of this snapshot.
    fn is_of(&self, snapshot: &Arc<Snapshot>) -> bool {
        self.snapshot.as_ref().is_some_and(|known| Arc::ptr_eq(known, snapshot))
    }

    /// True if the settings or the tenant have changed since the attempt ended.
    fn has_other_spec(&self, target: &Target, snapshot: &Snapshot) -> bool {
        let tenant = |snapshot: &Snapshot| Some(ptr::from_ref(snapshot.tenant(target.tenant()?)?));
        self.snapshot.as_ref().is_some_and(|known| {
            !Arc::ptr_eq(&known.settings, &snapshot.settings) || tenant(known) != tenant(snapshot)
        })
    }
}

impl Attempts {
    pub(super) fn targets(&self) -> impl Iterator<Item = &Target> {
        self.latest.keys()
    }

    pub(super) fn has_failed(&self, target: &Target) -> bool {
        self.latest.get(target).is_some_and(|attempt| attempt.failures_since_sync > 0)
    }

    pub(super) fn record(&mut self, now: Instant, outcome: &Outcome) {
        let before = self.latest.get(&outcome.target);
        let count = |known: Option<u32>| if outcome.result.is_ok() { 0 } else { known.unwrap_or(0) + 1 };
        let cooldown_until = before.and_then(|attempt| attempt.cooldown_until);
        let attempt = Attempt {
            ended: now,
            cooldown_until: if outcome.was_ready { Some(now + COOLDOWN) } else { cooldown_until },
            failures_since_sync: count(before.map(|attempt| attempt.failures_since_sync)),
            failures: count(before.map(|attempt| attempt.failures)),
            snapshot: self.snapshot.clone(),
        };
        self.latest.insert(outcome.target.clone(), attempt);
    }

    /// Checks the plans of a tick.
    pub(super) fn check_batch(
        &mut self,
        state: &State,
        snapshot: &Arc<Snapshot>,
        now: Instant,
        running: &[&Target],
        plans: &[Plan],
    ) {
        self.snapshot = Some(Arc::clone(snapshot));
        for plan in plans {
            assert!(!running.contains(&&plan.target), "{:?} is in flight twice", plan.target);
            self.check_reason(snapshot, plan);
            self.check_wait(snapshot, now, plan);
        }
        let in_flight: Vec<&Target> =
            running.iter().copied().chain(plans.iter().map(|plan| &plan.target)).collect();
        assert!(in_flight.len() <= CAPACITY, "too many in flight");
        self.forget_failures(state, snapshot);
        let targets = targets(snapshot);
        self.record_synced(state, snapshot, &targets);
        let waiting = self.waiting(state, snapshot, now, &in_flight, &targets);
        check_waiting(state, now, &in_flight, plans, &waiting);
    }

    fn check_reason(&self, snapshot: &Arc<Snapshot>, plan: &Plan) {
        let is_settled = |synced: &Arc<Snapshot>| Arc::ptr_eq(&synced.settings, &snapshot.settings);
        let expected: &[ReconcileReason] = match (&plan.target, self.synced.get(&plan.target)) {
            (Target::Orphan(_) | Target::RevokeReady(_), _) => &[ReconcileReason::SpecChanged],
            _ if plan.target.awaiting_ready(snapshot).is_some() => &[ReconcileReason::Created],
            (_, Some(synced)) if Arc::ptr_eq(synced, snapshot) => &[ReconcileReason::Drift],
            (_, Some(synced)) if is_settled(synced) => {
                &[ReconcileReason::Drift, ReconcileReason::SpecChanged]
            }
            _ => &[ReconcileReason::Rollout],
        };
        assert!(expected.contains(&plan.reason), "{:?} because of {:?}", plan.target, plan.reason);
    }

    fn record_synced(&mut self, state: &State, snapshot: &Arc<Snapshot>, targets: &[Target]) {
        self.synced.retain(|target, _| targets.contains(target));
        let synced = targets.iter().filter(|target| !state.is_out_of_sync(target));
        self.synced.extend(synced.map(|target| (target.clone(), Arc::clone(snapshot))));
    }

    /// Checks that the target waits for nothing.
    fn check_wait(&mut self, snapshot: &Arc<Snapshot>, now: Instant, plan: &Plan) {
        if plan.reason == ReconcileReason::Rollout {
            let is_paused = self.rollout.is_some_and(|rollout| now - rollout < ROLLOUT_PAUSE);
            assert!(!is_paused, "{:?} is rolled out too early", plan.target);
            self.rollout = Some(now);
        }
        let Some(attempt) = self.latest.get(&plan.target) else { return };
        let since = now - attempt.ended;
        let is_backing_off = attempt.is_of(snapshot) && since < backoff(attempt.failures);
        assert!(!is_backing_off, "{:?} is tried again after {since:?}", plan.target);
        let is_cooling_down = plan.reason == ReconcileReason::SpecChanged
            && attempt.cooldown_until.is_some_and(|cooldown_until| now < cooldown_until);
        assert!(!is_cooling_down, "{:?} is written again after {since:?}", plan.target);
    }

    /// A target that is in sync, or has another spec, begins without its backoff.
    fn forget_failures(&mut self, state: &State, snapshot: &Arc<Snapshot>) {
        for (target, attempt) in &mut self.latest {
            let is_out_of_sync = state.is_out_of_sync(target);
            if !is_out_of_sync || !attempt.is_of(snapshot) {
                attempt.failures = 0;
            }
            if !is_out_of_sync || attempt.has_other_spec(target, snapshot) {
                attempt.failures_since_sync = 0;
            }
        }
    }

    /// Returns the targets that are out of sync and not in flight, and when each of them is due at the latest. None while
    /// the order of deny-all or the rate of rollouts may hold targets back.
    fn waiting(
        &self,
        state: &State,
        snapshot: &Snapshot,
        now: Instant,
        in_flight: &[&Target],
        targets: &[Target],
    ) -> Vec<(Target, Instant)> {
        let deny_all = ObjectRef::new(Kind::AuthorizationPolicy, &snapshot.settings.mesh_root, DENY_ALL_NAME);
        let is_denying = state.cache().get(&deny_all).is_some_and(is_enforced);
        let must_deny = snapshot.settings.mesh_wide == Some(DenyAll::Enforce);
        if is_denying != must_deny
            || in_flight.contains(&&Target::Cluster)
            || self.rollout.is_some_and(|rollout| now - rollout < ROLLOUT_PAUSE)
        {
            return Vec::new();
        }
        let is_running =
            |target: &Target| in_flight.iter().any(|running| *running == target || running.excludes(target));
        let is_waiting = |target: &&Target| state.is_out_of_sync(target) && !is_running(target);
        let due = |target: &Target| self.latest.get(target).map_or(now, Attempt::due);
        targets.iter().filter(is_waiting).map(|target| (target.clone(), due(target))).collect()
    }
}

/// Checks the targets that were not picked: while there is capacity, none is due, and the next tick is not after one of
/// them is due. The first target of a tenant goes before the second one of another.
fn check_waiting(
    state: &State,
    now: Instant,
    in_flight: &[&Target],
    plans: &[Plan],
    waiting: &[(Target, Instant)],
) {
    if in_flight.len() < CAPACITY {
        for (target, due) in waiting {
            assert!(*due > now, "{target:?} starves");
            assert!(state.next_deadline() <= *due, "{target:?} is forgotten");
        }
    }
    let in_flight_of =
        |tenant: Option<&str>| in_flight.iter().filter(|target| target.tenant() == tenant).count();
    let due = waiting.iter().filter(|(_, due)| *due <= now);
    for (target, _) in due.filter(|(target, _)| in_flight_of(target.tenant()) == 0) {
        for plan in plans {
            let share = in_flight_of(plan.target.tenant());
            assert!(share <= 1, "{:?} before the first of {target:?}", plan.target);
        }
    }
}
