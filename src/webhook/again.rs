//! The one place where a request waits: for a newer world, when what it rests on is missing. A namespace
//! and what is put into it often arrive milliseconds apart, and the watch brings the namespace too.

use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::policy::{Review, Unjudged, Verdict, judge};
use crate::sources::Worlds;

/// How long a request waits for the watch.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many requests wait at once; the next is told to come again.
static WAITERS: Semaphore = Semaphore::const_new(256);

/// Judges in the newest world; if something is missing there, in the next ones too.
pub(super) async fn judge_again(review: &Review<'_>, worlds: &Worlds) -> Verdict {
    let mut changes = worlds.changes();
    let verdict = judge_now(review, worlds);
    if !is_missing(&verdict) {
        return verdict;
    }
    let Ok(_place) = WAITERS.try_acquire() else { return verdict };
    let end = Instant::now() + PATIENCE;
    loop {
        if !matches!(timeout_at(end, changes.changed()).await, Ok(Ok(()))) {
            return verdict;
        }
        let verdict = judge_now(review, worlds);
        if !is_missing(&verdict) {
            return verdict;
        }
    }
}

fn judge_now(review: &Review<'_>, worlds: &Worlds) -> Verdict {
    worlds.newest().map_or(Verdict::Unjudged(Unjudged::NotReady), |world| judge(review, &world))
}

fn is_missing(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Unjudged(why) if why.is_missing())
}
