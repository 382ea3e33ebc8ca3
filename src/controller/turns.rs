//! When a place is seen to again: what failed pauses, what was just written settles, what is the same for all comes at a
//! pace.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

use super::denial::Denial;
use super::places::Place;
use super::standing::{Cause, Line};

/// How long a place that failed is left alone: doubled each time, up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_mins(1);
/// How long a place that stood and was brought up to date is left alone: a tenant that grows by many namespaces changes
/// the lists in each of them once for all, not once for each.
const SETTLING: Duration = Duration::from_secs(2);

/// How many places of one party may be on the way before those of all others have their turn: first one, then some.
const SHARES: [usize; 3] = [1, 4, usize::MAX];

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
        self.next.unwrap_or_else(|| Instant::now() + LAST_PAUSE)
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

    /// Those of the places, most urgent first, whose turn it is. A party that has more on the way than others lets them
    /// go first. What denies for all comes once everything stands that the settings changed, but for what has failed;
    /// before it goes, nothing of that goes.
    pub(super) fn of(
        &mut self,
        lines: &[Line<'_>],
        busy: &BTreeMap<Place, Cause>,
        most: usize,
        pace: NonZeroU32,
        denial: Denial,
    ) -> Vec<(Cause, Place)> {
        let mut round = Round::beside(busy, most);
        let mut others_come = busy.values().any(|cause| *cause == Cause::Upgrade);
        for share in SHARES {
            for Line { cause, party, places } in lines.iter().copied() {
                let waits =
                    |place: &&Place| !busy.contains_key(*place) && !rests_on_others(denial, cause, place);
                for place in places.iter().filter(waits) {
                    if round.is_full() || round.share(party) >= share {
                        break;
                    }
                    if round.has(place) {
                        continue;
                    }
                    match self.turn(cause, place) {
                        Turn::Now => {
                            if cause == Cause::Upgrade {
                                self.next_upgrade = self.now + Duration::from_secs(1) / pace.get();
                                others_come = true;
                            }
                            round.take(cause, place);
                        }
                        Turn::Comes => others_come |= cause == Cause::Upgrade,
                        Turn::Failed => {}
                    }
                }
            }
        }
        let last = lines.iter().find(|line| line.places.contains(&Place::Cluster));
        if let Some(Line { cause, .. }) = last.filter(|_| denial == Denial::Comes)
            && !others_come
            && !round.is_full()
            && !busy.contains_key(&Place::Cluster)
            && self.turn(*cause, &Place::Cluster) == Turn::Now
        {
            round.take(*cause, &Place::Cluster);
        }
        round.now_on
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

/// Whether a place waits until others are as they must be.
fn rests_on_others(denial: Denial, cause: Cause, place: &Place) -> bool {
    match denial {
        Denial::Stays => false,
        Denial::Comes => *place == Place::Cluster && cause != Cause::Drift,
        Denial::Goes => *place != Place::Cluster && cause == Cause::Upgrade,
    }
}

/// What has its turn, and how many of each party are on the way.
struct Round {
    now_on: Vec<(Cause, Place)>,
    most: usize,
    shares: BTreeMap<String, usize>,
}

impl Round {
    fn beside(busy: &BTreeMap<Place, Cause>, most: usize) -> Self {
        let mut shares = BTreeMap::new();
        for place in busy.keys() {
            *shares.entry(place.party().to_owned()).or_default() += 1;
        }
        Self { now_on: Vec::new(), most, shares }
    }

    fn is_full(&self) -> bool {
        self.now_on.len() >= self.most
    }

    fn share(&self, party: &str) -> usize {
        self.shares.get(party).copied().unwrap_or_default()
    }

    fn has(&self, place: &Place) -> bool {
        self.now_on.iter().any(|(_, taken)| taken == place)
    }

    fn take(&mut self, cause: Cause, place: &Place) {
        self.now_on.push((cause, place.clone()));
        *self.shares.entry(place.party().to_owned()).or_default() += 1;
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

    fn place(tenant: &str) -> Place {
        Place::Tenant(tenant.to_owned())
    }

    fn of_tenant(tenant: &str, count: usize) -> BTreeSet<Place> {
        let place = |number| Place::of_namespace(tenant, &format!("{tenant}-{number:03}"));
        (0..count).map(place).collect()
    }

    fn has_turn(turns: &mut Turns, now: Instant, rewritten: &BTreeSet<Place>) -> bool {
        turns.begin(now, |_| true, rewritten);
        let places = BTreeSet::from([place("some")]);
        let lines = [Line { cause: Cause::New, party: "some", places: &places }];
        !turns.of(&lines, &BTreeMap::new(), 1, NonZeroU32::MIN, Denial::Stays).is_empty()
    }

    fn busy<'p>(cause: Cause, places: impl IntoIterator<Item = &'p Place>) -> BTreeMap<Place, Cause> {
        places.into_iter().map(|place| (place.clone(), cause)).collect()
    }

    #[test]
    fn what_fails_waits_longer_each_time_and_at_most_a_minute() {
        let mut now = Instant::now();
        let mut turns = Turns::new(now);
        for pause in [250, 500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000] {
            let pause = Duration::from_millis(pause);
            turns.seen_to(now, &place("some"), false, false);
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
        turns.seen_to(now, &place("some"), false, false);
        assert!(!has_turn(&mut turns, now, &BTreeSet::new()));
        assert!(has_turn(&mut turns, now, &BTreeSet::from([place("some")])));
    }

    #[test]
    fn tenants_with_much_to_do_keep_nobody_waiting() {
        let mut turns = Turns::new(Instant::now());
        let busy_tenants = ["a", "b", "c", "d"];
        let many = busy_tenants.map(|tenant| of_tenant(tenant, 100));
        let few = of_tenant("e", 2);
        let busy = busy(Cause::New, many.iter().flat_map(|places| places.iter().take(4)));
        let mut lines: Vec<_> = busy_tenants
            .iter()
            .zip(&many)
            .map(|(party, places)| Line { cause: Cause::New, party, places })
            .collect();
        lines.push(Line { cause: Cause::News, party: "e", places: &few });
        let now_on = turns.of(&lines, &busy, 3, NonZeroU32::MIN, Denial::Stays);
        let parties: Vec<&str> = now_on.iter().map(|(_, place)| place.party()).collect();
        assert_eq!(parties, ["e", "e", "a"]);
        // With nobody beside, all that is free is its own.
        lines.truncate(1);
        let now_on = turns.of(&lines, &BTreeMap::new(), 16, NonZeroU32::MIN, Denial::Stays);
        assert_eq!(now_on.iter().map(|(_, place)| place).collect::<BTreeSet<_>>().len(), 16);
    }

    #[test]
    fn what_allows_comes_before_what_denies_and_goes_after_it() {
        let mut turns = Turns::new(Instant::now());
        let (cluster, allows) = (BTreeSet::from([Place::Cluster]), of_tenant("a", 2));
        let lines = [
            Line { cause: Cause::Upgrade, party: "", places: &cluster },
            Line { cause: Cause::Upgrade, party: "a", places: &allows },
        ];
        let mut seen = |lines: &[Line<'_>], busy: &BTreeMap<Place, Cause>, denial| {
            let now_on = turns.of(lines, busy, 16, NonZeroU32::MAX, denial);
            now_on.into_iter().map(|(_, place)| place).collect::<BTreeSet<_>>()
        };
        let none = BTreeMap::new();
        assert!(!seen(&lines, &none, Denial::Comes).contains(&Place::Cluster));
        assert_eq!(seen(&lines[..1], &busy(Cause::Upgrade, &allows), Denial::Comes), BTreeSet::new());
        // Whoever makes namespaces all the time keeps it from nothing.
        assert_eq!(seen(&lines[..1], &busy(Cause::New, &allows), Denial::Comes), cluster);
        assert_eq!(seen(&lines, &none, Denial::Goes), cluster);
        // Of itself it waits for nobody.
        assert!(seen(&lines[..1], &busy(Cause::Upgrade, &allows), Denial::Stays).contains(&Place::Cluster));
    }
}
