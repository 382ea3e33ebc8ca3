use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::policy::WaiverReason;

/// The metrics of the process. Label values come from closed sets, never from a request.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<WebhookLabels, Histogram>,
    violations: Family<ViolationLabels, Counter>,
    waived_violations: Family<WaivedLabels, Counter>,
    unjudged_requests: Family<UnjudgedLabels, Counter>,
    invalid_requests: Family<InvalidLabels, Counter>,
    refused_connections: Family<ConnectionLabels, Counter>,
    repairs: Family<KindLabels, Counter>,
    registration: Family<RegistrationLabels, Gauge>,
    staleness: Family<ResourceLabels, Gauge<f64, AtomicU64>>,
    failures: Mutex<BTreeMap<&'static str, Option<Failure>>>,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RequestLabels {
    webhook: &'static str,
    allowed: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct WebhookLabels {
    webhook: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ViolationLabels {
    code: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct WaivedLabels {
    code: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct UnjudgedLabels {
    reason: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct InvalidLabels {
    status: u16,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ConnectionLabels {
    reason: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct KindLabels {
    kind: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ResourceLabels {
    resource: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RegistrationLabels {
    state: &'static str,
}

/// Buckets from a decision in memory to one that waited for a newer snapshot.
const DURATION_BUCKETS: [f64; 12] =
    [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0];

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("bulkhead");
        let requests = Family::default();
        registry.register(
            "admission_requests",
            "Admission reviews answered, by webhook entry and result",
            requests.clone(),
        );
        let durations =
            Family::new_with_constructor((|| Histogram::new(DURATION_BUCKETS)) as fn() -> Histogram);
        registry.register_with_unit(
            "admission_duration",
            "Time from reading an admission review to its answer, by webhook entry",
            Unit::Seconds,
            durations.clone(),
        );
        let violations = Family::default();
        registry.register(
            "violations",
            "Violations for which a write was refused, by rule",
            violations.clone(),
        );
        let waived_violations = Family::default();
        registry.register(
            "waived_violations",
            "Violations that were admitted, by rule and reason",
            waived_violations.clone(),
        );
        let unjudged_requests = Family::default();
        registry.register(
            "unjudged_requests",
            "Admission reviews refused because they could not be judged, by reason",
            unjudged_requests.clone(),
        );
        let invalid_requests = Family::default();
        registry.register(
            "invalid_requests",
            "Requests rejected because they were not admission reviews, by HTTP status",
            invalid_requests.clone(),
        );
        let refused_connections = Family::default();
        registry.register(
            "refused_connections",
            "Connections to the webhook that were closed before a request, by reason: handshake or source-limit",
            refused_connections.clone(),
        );
        let repairs = Family::default();
        registry.register(
            "baseline_repairs",
            "Baseline objects that were changed or deleted and that the controller restored, by kind",
            repairs.clone(),
        );
        let registration = Family::default();
        registry.register(
            "webhook_registration",
            "State of the webhook configurations as the leader sees it: enforced, unverified, unmanaged or unknown",
            registration.clone(),
        );
        let staleness = Family::default();
        registry.register_with_unit(
            "watch_staleness",
            "Time for which a watch, or learning the mesh's proxy, has failed; decisions may use data of this age",
            Unit::Seconds,
            staleness.clone(),
        );
        let failures = Mutex::default();
        Self {
            registry,
            requests,
            durations,
            violations,
            waived_violations,
            unjudged_requests,
            invalid_requests,
            refused_connections,
            repairs,
            registration,
            staleness,
            failures,
        }
    }
}

/// The first and the last failure since the last success.
#[derive(Clone, Copy, Debug)]
pub struct Failure {
    pub first: Instant,
    pub last: Instant,
}

/// A failing watch fails again sooner than this. A watch that works again may be silent for longer.
const FAILURE_EXPIRY: Duration = Duration::from_secs(75);

impl Failure {
    /// Returns the largest age of the data at `now`.
    fn age(self, now: Instant) -> Duration {
        if now.saturating_duration_since(self.last) > FAILURE_EXPIRY {
            return Duration::ZERO;
        }
        now.saturating_duration_since(self.first)
    }
}

impl Metrics {
    pub fn record_request(&self, webhook: &'static str, allowed: bool, duration: Duration) {
        let allowed = if allowed { "true" } else { "false" };
        self.requests.get_or_create(&RequestLabels { webhook, allowed }).inc();
        self.durations.get_or_create(&WebhookLabels { webhook }).observe(duration.as_secs_f64());
    }

    pub fn record_violation(&self, code: &'static str) {
        self.violations.get_or_create(&ViolationLabels { code }).inc();
    }

    pub fn record_waived(&self, code: &'static str, reason: &WaiverReason) {
        self.waived_violations.get_or_create(&WaivedLabels { code, reason: reason.as_label() }).inc();
    }

    pub fn record_unjudged(&self, reason: &'static str) {
        self.unjudged_requests.get_or_create(&UnjudgedLabels { reason }).inc();
    }

    pub fn record_invalid(&self, status: u16) {
        self.invalid_requests.get_or_create(&InvalidLabels { status }).inc();
    }

    pub fn record_refused_connection(&self, reason: &'static str) {
        self.refused_connections.get_or_create(&ConnectionLabels { reason }).inc();
    }

    pub fn record_repair(&self, kind: &'static str) {
        self.repairs.get_or_create(&KindLabels { kind }).inc();
    }

    /// Sets the state of the registration; `None` if another replica is the leader.
    pub fn set_registration(&self, state: Option<&'static str>) {
        self.registration.clear();
        if let Some(state) = state {
            self.registration.get_or_create(&RegistrationLabels { state }).set(1);
        }
    }

    /// Sets the failure of a watch, or of learning the mesh's proxy; `None` while it works.
    pub fn set_failure(&self, resource: &'static str, failure: Option<Failure>) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).insert(resource, failure);
    }

    /// Returns all metrics at `now`, in the text format of Prometheus.
    pub fn encode(&self, now: Instant) -> Result<String, std::fmt::Error> {
        for (resource, failure) in self.failures.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let age = failure.map_or(Duration::ZERO, |failure| failure.age(now)).as_secs_f64();
            self.staleness.get_or_create(&ResourceLabels { resource }).set(age);
        }
        let mut buffer = String::new();
        text::encode(&mut buffer, &self.registry)?;
        Ok(buffer)
    }
}
