//! Workqueue: decides when each target is reconciled.
//!
//! * Failed targets back off exponentially.
//! * Targets that were ready and have just been written cool down.
//! * Rollouts, which concern all targets, are limited to `baseline.rolloutRate` targets a second.
//! * Tenants share the capacity, so that the backlog of one does not delay the others.
//! * The mesh-wide deny-all policy is enabled after, and disabled before, the policies that allow.
//!
//! The queue of kube's `Controller` is not used, because it does not share capacity among tenants and cannot order
//! the deny-all policy. This module does not decide which targets are out of sync, and performs no I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

use super::denial::Denial;
use super::places::Place;
use super::standing::{Cause, Line};

/// Backoff of a failed target: starts at `FIRST_PAUSE` and doubles with each failure, up to `LAST_PAUSE`.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_mins(1);
/// Cooldown of a ready target after a write. While a tenant gets many new namespaces, the controller then updates the
/// lists in each existing one once, not once for each new namespace.
const SETTLING: Duration = Duration::from_secs(2);

/// Limits of reconciles in flight per tenant, tried in this order: each tenant gets one, then up to four, then any
/// number.
const SHARES: [usize; 3] = [1, 4, usize::MAX];

/// Backoff of a failed target.
struct Pause {
    length: Duration,
    until: Instant,
}

/// Workqueue of the targets that are out of sync.
pub(super) struct Turns {
    pauses: BTreeMap<Place, Pause>,
    settled: BTreeMap<Place, Instant>,
    next_upgrade: Instant,
    /// Start of the current round.
    now: Instant,
    /// Earliest time at which a waiting target becomes eligible.
    next: Option<Instant>,
}

impl Turns {
    pub(super) fn new(now: Instant) -> Self {
        Self { pauses: BTreeMap::new(), settled: BTreeMap::new(), next_upgrade: now, now, next: None }
    }

    /// Returns the time at which the next waiting target becomes eligible.
    pub(super) fn next(&self) -> Instant {
        self.next.unwrap_or_else(|| Instant::now() + LAST_PAUSE)
    }

    /// Records the result of a reconcile. A failure starts or doubles the backoff of the target. A target that was
    /// ready before cools down.
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

    /// Starts a round. Ends the backoff of targets that are in sync again, or whose specs have changed.
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

    /// Returns the next batch of targets.
    ///
    /// Tenants with fewer reconciles in flight go first, in the steps of `SHARES`. Within a step, the more urgent
    /// reason goes first. Mesh-wide deny-all is enabled after every settings rollout that can succeed, and disabled
    /// before any.
    pub(super) fn of(
        &mut self,
        lines: &[Line<'_>],
        busy: &BTreeMap<Place, Cause>,
        most: usize,
        rollout_rate: NonZeroU32,
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
                                self.next_upgrade = self.now + Duration::from_secs(1) / rollout_rate.get();
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

/// True if the target must wait for others, because the mesh-wide deny-all policy is about to change.
fn rests_on_others(denial: Denial, cause: Cause, place: &Place) -> bool {
    match denial {
        Denial::Stays => false,
        Denial::Comes => *place == Place::Cluster && cause != Cause::Drift,
        Denial::Goes => *place != Place::Cluster && cause == Cause::Upgrade,
    }
}

/// A batch under construction, and the number of reconciles in flight per tenant.
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

/// Eligibility of a target in the current round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Now,
    /// It waits for its cooldown or for the rollout rate.
    Comes,
    /// It waits for the end of its backoff.
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
        // Without other tenants, a tenant gets all free capacity.
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
        // A steady flow of new namespaces does not delay the deny-all policy.
        assert_eq!(seen(&lines[..1], &busy(Cause::New, &allows), Denial::Comes), cluster);
        assert_eq!(seen(&lines, &none, Denial::Goes), cluster);
        // If the deny-all policy does not change, its target waits for no other.
        assert!(seen(&lines[..1], &busy(Cause::Upgrade, &allows), Denial::Stays).contains(&Place::Cluster));
    }
}
