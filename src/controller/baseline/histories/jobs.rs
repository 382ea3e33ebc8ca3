//! Carries out the plans in flight, step by step, in the model of the API server.

use std::sync::Arc;

use super::super::outcome::Outcome;
use super::super::step::{Action, AfterFailure};
use super::super::target::Target;
use super::checks::{check_order, check_plan, check_ready};
use super::history::{History, Job};
use crate::keys::{AMBIENT, DATAPLANE_LABEL};
use crate::kinds::Kind;

impl History {
    /// Ticks, or takes steps of the jobs in flight.
    pub(super) fn progress(&mut self) {
        if self.random.one_in(3) || self.jobs.is_empty() {
            return self.tick();
        }
        let job = usize::try_from(self.random.below(self.jobs.len() as u64)).unwrap();
        let steps = *self.random.one_of(&[1, 3, 100]);
        for _ in 0..steps {
            if self.take_step(job) {
                break;
            }
        }
    }

    pub(super) fn tick(&mut self) {
        let plans = self.state.tick(self.now, &self.view.snapshot);
        let running: Vec<&Target> = self.jobs.iter().map(|job| &job.plan.target).collect();
        self.attempts.check_batch(&self.state, &self.view.snapshot, self.now, &running, &plans);
        for plan in plans {
            check_plan(self.state.cache(), &self.view.snapshot, &plan);
            let outcome = Outcome::new(&plan);
            self.jobs.push(Job { plan, view: Arc::clone(&self.view), next_step: 0, outcome });
        }
    }

    pub(super) fn finish_jobs(&mut self) {
        while !self.jobs.is_empty() {
            while !self.take_step(0) {}
        }
    }

    /// Takes the next step of a job. Returns true if that was its last one.
    pub(super) fn take_step(&mut self, index: usize) -> bool {
        let job = &mut self.jobs[index];
        if job.next_step == 0 && job.plan.pod_guard.is_some() && self.has_pods {
            job.outcome.result = Err("pods run".to_owned());
            job.next_step = job.plan.steps.len();
        }
        if let Some(step) = job.plan.steps.get(job.next_step).cloned() {
            job.next_step += 1;
            if job.outcome.result.is_ok() || step.after_failure == AfterFailure::Take {
                let result = self.take(index, &step.action);
                let outcome = &mut self.jobs[index].outcome;
                let before = std::mem::replace(&mut outcome.result, Ok(()));
                outcome.result = before.and(result);
            }
            return false;
        }
        let job = self.jobs.remove(index);
        self.attempts.record(self.now, &job.outcome);
        self.state.on_outcome(self.now, job.outcome);
        true
    }

    /// Carries out an action in the model of the API server.
    fn take(&mut self, index: usize, action: &Action) -> Result<(), String> {
        let Self { world, view, jobs, random, failing, is_quiet, .. } = self;
        let job = &mut jobs[index];
        let is_refused = failing.contains(&job.plan.target) || (!*is_quiet && random.one_in(25));
        if is_refused {
            return Err("refused".to_owned());
        }
        match action {
            Action::AddLabels { namespace, labels, .. } => {
                let labels = labels.iter().map(|(key, value)| ((*key).into(), value.as_str().into()));
                let labels: Vec<(Box<str>, Box<str>)> = labels.collect();
                world.edit_namespace(namespace, |namespace| namespace.labels.extend(labels.clone()));
            }
            Action::MoveToAmbient { namespace, removed, .. } => {
                world.edit_namespace(namespace, |namespace| {
                    namespace
                        .labels
                        .retain(|(key, _)| !removed.contains(&&**key) && **key != *DATAPLANE_LABEL);
                    namespace.labels.push((DATAPLANE_LABEL.into(), AMBIENT.into()));
                });
            }
            Action::RevokeReady { namespace } => {
                world.edit_namespace(namespace, |namespace| namespace.ready = false);
            }
            Action::Write(write) => {
                let namespace = write.manifest.namespace.as_deref();
                let known = namespace.map(|namespace| world.namespaces.get(namespace));
                if known.is_some_and(|known| known.is_none_or(|known| known.terminating && !write.exists)) {
                    return Err("the namespace is deleted".to_owned());
                }
                check_order(world, &job.plan, &job.view, action, &self.attempts);
                let object = world.store(&write.manifest);
                if !*is_quiet && random.one_in(25) {
                    return self.lose_answer(write.manifest.kind);
                }
                job.outcome.applied.push((write.manifest.kind, object));
            }
            Action::Prune(candidate) => {
                check_order(world, &job.plan, &job.view, action, &self.attempts);
                world.delete(&candidate.key);
                if !*is_quiet && random.one_in(25) {
                    return self.lose_answer(candidate.key.kind);
                }
                job.outcome.pruned.push(candidate.clone());
            }
            Action::MarkReady { namespace, known, .. } => {
                let found = world.namespaces.get(namespace.as_str());
                if found.is_some_and(|found| found.uid == known.uid) {
                    check_ready(world, &job.view.snapshot, &job.plan.target);
                    world.edit_namespace(namespace, |namespace| namespace.ready = true);
                    if !*is_quiet && random.one_in(8) {
                        *view = world.view();
                        return Err("timed out".to_owned());
                    }
                    job.outcome.marked_ready = Some((namespace.clone(), Arc::clone(known)));
                }
            }
        }
        Ok(())
    }

    /// Ends a write without its answer. A write times out after seconds, and the watch delivers it before.
    fn lose_answer(&mut self, kind: Kind) -> Result<(), String> {
        while self.deliver_next(kind) {}
        Err("timed out".to_owned())
    }
}
