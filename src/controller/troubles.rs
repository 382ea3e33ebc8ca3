//! Why what does not stand does not: told in the status of whose it is.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::places::Place;

/// What fails for longer is no matter of who was faster, or of a moment without an API server.
const LASTING: Duration = Duration::from_secs(10);

struct Trouble {
    since: Instant,
    said: String,
}

#[derive(Default)]
pub(super) struct Troubles {
    known: Mutex<BTreeMap<Place, Trouble>>,
    pub(super) changed: Notify,
}

impl Troubles {
    /// What keeps `place` from standing; `None` if nothing does.
    pub(super) fn tell(&self, place: &Place, trouble: Option<String>) {
        let mut known = self.known();
        match trouble {
            Some(said) => {
                let since = known.get(place).map_or_else(Instant::now, |trouble| trouble.since);
                known.insert(place.clone(), Trouble { since, said });
            }
            None if known.remove(place).is_none() => return,
            None => {}
        }
        self.changed.notify_one();
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
        self.known().get(place).map(|trouble| trouble.said.clone())
    }

    /// What keeps it from standing, and has for a while.
    pub(super) fn lasting(&self, place: &Place) -> Option<String> {
        let known = self.known();
        let trouble = known.get(place).filter(|trouble| trouble.since.elapsed() >= LASTING);
        trouble.map(|trouble| trouble.said.clone())
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Place, Trouble>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
