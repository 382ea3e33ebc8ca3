use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What must happen before the process serves, by name. Once ready it stays so until it stops: a snapshot
/// that grows old keeps serving.
#[derive(Debug)]
pub struct Readiness(Mutex<BTreeSet<&'static str>>);

impl Readiness {
    pub fn awaiting(names: &[&'static str]) -> Self {
        Self(Mutex::new(names.iter().copied().collect()))
    }

    pub fn done(&self, name: &str) {
        self.names().remove(name);
    }

    /// Not ready from now on.
    pub fn stopping(&self) {
        self.names().insert("stopping");
    }

    /// What is still awaited; empty when ready.
    pub fn awaited(&self) -> Vec<&'static str> {
        self.names().iter().copied().collect()
    }

    fn names(&self) -> MutexGuard<'_, BTreeSet<&'static str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
