use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Unit;

use super::definition::{Catalogue, Labelled, LabelledHistogram};
use super::label;

/// The metrics of the leader. All but the counters are absent or zero on other replicas.
#[derive(Debug)]
pub struct ControllerMetrics {
    leader: Gauge,
    registration: Labelled<Gauge, 1>,
    bundle_in_sync: Labelled<Gauge, 1>,
    reconciles: Labelled<Counter, 3>,
    reconcile_durations: LabelledHistogram<1>,
    out_of_sync: Labelled<Gauge, 1>,
    failing: Labelled<Gauge, 1>,
    repairs: Labelled<Counter, 1>,
}

/// From one write to the time limit of a target.
const RECONCILE_BUCKETS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0];

impl ControllerMetrics {
    pub(super) fn new(catalogue: &mut Catalogue) -> Self {
        Self {
            leader: catalogue.plain_gauge("leader", None, "1 if this replica leads, 0 otherwise"),
            registration: catalogue.gauge(
                "webhook_registration",
                None,
                [label::STATE],
                "1 for the state of the webhook configurations as the leader sees it",
            ),
            bundle_in_sync: catalogue.gauge(
                "ca_bundle_in_sync",
                None,
                [label::CONFIGURATION],
                "1 if every webhook of the configuration has the CA bundle of the leader, 0 otherwise; absent if another \
                 tool sets the bundle",
            ),
            reconciles: catalogue.counter(
                "reconciles",
                [label::TARGET, label::RECONCILE_REASON, label::RESULT],
                "Reconciles of groups of baseline objects",
            ),
            reconcile_durations: catalogue.histogram(
                "reconcile_duration",
                Unit::Seconds,
                [label::TARGET],
                RECONCILE_BUCKETS,
                "Time of a reconcile",
            ),
            out_of_sync: catalogue.gauge(
                "baseline_out_of_sync",
                None,
                [label::TARGET],
                "Groups of baseline objects that differ from the baseline",
            ),
            failing: catalogue.gauge(
                "baseline_failing",
                None,
                [label::TARGET],
                "Groups of baseline objects that the controller has failed to write for ten seconds or longer",
            ),
            repairs: catalogue.counter(
                "baseline_repairs",
                [label::KIND],
                "Baseline objects that were changed or deleted and that the controller restored, by kind",
            ),
        }
    }

    /// Reports that this replica leads.
    pub fn start_leading(&self) {
        self.leader.set(1);
    }

    /// Reports that another replica may lead, and forgets what only the leader knows.
    pub fn stop_leading(&self) {
        self.leader.set(0);
        for gauges in [&self.registration, &self.bundle_in_sync, &self.out_of_sync, &self.failing] {
            gauges.clear();
        }
    }

    /// Sets the state of the registration.
    pub fn set_registration(&self, state: &'static str) {
        self.registration.clear();
        self.registration.with([state]).set(1);
    }

    /// Sets whether a configuration has the CA bundle of the leader; `None` if the controller does not know the bundle.
    pub fn set_bundle_in_sync(&self, configuration: &'static str, in_sync: Option<bool>) {
        match in_sync {
            Some(in_sync) => {
                self.bundle_in_sync.with([configuration]).set(in_sync.into());
            }
            None => self.bundle_in_sync.remove([configuration]),
        }
    }

    pub fn record_reconcile(
        &self,
        target: &'static str,
        reason: &'static str,
        is_success: bool,
        duration: Duration,
    ) {
        self.reconciles.with([target, reason, label::result(is_success)]).inc();
        self.reconcile_durations.with([target]).observe(duration.as_secs_f64());
    }

    /// Sets the number of targets of each type that are out of sync.
    pub fn set_out_of_sync(&self, targets: impl Iterator<Item = &'static str>) {
        set_counts(&self.out_of_sync, targets);
    }

    /// Sets the number of targets of each type that fail.
    pub fn set_failing(&self, targets: impl Iterator<Item = &'static str>) {
        set_counts(&self.failing, targets);
    }

    pub fn record_repair(&self, kind: &'static str) {
        self.repairs.with([kind]).inc();
    }
}

fn set_counts(gauges: &Labelled<Gauge, 1>, targets: impl Iterator<Item = &'static str>) {
    let mut counts = label::RECONCILE_TARGETS.map(|target| (target, 0));
    for target in targets {
        if let Some((_, count)) = counts.iter_mut().find(|(known, _)| *known == target) {
            *count += 1;
        }
    }
    for (target, count) in counts {
        gauges.with([target]).set(count);
    }
}
