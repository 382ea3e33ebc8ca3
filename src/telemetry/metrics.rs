use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Counts of what was decided. Labels come from closed sets, never from a request.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    seconds: Family<EntryLabels, Histogram>,
    violations: Family<ViolationLabels, Counter>,
    overridden: Family<ViolationLabels, Counter>,
    unjudged: Family<UnjudgedLabels, Counter>,
    rejected: Family<RejectedLabels, Counter>,
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
struct UnjudgedLabels {
    reason: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RejectedLabels {
    status: u16,
}

/// From a decision in memory to one that waited for a newer world.
const SECONDS: [f64; 12] =
    [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0];

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("bulkhead");
        let requests = Family::default();
        registry.register("admission_requests", "Reviews answered", requests.clone());
        let seconds = Family::new_with_constructor((|| Histogram::new(SECONDS)) as fn() -> Histogram);
        registry.register_with_unit(
            "admission",
            "Time from a review read to its answer",
            Unit::Seconds,
            seconds.clone(),
        );
        let violations = Family::default();
        registry.register("violations", "Violations that refused a write, by rule", violations.clone());
        let overridden = Family::default();
        registry.register(
            "break_glass",
            "Violations admitted because the glass was broken, by rule",
            overridden.clone(),
        );
        let unjudged = Family::default();
        registry.register("unjudged", "Reviews refused because they could not be judged", unjudged.clone());
        let rejected = Family::default();
        registry.register(
            "rejected_requests",
            "Requests that were no review, by HTTP status",
            rejected.clone(),
        );
        Self { registry, requests, seconds, violations, overridden, unjudged, rejected }
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

    pub fn overridden(&self, code: &'static str) {
        self.overridden.get_or_create(&ViolationLabels { code }).inc();
    }

    pub fn unjudged(&self, reason: &'static str) {
        self.unjudged.get_or_create(&UnjudgedLabels { reason }).inc();
    }

    pub fn rejected(&self, status: u16) {
        self.rejected.get_or_create(&RejectedLabels { status }).inc();
    }

    /// All of it, as Prometheus reads it.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut buffer = String::new();
        text::encode(&mut buffer, &self.registry)?;
        Ok(buffer)
    }
}
