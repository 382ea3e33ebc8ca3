//! The one place where a request waits: for a newer world, when what it rests on is missing. A Tenant, its
//! namespace and what is put into it often arrive milliseconds apart, and a baseline takes a moment.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::time::{Instant, timeout, timeout_at};

use crate::policy::{Retry, Review, Unjudged, Verdict, judge};
use crate::sources::Worlds;
use crate::world::Actor;

/// How long a request waits.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many requests wait at once, in all and for one tenant; the next is told to come again.
const MOST_WAITERS: usize = 512;
const MOST_WAITERS_A_TENANT: usize = 64;

/// Whoever waits holds the bytes of his review; more than that are told to come again.
const LONGEST: usize = 256 << 10;

/// Judges in the newest world. If what it refuses for may be right in a moment, has the cluster itself looked
/// at and judges again: once, or in each newer world until patience ends.
pub(super) async fn judge_again(review: &Review<'_>, worlds: &Worlds, waiters: &Waiters) -> Verdict {
    let mut changes = worlds.changes();
    let first = judge_now(review, worlds);
    let length = |raw: Option<&RawValue>| raw.map_or(0, |raw| raw.get().len());
    if first.retry() == Retry::Never || length(review.object) + length(review.old_object) > LONGEST {
        return first;
    }
    let Some(_place) = waiters.wait(&whose(review, worlds)) else { return first };
    let end = Instant::now() + PATIENCE;
    let _ = timeout_at(end, worlds.look(review.namespace, first.unknown())).await;
    let mut verdict = judge_now(review, worlds);
    while verdict.retry() == Retry::Wait && matches!(timeout_at(end, changes.changed()).await, Ok(Ok(()))) {
        verdict = judge_now(review, worlds);
    }
    verdict
}

/// At whose cost a request waits: the tenant's whose namespace it is, or whose member asks, else the namespace's.
fn whose(review: &Review<'_>, worlds: &Worlds) -> String {
    let tenant = worlds.newest().and_then(|world| {
        let here = world.namespace(review.namespace).and_then(|namespace| namespace.tenant.clone());
        here.or_else(|| match world.actor(&review.user) {
            Actor::Member(tenants) => tenants.first().map(|tenant| tenant.name.clone()),
            _ => None,
        })
    });
    tenant.unwrap_or_else(|| review.namespace.to_owned())
}

/// Waits until the cluster itself was looked at, and no longer than patience lasts.
pub(super) async fn look(namespace: &str, worlds: &Worlds, waiters: &Waiters) {
    if let Some(_place) = waiters.wait(namespace) {
        let _ = timeout(PATIENCE, worlds.look(namespace, None)).await;
    }
}

fn judge_now(review: &Review<'_>, worlds: &Worlds) -> Verdict {
    worlds.newest().map_or(Verdict::Unjudged(Unjudged::NotReady), |world| judge(review, &world))
}

/// Who waits, by tenant.
#[derive(Debug, Default)]
pub(super) struct Waiters(Mutex<HashMap<String, usize>>);

impl Waiters {
    fn wait(&self, whose: &str) -> Option<Place<'_>> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = waiting.values().sum();
        let here = waiting.get(whose).copied().unwrap_or_default();
        if all >= MOST_WAITERS || here >= MOST_WAITERS_A_TENANT {
            return None;
        }
        waiting.insert(whose.to_owned(), here + 1);
        Some(Place { waiters: self, whose: whose.to_owned() })
    }
}

/// One who waits.
struct Place<'a> {
    waiters: &'a Waiters,
    whose: String,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut waiting = self.waiters.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(here) = waiting.get_mut(&self.whose) {
            *here -= 1;
            if *here == 0 {
                waiting.remove(&self.whose);
            }
        }
    }
}
