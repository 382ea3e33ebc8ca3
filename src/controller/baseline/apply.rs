//! Apply: carries out a plan, step by step, and reports the outcome. The plan has made every decision.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::Client;

use super::events::DriftRecorder;
use super::namespace_write::{add_labels, mark_ready, move_to_ambient, revoke_ready};
use super::object_write::{ensure_no_pods, prune, write};
use super::outcome::Outcome;
use super::plan::Plan;
use super::reason::ReconcileReason;
use super::step::{Action, AfterFailure};
use crate::controller::timeout::with_timeout;
use crate::sources::SnapshotStore;
use crate::telemetry::Metrics;

/// Time limits of a reconcile.
pub(super) struct TimeLimits {
    pub(super) target: Duration,
    /// Limit of one write, so that a write that waits for an unreachable webhook does not use up the time of the
    /// others.
    pub(super) write: Duration,
}

impl Default for TimeLimits {
    fn default() -> Self {
        Self { target: Duration::from_secs(20), write: Duration::from_secs(5) }
    }
}

/// The connections of a reconcile to the cluster.
pub(super) struct Executor<'a> {
    pub(super) client: &'a Client,
    pub(super) snapshots: &'a SnapshotStore,
    pub(super) drift_recorder: DriftRecorder<'a>,
    pub(super) metrics: &'a Metrics,
    pub(super) limits: TimeLimits,
}

impl Executor<'_> {
    /// Carries out a plan.
    pub(super) async fn execute(&self, plan: Plan) -> Outcome {
        let start = Instant::now();
        let mut outcome = Outcome::new(&plan);
        let result = with_timeout(self.limits.target, Box::pin(self.take_steps(&plan, &mut outcome))).await;
        self.metrics.controller.record_reconcile(
            plan.target.as_label(),
            plan.reason.as_label(),
            result.is_ok(),
            start.elapsed(),
        );
        outcome.result = result.map_err(|error| error_message(&error));
        outcome
    }

    /// Takes the steps in order. Fails with the first error, after the steps that are taken nevertheless.
    async fn take_steps(&self, plan: &Plan, outcome: &mut Outcome) -> anyhow::Result<()> {
        if let Some(guard) = &plan.pod_guard {
            ensure_no_pods(self.client, guard).await?;
        }
        let mut result = Ok(());
        for step in &plan.steps {
            if result.is_err() && step.after_failure == AfterFailure::Skip {
                continue;
            }
            let taken = self.take(plan, &step.action, outcome).await;
            result = result.and(taken);
        }
        result
    }

    async fn take(&self, plan: &Plan, action: &Action, outcome: &mut Outcome) -> anyhow::Result<()> {
        match action {
            Action::AddLabels { namespace, tenant, labels } => {
                add_labels(self.client, self.snapshots, tenant, namespace, labels).await?;
            }
            Action::MoveToAmbient { namespace, tenant, removed } => {
                move_to_ambient(self.client, self.snapshots, tenant, namespace, removed).await?;
            }
            Action::RevokeReady { namespace } => {
                revoke_ready(self.client, self.snapshots, namespace).await?;
            }
            Action::Write(step) => {
                let written =
                    with_timeout(self.limits.write, write(self.client, step, plan.may_replace)).await?;
                let verified = written.verify(&step.manifest);
                outcome.applied.push((step.manifest.kind, written.object));
                verified?;
                if plan.reason == ReconcileReason::Drift {
                    let snapshot = self.snapshots.newest();
                    self.drift_recorder
                        .record_repair(snapshot.as_deref(), &plan.target, &step.manifest)
                        .await;
                }
            }
            Action::Prune(candidate) => {
                with_timeout(self.limits.write, prune(self.client, &candidate.key)).await?;
                outcome.pruned.push(candidate.clone());
            }
            Action::MarkReady { namespace, tenant, known } => {
                // The namespace may have been created again since the snapshot of the plan.
                let snapshot = self.snapshots.newest();
                let awaiting = snapshot.as_deref().and_then(|snapshot| plan.target.awaiting_ready(snapshot));
                if awaiting.is_some_and(|awaiting| awaiting.uid == known.uid) {
                    mark_ready(self.client, namespace, tenant).await?;
                    outcome.marked_ready = Some((namespace.clone(), Arc::clone(known)));
                }
            }
        }
        Ok(())
    }
}

/// Returns the API server's message, or the whole chain of another error.
fn error_message(error: &anyhow::Error) -> String {
    match error.downcast_ref() {
        Some(kube::Error::Api(status)) => status.message.clone(),
        _ => format!("{error:#}"),
    }
}
