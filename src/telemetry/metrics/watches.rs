use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Unit;

use super::definition::{Catalogue, Float, Labelled};
use super::failure::Failure;
use super::label;

/// The metrics of what the process knows of the cluster.
#[derive(Debug)]
pub struct WatchMetrics {
    staleness: Labelled<Float, 1>,
    synced: Labelled<Gauge, 1>,
    objects: Labelled<Gauge, 1>,
    failures: Mutex<BTreeMap<&'static str, Option<Failure>>>,
}

/// The state of a watched list.
#[derive(Clone, Copy, Debug)]
pub struct WatchState {
    pub resource: &'static str,
    /// True once a list is complete.
    pub is_synced: bool,
    /// Number of known objects.
    pub objects: usize,
    pub failure: Option<Failure>,
}

impl WatchMetrics {
    pub(super) fn new(catalogue: &mut Catalogue) -> Self {
        Self {
            staleness: catalogue.gauge(
                "watch_staleness",
                Some(Unit::Seconds),
                [label::RESOURCE],
                "Time for which a watch, learning the mesh's proxy, or writing the audit's reports has failed; decisions and \
                 reports may use data of this age",
            ),
            synced: catalogue.gauge(
                "watch_synced",
                None,
                [label::RESOURCE],
                "1 once the list of the resource is complete, 0 before",
            ),
            objects: catalogue.gauge(
                "watch_objects",
                None,
                [label::RESOURCE],
                "Objects of the resource that the process knows",
            ),
            failures: Mutex::default(),
        }
    }

    /// Sets the state of a watched list.
    pub fn set(&self, WatchState { resource, is_synced, objects, failure }: WatchState) {
        self.synced.with([resource]).set(is_synced.into());
        self.objects.with([resource]).set(i64::try_from(objects).unwrap_or(i64::MAX));
        self.set_failure(resource, failure);
    }

    /// Sets the failure of a watch, of learning the mesh's proxy, or of writing reports; `None` while it works.
    pub fn set_failure(&self, resource: &'static str, failure: Option<Failure>) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).insert(resource, failure);
    }

    pub(super) fn update_ages(&self, now: Instant) {
        for (resource, failure) in self.failures.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let age = failure.map_or(Duration::ZERO, |failure| failure.age(now)).as_secs_f64();
            self.staleness.with([resource]).set(age);
        }
    }
}
