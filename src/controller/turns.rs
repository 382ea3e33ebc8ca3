//! When a place is seen to again: what failed pauses, what was just written settles, what is the same for all comes at a
//! pace.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

use super::places::Place;
use super::standing::Cause;

/// How long a place that failed is left alone: doubled each time, up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_mins(1);
/// How long a place that stood and was brought up to date is left alone: a tenant that grows by many namespaces changes
/// the lists in each of them once for all, not once for each.
const SETTLING: Duration = Duration::from_secs(2);

/// A place that failed, and when it is tried again.
struct Pause {
    length: Duration,
    until: Instant,
}

pub(super) struct Turns {
    pauses: BTreeMap<Place, Pause>,
    settled: BTreeMap<Place, Instant>,
    next_upgrade: Instant,
    /// When the round began.
    now: Instant,
    /// When the first comes that was told to wait.
    next: Option<Instant>,
}

impl Turns {
    pub(super) fn new(now: Instant) -> Self {
        Self { pauses: BTreeMap::new(), settled: BTreeMap::new(), next_upgrade: now, now, next: None }
    }

    /// When somebody who waits has his turn.
    pub(super) fn next(&self) -> Instant {
        self.next.unwrap_or(self.now + LAST_PAUSE)
    }

    /// The place was seen to; whether that came to anything, and whether the baseline had stood there before.
    pub(super) fn seen_to(&mut self, now: Instant, place: &Place, succeeded: bool, had_stood: bool) {
        if succeeded {
            self.pauses.remove(place);
        } else {
            let before = self.pauses.get(place).map(|pause| pause.length * 2);
            let length = before.unwrap_or(FIRST_PAUSE).min(LAST_PAUSE);
            self.pauses.insert(place.clone(), Pause { length, until: now + length });
        }
        if had_stood {
            self.settled.insert(place.clone(), now + SETTLING);
        }
    }

    /// A round begins: only what has fallen has turns, and what is made of something else now has one at once.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        has_fallen: impl Fn(&Place) -> bool,
        rewritten: &BTreeSet<Place>,
    ) {
        self.now = now;
        self.next = None;
        self.pauses.retain(|place, _| has_fallen(place) && !rewritten.contains(place));
        self.settled.retain(|_, until| *until > now);
    }

    /// Those of the places, most urgent first, whose turn it is. What denies for all comes once everything stands that
    /// allows, but for what has failed.
    pub(super) fn of<'p>(
        &mut self,
        fallen: impl Iterator<Item = (Cause, &'p Place)>,
        busy: &BTreeSet<Place>,
        most: usize,
        pace: NonZeroU32,
    ) -> Vec<(Cause, Place)> {
        let mut now_on = Vec::new();
        let mut last = None;
        let mut others_come = !busy.is_empty();
        for (cause, place) in fallen.filter(|(_, place)| !busy.contains(*place)) {
            if now_on.len() >= most {
                return now_on;
            }
            if *place == Place::Cluster {
                last = Some(cause);
                continue;
            }
            match self.turn(cause, place) {
                Turn::Now => {
                    if cause == Cause::Upgrade {
                        self.next_upgrade = self.now + Duration::from_secs(1) / pace.get();
                    }
                    now_on.push((cause, place.clone()));
                }
                Turn::Comes => others_come = true,
                Turn::Failed => {}
            }
        }
        if let Some(cause) = last.filter(|_| now_on.is_empty() && !others_come)
            && self.turn(cause, &Place::Cluster) == Turn::Now
        {
            now_on.push((cause, Place::Cluster));
        }
        now_on
    }

    fn turn(&mut self, cause: Cause, place: &Place) -> Turn {
        let paused = self.pauses.get(place).map(|pause| pause.until);
        let comes = match cause {
            Cause::New | Cause::Drift => None,
            Cause::News => self.settled.get(place).copied(),
            Cause::Upgrade => Some(self.next_upgrade),
        };
        let waits = |until: &Instant| *until > self.now;
        let (paused, comes) = (paused.filter(waits), comes.filter(waits));
        self.next = self.next.into_iter().chain(paused.max(comes)).min();
        match (paused, comes) {
            (None, None) => Turn::Now,
            (None, Some(_)) => Turn::Comes,
            (Some(_), _) => Turn::Failed,
        }
    }
}

/// Whether a place is seen to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Now,
    Comes,
    /// It has failed, and waits to be tried again.
    Failed,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place::Tenant("some-tenant".to_owned())
    }

    fn has_turn(turns: &mut Turns, now: Instant, rewritten: &BTreeSet<Place>) -> bool {
        turns.begin(now, |_| true, rewritten);
        let place = place();
        let fallen = [(Cause::New, &place)].into_iter();
        !turns.of(fallen, &BTreeSet::new(), 1, NonZeroU32::MIN).is_empty()
    }

    #[test]
    fn what_fails_waits_longer_each_time_and_at_most_a_minute() {
        let mut now = Instant::now();
        let mut turns = Turns::new(now);
        for pause in [250, 500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000] {
            let pause = Duration::from_millis(pause);
            turns.seen_to(now, &place(), false, false);
            now += pause;
            assert!(!has_turn(&mut turns, now - Duration::from_millis(1), &BTreeSet::new()), "{pause:?}");
            assert_eq!(turns.next(), now, "{pause:?}");
            assert!(has_turn(&mut turns, now, &BTreeSet::new()), "{pause:?}");
        }
    }

    #[test]
    fn what_failed_is_tried_at_once_when_somebody_has_written_something_else() {
        let now = Instant::now();
        let mut turns = Turns::new(now);
        turns.seen_to(now, &place(), false, false);
        assert!(!has_turn(&mut turns, now, &BTreeSet::new()));
        assert!(has_turn(&mut turns, now, &BTreeSet::from([place()])));
    }
}
