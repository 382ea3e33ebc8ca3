//! Last reconcile error per target, shown in the status of the owning Tenant or SharedService.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tracing::warn;

use super::outcome::Outcome;
use super::target::Target;

/// An error is persistent after this long. Write conflicts and short outages of the API server end sooner.
const PERSISTENT_AFTER: Duration = Duration::from_secs(10);

/// The last error of a target at one moment.
#[derive(Debug)]
pub(in crate::controller) struct TargetError {
    pub(in crate::controller) message: String,
    /// True if the target has been failing for a while.
    pub(in crate::controller) is_persistent: bool,
}

struct ReconcileError {
    since: Instant,
    message: String,
}

#[derive(Default)]
pub(in crate::controller) struct ReconcileErrors {
    errors: Mutex<BTreeMap<Target, ReconcileError>>,
    pub(in crate::controller) changed: Notify,
}

impl ReconcileErrors {
    /// Records the error of a target, or removes it after a success.
    pub(super) fn record(&self, Outcome { target, result, .. }: &Outcome) {
        let mut errors = self.errors();
        match result {
            Err(message) => {
                warn!(reconcile_target = ?target, error = message, "failed to apply the baseline; retrying");
                let since = errors.get(target).map_or_else(Instant::now, |error| error.since);
                errors.insert(target.clone(), ReconcileError { since, message: message.clone() });
            }
            Ok(()) if errors.remove(target).is_none() => return,
            Ok(()) => {}
        }
        self.changed.notify_one();
    }

    /// Keeps only the errors of targets that are out of sync.
    pub(super) fn retain(&self, is_out_of_sync: impl Fn(&Target) -> bool) {
        let mut errors = self.errors();
        let before = errors.len();
        errors.retain(|target, _| is_out_of_sync(target));
        if errors.len() != before {
            self.changed.notify_one();
        }
    }

    /// Returns the errors of all targets.
    pub(in crate::controller) fn current(&self) -> BTreeMap<Target, TargetError> {
        let errors = self.errors();
        let current = errors.iter().map(|(target, error)| {
            let is_persistent = error.since.elapsed() >= PERSISTENT_AFTER;
            (target.clone(), TargetError { message: error.message.clone(), is_persistent })
        });
        current.collect()
    }

    /// Returns the targets that have been failing for a while.
    pub(super) fn persistent(&self) -> Vec<Target> {
        let errors = self.current().into_iter();
        errors.filter(|(_, error)| error.is_persistent).map(|(target, _)| target).collect()
    }

    fn errors(&self) -> MutexGuard<'_, BTreeMap<Target, ReconcileError>> {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::cache::ManagedCache;
    use super::*;

    const TARGET: Target = Target::Cluster;

    fn record(errors: &ReconcileErrors, result: Result<(), &str>) {
        errors.record(&Outcome {
            target: TARGET,
            cache_version: ManagedCache::default().version(),
            was_ready: false,
            applied: Vec::new(),
            pruned: Vec::new(),
            marked_ready: None,
            result: result.map_err(str::to_owned),
        });
    }

    fn since(errors: &ReconcileErrors) -> Option<Instant> {
        errors.errors().get(&TARGET).map(|error| error.since)
    }

    #[test]
    fn error_lasts_from_the_first_failure_to_the_next_success() {
        let errors = ReconcileErrors::default();
        record(&errors, Err("one"));
        let first = since(&errors);
        record(&errors, Err("another"));
        assert_eq!(since(&errors), first);
        let current = errors.current();
        assert!(current.get(&TARGET).is_some_and(|error| error.message == "another" && !error.is_persistent));
        record(&errors, Ok(()));
        assert!(errors.current().is_empty());
    }

    #[test]
    fn error_of_a_target_in_sync_is_forgotten() {
        let errors = ReconcileErrors::default();
        record(&errors, Err("one"));
        errors.retain(|_| true);
        assert_eq!(errors.current().len(), 1);
        errors.retain(|_| false);
        assert!(errors.current().is_empty());
    }
}
