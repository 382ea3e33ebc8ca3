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
    seconds: Family<EntryLabels, Histogram>,
    violations: Family<ViolationLabels, Counter>,
    admitted: Family<AdmittedLabels, Counter>,
    unjudged: Family<UnjudgedLabels, Counter>,
    rejected: Family<RejectedLabels, Counter>,
    repairs: Family<KindLabels, Counter>,
    registration: Family<RegistrationLabels, Gauge>,
    ages: Family<ListLabels, Gauge<f64, AtomicU64>>,
    failures: Mutex<BTreeMap<&'static str, Option<Failure>>>,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RequestLabels {
    entry: &'static str,
    allowed: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct EntryLabels {
    entry: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ViolationLabels {
    code: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct AdmittedLabels {
    code: &'static str,
    why: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct UnjudgedLabels {
    reason: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RejectedLabels {
    status: u16,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct KindLabels {
    kind: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ListLabels {
    list: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RegistrationLabels {
    state: &'static str,
}

/// Buckets from a decision in memory to one that waited for a newer snapshot.
const SECONDS: [f64; 12] =
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
        let seconds = Family::new_with_constructor((|| Histogram::new(SECONDS)) as fn() -> Histogram);
        registry.register_with_unit(
            "admission",
            "Time from reading an admission review to its answer, by webhook entry",
            Unit::Seconds,
            seconds.clone(),
        );
        let violations = Family::default();
        registry.register(
            "violations",
            "Violations for which a write was refused, by rule",
            violations.clone(),
        );
        let admitted = Family::default();
        registry.register(
            "admitted_violations",
            "Violations that were admitted, by rule and reason",
            admitted.clone(),
        );
        let unjudged = Family::default();
        registry.register(
            "unjudged",
            "Admission reviews refused because they could not be judged, by reason",
            unjudged.clone(),
        );
        let rejected = Family::default();
        registry.register(
            "rejected_requests",
            "Requests rejected because they were not admission reviews, by HTTP status",
            rejected.clone(),
        );
        let repairs = Family::default();
        registry.register(
            "baseline_repairs",
            "Baseline objects that were changed or deleted and that the controller restored, by kind",
            repairs.clone(),
        );
        let registration = Family::default();
        registry.register(
            "registration",
            "State of the webhook configurations as the leader sees it: enforced, unproven, left or unknown",
            registration.clone(),
        );
        let ages = Family::default();
        registry.register_with_unit(
            "watch_age",
            "Time for which the watch of a list has failed; decisions may use data of this age",
            Unit::Seconds,
            ages.clone(),
        );
        let failures = Mutex::default();
        Self {
            registry,
            requests,
            seconds,
            violations,
            admitted,
            unjudged,
            rejected,
            repairs,
            registration,
            ages,
            failures,
        }
    }
}

/// The first and the last failure of a watch since its last success.
#[derive(Clone, Copy, Debug)]
pub struct Failure {
    pub first: Instant,
    pub last: Instant,
}

/// A failing watch fails again sooner than this. A watch that works again may be silent for longer.
const SILENCE: Duration = Duration::from_secs(75);

impl Failure {
    /// Returns the largest age of the data at `now`.
    fn age(self, now: Instant) -> Duration {
        if now.saturating_duration_since(self.last) > SILENCE {
            return Duration::ZERO;
        }
        now.saturating_duration_since(self.first)
    }
}

impl Metrics {
    pub fn answered(&self, entry: &'static str, allowed: bool, took: Duration) {
        let allowed = if allowed { "true" } else { "false" };
        self.requests.get_or_create(&RequestLabels { entry, allowed }).inc();
        self.seconds.get_or_create(&EntryLabels { entry }).observe(took.as_secs_f64());
    }

    pub fn refused_by(&self, code: &'static str) {
        self.violations.get_or_create(&ViolationLabels { code }).inc();
    }

    pub fn admitted(&self, code: &'static str, why: &WaiverReason) {
        self.admitted.get_or_create(&AdmittedLabels { code, why: why.as_label() }).inc();
    }

    pub fn unjudged(&self, reason: &'static str) {
        self.unjudged.get_or_create(&UnjudgedLabels { reason }).inc();
    }

    pub fn rejected(&self, status: u16) {
        self.rejected.get_or_create(&RejectedLabels { status }).inc();
    }

    pub fn repaired(&self, kind: &'static str) {
        self.repairs.get_or_create(&KindLabels { kind }).inc();
    }

    /// Sets the state of the registration; `None` if another replica is the leader.
    pub fn registration(&self, state: Option<&'static str>) {
        self.registration.clear();
        if let Some(state) = state {
            self.registration.get_or_create(&RegistrationLabels { state }).set(1);
        }
    }

    /// Sets the failure of a watch; `None` while it works.
    pub fn watches(&self, list: &'static str, failure: Option<Failure>) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).insert(list, failure);
    }

    /// Returns all metrics at `now`, in the text format of Prometheus.
    pub fn text(&self, now: Instant) -> Result<String, std::fmt::Error> {
        for (list, failure) in self.failures.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let age = failure.map_or(Duration::ZERO, |failure| failure.age(now)).as_secs_f64();
            self.ages.get_or_create(&ListLabels { list }).set(age);
        }
        let mut buffer = String::new();
        text::encode(&mut buffer, &self.registry)?;
        Ok(buffer)
    }
}
