use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Unit;

use super::definition::{Catalogue, Labelled, LabelledHistogram};
use super::label;
use crate::policy::{JudgeError, RULES, WaiverReason};

/// The metrics of the webhook's requests and connections.
#[derive(Debug)]
pub struct AdmissionMetrics {
    requests: Labelled<Counter, 4>,
    durations: LabelledHistogram<1>,
    in_flight: Labelled<Gauge, 1>,
    body_sizes: LabelledHistogram<1>,
    violations: Labelled<Counter, 1>,
    waived_violations: Labelled<Counter, 2>,
    unjudged_requests: Labelled<Counter, 1>,
    invalid_requests: Labelled<Counter, 1>,
    refused_connections: Labelled<Counter, 1>,
}

/// From a decision in memory to one that waited until the webhook's timeout.
const DURATION_BUCKETS: &[f64] =
    &[0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
/// From the smallest review to the largest that an API server sends.
const SIZE_BUCKETS: &[f64] =
    &[1_024.0, 4_096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 4_194_304.0, 16_777_216.0];

/// A request in flight, until it is dropped.
#[derive(Debug)]
pub struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl AdmissionMetrics {
    pub(super) fn new(catalogue: &mut Catalogue) -> Self {
        Self {
            requests: catalogue.counter(
                "admission_requests",
                [label::WEBHOOK, label::OPERATION, label::ALLOWED, label::DRY_RUN],
                "Admission reviews answered",
            ),
            durations: catalogue.histogram(
                "admission_duration",
                Unit::Seconds,
                [label::WEBHOOK],
                DURATION_BUCKETS,
                "Time from reading an admission review to its answer",
            ),
            in_flight: catalogue.gauge(
                "admission_requests_in_flight",
                None,
                [label::WEBHOOK],
                "Requests that the webhook reads or judges at this moment",
            ),
            body_sizes: catalogue.histogram(
                "admission_body",
                Unit::Bytes,
                [label::WEBHOOK],
                SIZE_BUCKETS,
                "Size of the bodies that the webhook has read",
            ),
            violations: catalogue.counter(
                "violations",
                [label::CODE],
                "Violations for which a write was refused, by rule",
            ),
            waived_violations: catalogue.counter(
                "waived_violations",
                [label::CODE, label::WAIVER],
                "Violations that were admitted, by rule and reason",
            ),
            unjudged_requests: catalogue.counter(
                "unjudged_requests",
                [label::UNJUDGED],
                "Admission reviews that could not be judged, by reason; the validating webhooks refuse them",
            ),
            invalid_requests: catalogue.counter(
                "invalid_requests",
                [label::STATUS],
                "Requests that got no answer to a review, by HTTP status: 4xx were not admission reviews, 500 failed \
                 in the webhook, 503 were too many bytes at once",
            ),
            refused_connections: catalogue.counter(
                "refused_connections",
                [label::REFUSED_CONNECTION],
                "Connections to the webhook that were closed before a request, by reason",
            ),
        }
    }

    /// Begins the counters that alerts watch at zero: Prometheus sees no increase to the first value of a series.
    pub(super) fn start(&self) {
        for rule in RULES {
            self.violations.with([rule.code()]);
            self.waived_violations.with([rule.code(), WaiverReason::BreakGlass.as_label()]);
        }
        for reason in JudgeError::LABELS {
            self.unjudged_requests.with([reason]);
        }
        for status in label::STATUS.values() {
            self.invalid_requests.with([status]);
        }
        for reason in label::REFUSED_CONNECTION.values() {
            self.refused_connections.with([reason]);
        }
    }

    pub fn record_request(
        &self,
        webhook: &'static str,
        operation: &str,
        allowed: bool,
        dry_run: bool,
        duration: Duration,
    ) {
        let values = [webhook, label::operation(operation), label::boolean(allowed), label::boolean(dry_run)];
        self.requests.with(values).inc();
        self.durations.with([webhook]).observe(duration.as_secs_f64());
    }

    /// Counts a request as in flight until the returned value is dropped.
    pub fn begin_request(&self, webhook: &'static str) -> InFlight {
        let gauge = self.in_flight.with([webhook]).clone();
        gauge.inc();
        InFlight(gauge)
    }

    pub fn record_body(&self, webhook: &'static str, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.body_sizes.with([webhook]).observe(bytes.into());
    }

    pub fn record_violation(&self, code: &'static str) {
        self.violations.with([code]).inc();
    }

    pub fn record_waived(&self, code: &'static str, reason: &WaiverReason) {
        self.waived_violations.with([code, reason.as_label()]).inc();
    }

    pub fn record_unjudged(&self, error: &JudgeError) {
        self.unjudged_requests.with([error.as_label()]).inc();
    }

    pub fn record_invalid(&self, status: u16) {
        self.invalid_requests.with([label::status(status)]).inc();
    }

    pub fn record_refused_connection(&self, reason: &'static str) {
        self.refused_connections.with([reason]).inc();
    }
}
