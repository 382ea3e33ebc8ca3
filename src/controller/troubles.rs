//! Last reconcile error per target, shown in the status of the owning Tenant or SharedService.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::places::Place;

/// [`Troubles::lasting`] returns an error only after this long, to hide write conflicts and short outages of the API
/// server.
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
    /// Records the error of a target; `None` removes it.
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

    /// Keeps only the errors of targets that are out of sync.
    pub(super) fn retain(&self, is_fallen: impl Fn(&Place) -> bool) {
        let mut known = self.known();
        let before = known.len();
        known.retain(|place, _| is_fallen(place));
        if known.len() != before {
            self.changed.notify_one();
        }
    }

    /// Returns the error of a target.
    pub(super) fn of(&self, place: &Place) -> Option<String> {
        self.known().get(place).map(|trouble| trouble.said.clone())
    }

    /// Returns the error of a target, if it has lasted for a while.
    pub(super) fn lasting(&self, place: &Place) -> Option<String> {
        let known = self.known();
        let trouble = known.get(place).filter(|trouble| trouble.since.elapsed() >= LASTING);
        trouble.map(|trouble| trouble.said.clone())
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Place, Trouble>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
