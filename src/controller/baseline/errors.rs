//! Last reconcile error per target, shown in the status of the owning Tenant or SharedService.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::target::Target;

/// [`ReconcileErrors::persistent`] returns an error only after this long, to hide write conflicts and short outages of the API
/// server.
const REPORT_AFTER: Duration = Duration::from_secs(10);

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
    /// Records the error of a target; `None` removes it.
    pub(super) fn record(&self, target: &Target, error: Option<String>) {
        let mut errors = self.errors();
        match error {
            Some(message) => {
                let since = errors.get(target).map_or_else(Instant::now, |error| error.since);
                errors.insert(target.clone(), ReconcileError { since, message });
            }
            None if errors.remove(target).is_none() => return,
            None => {}
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

    /// Returns the error of a target.
    pub(in crate::controller) fn get(&self, target: &Target) -> Option<String> {
        self.errors().get(target).map(|error| error.message.clone())
    }

    /// Returns the error of a target, if it has lasted for a while.
    pub(in crate::controller) fn persistent(&self, target: &Target) -> Option<String> {
        let errors = self.errors();
        let error = errors.get(target).filter(|error| error.since.elapsed() >= REPORT_AFTER);
        error.map(|error| error.message.clone())
    }

    fn errors(&self) -> MutexGuard<'_, BTreeMap<Target, ReconcileError>> {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
