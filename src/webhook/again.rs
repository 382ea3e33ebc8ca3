//! The one place where a request waits: for a newer world, when what it rests on is missing. A Tenant, its
//! namespace and what is put into it often arrive milliseconds apart, and a baseline takes a moment.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use crate::policy::{Review, Unjudged, Verdict, judge};
use crate::sources::Worlds;

/// How long a request waits.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many requests wait at once, in all and for one namespace; the next is told to come again.
const MOST_WAITERS: usize = 512;
const MOST_WAITERS_A_NAMESPACE: usize = 64;

/// Judges in the newest world; if something is missing there, has the cluster itself looked at, and judges in
/// the next worlds too, until nothing is missing or patience ends.
pub(super) async fn judge_again(review: &Review<'_>, worlds: &Worlds, waiters: &Waiters) -> Verdict {
    let mut changes = worlds.changes();
    let first = judge_now(review, worlds);
    if !first.is_missing_something() {
        return first;
    }
    let Some(_place) = waiters.wait(review.namespace) else { return first };
    // Nobody waits for the look alone: what it finds is a change.
    drop(worlds.look(review.namespace));
    let end = Instant::now() + PATIENCE;
    while let Ok(Ok(())) = timeout_at(end, changes.changed()).await {
        let next = judge_now(review, worlds);
        if !next.is_missing_something() {
            return next;
        }
    }
    judge_now(review, worlds)
}

/// Waits until the cluster itself was looked at, and no longer than patience lasts.
pub(super) async fn look(namespace: &str, worlds: &Worlds, waiters: &Waiters) {
    if let Some(_place) = waiters.wait(namespace) {
        let _ = timeout(PATIENCE, worlds.look(namespace)).await;
    }
}

fn judge_now(review: &Review<'_>, worlds: &Worlds) -> Verdict {
    worlds.newest().map_or(Verdict::Unjudged(Unjudged::NotReady), |world| judge(review, &world))
}

/// Who waits, by namespace.
#[derive(Debug, Default)]
pub(super) struct Waiters(Mutex<HashMap<String, usize>>);

impl Waiters {
    fn wait(&self, namespace: &str) -> Option<Place<'_>> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = waiting.values().sum();
        let here = waiting.get(namespace).copied().unwrap_or_default();
        if all >= MOST_WAITERS || here >= MOST_WAITERS_A_NAMESPACE {
            return None;
        }
        waiting.insert(namespace.to_owned(), here + 1);
        Some(Place { waiters: self, namespace: namespace.to_owned() })
    }
}

/// One who waits.
struct Place<'a> {
    waiters: &'a Waiters,
    namespace: String,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut waiting = self.waiters.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(here) = waiting.get_mut(&self.namespace) {
            *here -= 1;
            if *here == 0 {
                waiting.remove(&self.namespace);
            }
        }
    }
}
