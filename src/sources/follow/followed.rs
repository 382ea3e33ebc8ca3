//! Store for the objects of one watch of the snapshot, and the events that fill it.
//!
//! Unlike the store of kube's `reflector`, it keeps the last valid version of an object that can no longer be read,
//! and merges each new version with the known one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use kube::runtime::watcher::{self, Event};
use tracing::{info, warn};

use crate::telemetry::Failure;

/// A watch event, reduced to what the snapshot keeps.
pub(super) enum Change<T> {
    /// A list begins.
    Begin,
    /// An object, from an event or from a list in progress (`listed`); `Err` if it cannot be read.
    Is {
        name: String,
        now: Result<T, String>,
        listed: bool,
    },
    Gone(String),
    /// The list is complete.
    Whole,
    /// The watch has failed, and is retried.
    Failed(String),
}

impl<T> Change<T> {
    /// Returns the name of the object in the event.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Is { name, .. } | Self::Gone(name) => Some(name),
            Self::Begin | Self::Whole | Self::Failed(_) => None,
        }
    }
}

pub(super) fn change<K, T>(
    event: Result<Event<K>, watcher::Error>,
    read: impl Fn(K) -> (String, Result<T, String>),
) -> Change<T> {
    let is = |object, listed| {
        let (name, now) = read(object);
        Change::Is { name, now, listed }
    };
    match event {
        Ok(Event::Init) => Change::Begin,
        Ok(Event::InitApply(object)) => is(object, true),
        Ok(Event::InitDone) => Change::Whole,
        Ok(Event::Apply(object)) => is(object, false),
        Ok(Event::Delete(object)) => Change::Gone(read(object).0),
        Err(error) => Change::Failed(error.to_string()),
    }
}

/// The objects of one watch: the current ones, and those of a list in progress.
pub(super) struct Followed<T> {
    pub(super) name: &'static str,
    pub(super) live: BTreeMap<Arc<str>, Arc<T>>,
    coming: BTreeMap<Arc<str>, Arc<T>>,
    pub(super) complete: bool,
    pub(super) failure: Option<Failure>,
}

impl<T: Clone + PartialEq> Followed<T> {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, live: BTreeMap::new(), coming: BTreeMap::new(), complete: false, failure: None }
    }

    /// Applies an event. `merge` combines the known version of an object with the new one. Returns true if the
    /// objects have changed.
    pub(super) fn take(&mut self, change: Change<T>, merge: impl Fn(&T, T) -> T) -> bool {
        // A watch that begins again has not succeeded yet.
        match change {
            Change::Begin => {}
            Change::Failed(_) => {
                let last = Instant::now();
                self.failure = Some(Failure { first: self.failure.map_or(last, |known| known.first), last });
            }
            _ => self.failure = None,
        }
        match change {
            Change::Begin => {
                self.coming.clear();
                false
            }
            Change::Is { name, now, listed } => {
                let known = self.live.get_key_value(name.as_str());
                let now = match (now, known) {
                    (Ok(now), Some((_, known))) => merge(known, now),
                    (Ok(now), None) => now,
                    (Err(error), known) => {
                        warn!(
                            list = self.name,
                            name, error, "failed to read an object; its last valid version stays in use"
                        );
                        let Some((_, known)) = known else { return false };
                        T::clone(known)
                    }
                };
                let same = known.filter(|(_, known)| ***known == now);
                let changed = same.is_none();
                let now = same.map_or_else(|| Arc::new(now), |(_, known)| Arc::clone(known));
                let name = known.map_or_else(|| name.as_str().into(), |(name, _)| Arc::clone(name));
                let into = if listed { &mut self.coming } else { &mut self.live };
                into.insert(name, now);
                changed && !listed
            }
            Change::Gone(name) => self.live.remove(name.as_str()).is_some(),
            Change::Whole => {
                let live = std::mem::take(&mut self.coming);
                let changed = !self.complete || live != self.live;
                self.live = live;
                if !std::mem::replace(&mut self.complete, true) {
                    info!(list = self.name, objects = self.live.len(), "listed");
                }
                changed
            }
            Change::Failed(error) => {
                warn!(list = self.name, error, "the watch failed; retrying");
                false
            }
        }
    }
}
