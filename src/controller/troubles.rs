//! Why what does not stand does not: told in the status of whose it is.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::places::Place;

#[derive(Default)]
pub(super) struct Troubles {
    known: Mutex<BTreeMap<Place, String>>,
    pub(super) changed: Notify,
}

impl Troubles {
    /// What keeps `place` from standing; `None` if nothing does.
    pub(super) fn tell(&self, place: &Place, trouble: Option<String>) {
        let is_news = self.of(place) != trouble;
        match trouble {
            Some(trouble) => drop(self.known().insert(place.clone(), trouble)),
            None => drop(self.known().remove(place)),
        }
        if is_news {
            self.changed.notify_one();
        }
    }

    /// Only those of these places remain.
    pub(super) fn retain(&self, is_fallen: impl Fn(&Place) -> bool) {
        let mut known = self.known();
        let before = known.len();
        known.retain(|place, _| is_fallen(place));
        if known.len() != before {
            self.changed.notify_one();
        }
    }

    /// What keeps the place from standing.
    pub(super) fn of(&self, place: &Place) -> Option<String> {
        self.known().get(place).cloned()
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Place, String>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
