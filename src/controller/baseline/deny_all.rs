//! Order of the mesh-wide deny-all policy: it is enabled after the policies that allow exist, and disabled before the
//! first of them is removed.
//!
//! kube's `Controller` reconciles each object by itself, so it cannot hold one object back for others. Here the order
//! spans all targets: [`order_steps`] puts the steps of the target `Cluster` in order, which contains deny-all, and
//! [`Gate`] holds targets back in the workqueue.

use serde_json::Value;

use super::cache::ManagedCache;
use super::object_ref::ObjectRef;
use super::reason::ReconcileReason;
use super::step::{Action, Step};
use super::target::Target;
use crate::baseline::DENY_ALL_NAME;
use crate::keys::DRY_RUN_ANNOTATION;
use crate::kinds::Kind;
use crate::settings::DenyAll;
use crate::snapshot::Snapshot;

/// Transition of the mesh-wide deny-all policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DenyAllTransition {
    None,
    /// It must be enforced, and is not yet.
    Enabling,
    /// It is enforced, and must not be any more.
    Disabling,
}

impl DenyAllTransition {
    pub(super) fn new(snapshot: &Snapshot, cache: &ManagedCache) -> Self {
        let key = ObjectRef::new(Kind::AuthorizationPolicy, &snapshot.settings.mesh_root, DENY_ALL_NAME);
        match (cache.get(&key).is_some_and(is_enforced), must_be_enforced(snapshot)) {
            (false, true) => Self::Enabling,
            (true, false) => Self::Disabling,
            _ => Self::None,
        }
    }
}

fn must_be_enforced(snapshot: &Snapshot) -> bool {
    snapshot.settings.mesh_wide == Some(DenyAll::Enforce)
}

/// True if the policy denies calls, and does not only count them.
pub(super) fn is_enforced(policy: &Value) -> bool {
    let annotations = policy.pointer("/metadata/annotations");
    annotations
        .and_then(|annotations| annotations.get(DRY_RUN_ANNOTATION))
        .is_none_or(|value| value != "true")
}

/// Moves deny-all to the front of the steps of the target `Cluster` if it is disabled. The baseline has it behind the
/// policies that allow, which is the order in which it is enabled.
pub(super) fn order_steps(transition: DenyAllTransition, steps: &mut [Step]) {
    let is_disabled = |step: &Step| {
        let is_weakened =
            transition == DenyAllTransition::Disabling || matches!(step.action, Action::Prune(_));
        is_weakened && step.action.object_name() == Some(DENY_ALL_NAME)
    };
    steps.sort_by_key(|step| !is_disabled(step));
}

/// The targets that must wait because deny-all is about to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    Open,
    /// The target `Cluster` waits for the rollout of the policies that allow.
    HoldCluster,
    /// Rollouts, which may remove policies that allow, wait for the target `Cluster`.
    HoldRollouts,
}

/// The reconciles that the gate waits for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Unfinished {
    /// True if a rollout to another target than `Cluster` is due or in flight, or if any other reconcile in flight was
    /// planned with older settings.
    pub(super) rollouts: bool,
    /// True if the target `Cluster` is in flight with older settings, with which it may still enable deny-all.
    pub(super) outdated_cluster: bool,
}

impl Gate {
    pub(super) fn new(snapshot: &Snapshot, cache: &ManagedCache, unfinished: Unfinished) -> Self {
        match DenyAllTransition::new(snapshot, cache) {
            DenyAllTransition::Enabling if unfinished.rollouts => Self::HoldCluster,
            DenyAllTransition::Disabling => Self::HoldRollouts,
            _ if unfinished.outdated_cluster && !must_be_enforced(snapshot) => Self::HoldRollouts,
            DenyAllTransition::None | DenyAllTransition::Enabling => Self::Open,
        }
    }

    /// True if the target must wait. A deny-all policy that somebody has deleted comes back at once.
    pub(super) fn holds(self, reason: ReconcileReason, target: &Target) -> bool {
        match self {
            Self::Open => false,
            Self::HoldCluster => *target == Target::Cluster && reason != ReconcileReason::Drift,
            Self::HoldRollouts => *target != Target::Cluster && reason == ReconcileReason::Rollout,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gate_never_holds_drift_or_new_namespaces() {
        let tenant = Target::Tenant("some".to_owned());
        for gate in [Gate::Open, Gate::HoldCluster, Gate::HoldRollouts] {
            for reason in [ReconcileReason::Created, ReconcileReason::Drift] {
                assert!(!gate.holds(reason, &tenant), "{gate:?} {reason:?}");
            }
            assert!(!gate.holds(ReconcileReason::Drift, &Target::Cluster), "{gate:?}");
        }
    }

    #[test]
    fn gate_holds_the_cluster_or_the_rollouts() {
        let tenant = Target::Tenant("some".to_owned());
        let held = |gate: Gate| {
            [&Target::Cluster, &tenant].map(|target| gate.holds(ReconcileReason::Rollout, target))
        };
        assert_eq!(held(Gate::Open), [false, false]);
        assert_eq!(held(Gate::HoldCluster), [true, false]);
        assert_eq!(held(Gate::HoldRollouts), [false, true]);
    }
}
