use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The names of what must happen before the process is ready, with the reasons that are known. Once ready, it stays so
/// until it stops: an old snapshot is still served.
#[derive(Debug)]
pub struct Readiness(Mutex<BTreeMap<&'static str, Option<String>>>);

impl Readiness {
    pub fn waiting_for(names: &[&'static str]) -> Self {
        Self(Mutex::new(names.iter().map(|name| (*name, None)).collect()))
    }

    /// Makes the process unready until `name` is done.
    pub fn wait_for(&self, name: &'static str) {
        self.names().insert(name, None);
    }

    /// Says why `name` is not done yet. Does nothing once it is done.
    pub fn explain(&self, name: &str, reason: String) {
        if let Some(known) = self.names().get_mut(name) {
            *known = Some(reason);
        }
    }

    pub fn mark_done(&self, name: &str) {
        self.names().remove(name);
    }

    /// Makes the process unready from now on.
    pub fn mark_stopping(&self) {
        self.wait_for("stopping");
    }

    /// Returns the names of what must still happen, with the reasons; empty if the process is ready.
    pub fn pending(&self) -> Vec<String> {
        let names = self.names();
        let texts = names.iter().map(|(name, reason)| match reason {
            Some(reason) => format!("{name} ({reason})"),
            None => (*name).to_owned(),
        });
        texts.collect()
    }

    fn names(&self) -> MutexGuard<'_, BTreeMap<&'static str, Option<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
