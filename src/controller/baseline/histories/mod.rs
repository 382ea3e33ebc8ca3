//! Property test of the controller's core: random histories of a cluster, each of which must end in the desired state.
//!
//! A history drives the pure `State` with a model of the API server as its `world`. Half of the histories begin with
//! baselines that an earlier controller has applied. Then `events` happen: users change tenants, namespaces, shared
//! services, settings, baseline objects and the readiness of namespaces; watch events arrive late and in any order among
//! the kinds; watches relist while reconciles are in flight; the controller restarts; time passes. `jobs` carry out the
//! plans, whose writes fail, or succeed and lose their answers.
//!
//! `checks` judges each step of a reconcile, `attempts` each batch of the queue, and `desired_state` the end. `directed`
//! has histories that random ones hardly ever contain.
//!
//! Histories depend on their number alone: `BULKHEAD_HISTORY=7` repeats the seventh. `BULKHEAD_HISTORIES=10000` runs
//! 10,000 of them, as `.ci/run` does; without it, fewer run.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on should stop"
)]

mod attempts;
mod checks;
mod desired_state;
mod directed;
mod events;
mod expected;
mod history;
mod jobs;
mod world;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use history::History;

/// Number of histories if the environment does not say how many.
const HISTORIES: u64 = 1_000;
/// Number of threads that share them.
const THREADS: u64 = 4;

/// Number of random events in a history.
const LENGTH: usize = 24;

fn number_in_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|number| number.parse().unwrap())
}

#[test]
fn random_histories_end_in_the_desired_state() {
    if let Some(chosen) = number_in_environment("BULKHEAD_HISTORY") {
        return History::new(chosen).run(LENGTH).unwrap();
    }
    let has_failed = AtomicBool::new(false);
    let histories = number_in_environment("BULKHEAD_HISTORIES").unwrap_or(HISTORIES);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let has_failed = &has_failed;
            scope.spawn(move || {
                for seed in (thread..histories).step_by(usize::try_from(THREADS).unwrap()) {
                    if has_failed.load(Ordering::Relaxed) {
                        return;
                    }
                    has_failed.fetch_or(History::new(seed).run(LENGTH).is_err(), Ordering::Relaxed);
                }
            });
        }
    });
    assert!(!has_failed.into_inner(), "a history has failed");
}

/// Random histories hardly ever delay the deletions of all objects of a namespace until it is created again.
#[test]
fn namespace_that_is_created_again_is_not_ready_by_the_objects_of_the_former_one() {
    History::new(0).recreate_namespace();
}

#[test]
fn namespace_that_is_created_again_before_the_first_snapshot_is_not_ready_by_former_objects() {
    History::new(0).recreate_namespace_before_the_first_snapshot();
}

#[test]
fn objects_that_an_outdated_reconcile_writes_to_a_new_namespace_are_not_left_over() {
    History::new(0).recreate_namespace_during_a_reconcile();
}

#[test]
fn objects_that_are_older_than_their_namespace_come_to_rest() {
    History::new(0).list_objects_that_are_older_than_their_namespace();
}

#[test]
fn deny_all_waits_for_a_prune_that_older_settings_have_planned() {
    History::new(0).enforce_deny_all_during_a_prune();
}

#[test]
fn policies_that_allow_stay_until_deny_all_is_disabled() {
    History::new(0).disable_deny_all_slowly();
}

#[test]
fn policies_that_allow_stay_while_older_settings_may_enforce_deny_all() {
    History::new(0).disable_deny_all_while_it_is_enforced();
}

#[test]
fn baseline_of_a_tenant_that_is_observed_no_longer_waits_for_the_removal_of_the_former_one() {
    History::new(0).enforce_tenant_during_a_prune();
}

#[test]
fn own_writes_are_not_repeated_before_their_events_arrive() {
    History::new(0).write_without_events();
}

#[test]
fn readiness_is_written_once_until_it_is_lost() {
    History::new(0).lose_readiness();
}
