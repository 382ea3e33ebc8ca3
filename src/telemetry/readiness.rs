use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The names of what must happen before the process is ready. Once ready, it stays so until it stops: an old snapshot
/// is still served.
#[derive(Debug)]
pub struct Readiness(Mutex<BTreeSet<&'static str>>);

impl Readiness {
    pub fn waiting_for(names: &[&'static str]) -> Self {
        Self(Mutex::new(names.iter().copied().collect()))
    }

    pub fn mark_done(&self, name: &str) {
        self.names().remove(name);
    }

    /// Makes the process unready from now on.
    pub fn mark_stopping(&self) {
        self.names().insert("stopping");
    }

    /// Returns the names of what must still happen; empty if the process is ready.
    pub fn pending(&self) -> Vec<&'static str> {
        self.names().iter().copied().collect()
    }

    fn names(&self) -> MutexGuard<'_, BTreeSet<&'static str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
