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
pub(super) enum WatchEvent<T> {
    /// A list begins.
    Init,
    /// An object, from an event or from a list in progress (`in_relist`); `Err` if it cannot be read.
    Applied {
        name: String,
        value: Result<T, String>,
        in_relist: bool,
    },
    Deleted(String),
    /// The list is complete.
    InitDone,
    /// The watch has failed, and is retried.
    Failed(String),
}

impl<T> WatchEvent<T> {
    /// Returns the name of the object in the event.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Applied { name, .. } | Self::Deleted(name) => Some(name),
            Self::Init | Self::InitDone | Self::Failed(_) => None,
        }
    }
}

pub(super) fn watch_event<K, T>(
    event: Result<Event<K>, watcher::Error>,
    read: impl Fn(K) -> (String, Result<T, String>),
) -> WatchEvent<T> {
    let applied = |object, in_relist| {
        let (name, value) = read(object);
        WatchEvent::Applied { name, value, in_relist }
    };
    match event {
        Ok(Event::Init) => WatchEvent::Init,
        Ok(Event::InitApply(object)) => applied(object, true),
        Ok(Event::InitDone) => WatchEvent::InitDone,
        Ok(Event::Apply(object)) => applied(object, false),
        Ok(Event::Delete(object)) => WatchEvent::Deleted(read(object).0),
        Err(error) => WatchEvent::Failed(error.to_string()),
    }
}

/// The objects of one watch: the current ones, and those of a list in progress.
pub(super) struct Store<T> {
    pub(super) name: &'static str,
    pub(super) objects: BTreeMap<Arc<str>, Arc<T>>,
    relist_buffer: BTreeMap<Arc<str>, Arc<T>>,
    pub(super) has_synced: bool,
    pub(super) failure: Option<Failure>,
}

impl<T: Clone + PartialEq> Store<T> {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            objects: BTreeMap::new(),
            relist_buffer: BTreeMap::new(),
            has_synced: false,
            failure: None,
        }
    }

    /// Applies an event. `merge` combines the known version of an object with the new one. Returns true if the
    /// objects have changed.
    pub(super) fn apply(&mut self, event: WatchEvent<T>, merge: impl Fn(&T, T) -> T) -> bool {
        // A watch that begins again has not succeeded yet.
        match event {
            WatchEvent::Init => {}
            WatchEvent::Failed(_) => {
                let last = Instant::now();
                self.failure = Some(Failure { first: self.failure.map_or(last, |known| known.first), last });
            }
            _ => self.failure = None,
        }
        match event {
            WatchEvent::Init => {
                self.relist_buffer.clear();
                false
            }
            WatchEvent::Applied { name, value, in_relist } => {
                let known = self.objects.get_key_value(name.as_str());
                let value = match (value, known) {
                    (Ok(value), Some((_, known))) => merge(known, value),
                    (Ok(value), None) => value,
                    (Err(error), known) => {
                        warn!(
                            resource = self.name,
                            name, error, "failed to read an object; its last valid version stays in use"
                        );
                        let Some((_, known)) = known else { return false };
                        T::clone(known)
                    }
                };
                let unchanged = known.filter(|(_, known)| ***known == value);
                let changed = unchanged.is_none();
                let value = unchanged.map_or_else(|| Arc::new(value), |(_, known)| Arc::clone(known));
                let name = known.map_or_else(|| name.as_str().into(), |(name, _)| Arc::clone(name));
                let target = if in_relist { &mut self.relist_buffer } else { &mut self.objects };
                target.insert(name, value);
                changed && !in_relist
            }
            WatchEvent::Deleted(name) => self.objects.remove(name.as_str()).is_some(),
            WatchEvent::InitDone => {
                let objects = std::mem::take(&mut self.relist_buffer);
                let changed = !self.has_synced || objects != self.objects;
                self.objects = objects;
                if !std::mem::replace(&mut self.has_synced, true) {
                    info!(resource = self.name, objects = self.objects.len(), "listed");
                }
                changed
            }
            WatchEvent::Failed(error) => {
                warn!(resource = self.name, error, "the watch failed; retrying");
                false
            }
        }
    }
}
