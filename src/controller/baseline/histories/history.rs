//! One history: random events, then a quiet time in which the controller must bring everything in sync.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use support::random::Random;
use tokio::time::Instant;

use super::super::outcome::Outcome;
use super::super::plan::Plan;
use super::super::state::State;
use super::super::target::Target;
use super::attempts::{Attempts, CAPACITY};
use super::desired_state::{check_cache, check_desired_state};
use super::world::{View, World};
use crate::baseline::kinds;
use crate::kinds::Kind;

/// Maximum number of ticks in which the controller must come to rest.
const MAX_ROUNDS: usize = 1_000;
/// The longest time between two ticks while nothing happens.
const MAX_PAUSE: Duration = Duration::from_secs(15);

/// A plan in flight, which is carried out step by step while the history goes on.
pub(super) struct Job {
    pub(super) plan: Plan,
    pub(super) view: Arc<View>,
    pub(super) next_step: usize,
    pub(super) outcome: Outcome,
}

pub(super) struct History {
    seed: u64,
    pub(super) random: Random,
    pub(super) now: Instant,
    pub(super) world: World,
    pub(super) state: State,
    pub(super) kinds: BTreeSet<Kind>,
    /// Kinds whose first list has failed.
    pub(super) unlisted: BTreeSet<Kind>,
    /// The newest snapshot that the controller has.
    pub(super) view: Arc<View>,
    pub(super) jobs: Vec<Job>,
    pub(super) attempts: Attempts,
    /// Targets whose writes all fail.
    pub(super) failing: BTreeSet<Target>,
    pub(super) has_pods: bool,
    pub(super) is_quiet: bool,
}

impl History {
    /// Returns a history that begins without tenants.
    pub(super) fn new(seed: u64) -> Self {
        let mut world = World::new();
        let now = Instant::now();
        let view = world.view();
        let kinds = kinds(&world.settings).collect();
        let mut history = Self {
            seed,
            random: Random::new(seed),
            now,
            world,
            state: State::new(now, CAPACITY),
            kinds,
            unlisted: BTreeSet::new(),
            view,
            jobs: Vec::new(),
            attempts: Attempts::default(),
            failing: BTreeSet::new(),
            has_pods: false,
            is_quiet: false,
        };
        history.restart();
        history
    }

    /// Fails if a check panics, whose message the test has printed then.
    pub(super) fn run(mut self, length: usize) -> thread::Result<()> {
        let result = catch_unwind(AssertUnwindSafe(|| {
            if self.random.one_in(2) {
                self.begin_with_baselines();
            }
            for _ in 0..length {
                self.random_event();
            }
            self.settle();
        }));
        if result.is_err() {
            let (seed, command) = (self.seed, "cargo test --lib histories");
            eprintln!("history {seed} failed; repeat it with BULKHEAD_HISTORY={seed} {command}");
        }
        result
    }

    /// Lets the controller work in peace, and checks that the world ends in the desired state.
    pub(super) fn settle(&mut self) {
        self.is_quiet = true;
        self.has_pods = false;
        self.world.finish_deletions();
        for kind in std::mem::take(&mut self.unlisted) {
            self.list(kind);
        }
        self.failing.retain(|target| *target != Target::Cluster);
        if !self.failing.is_empty() {
            // A failing target delays no other, and is tried again at least once a minute.
            self.work_until(self.now + Duration::from_mins(3));
            check_desired_state(&mut self.world, &self.failing);
            self.failing.clear();
        }
        self.work_until(self.now + Duration::from_mins(2));
        check_desired_state(&mut self.world, &BTreeSet::new());
        check_cache(&mut self.world, &self.kinds, self.state.cache());
    }

    fn work_until(&mut self, end: Instant) {
        let mut rounds = 0;
        while self.now < end {
            rounds += 1;
            assert!(
                rounds < MAX_ROUNDS,
                "the controller does not come to rest: {:?}",
                self.state.tick(self.now, &self.view.snapshot)
            );
            self.world.count_quotas();
            for kind in self.kinds_behind() {
                while self.deliver_next(kind) {}
            }
            let is_new = !Arc::ptr_eq(&self.view, &self.world.view());
            self.view = self.world.view();
            self.tick();
            let is_idle = self.jobs.is_empty() && !is_new && self.kinds_behind().is_empty();
            self.finish_jobs();
            if is_idle {
                let next = self.state.next_deadline().max(self.now + Duration::from_millis(1));
                self.now = next.min(self.now + MAX_PAUSE);
            }
        }
    }
}
