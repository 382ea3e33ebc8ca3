use std::ops::Deref;
use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::TypedMetric;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry, Unit};

use super::label::Label;

const PREFIX: &str = "bulkhead";

/// A gauge with fractions.
pub(super) type Float = Gauge<f64, AtomicU64>;

/// The description of a metric.
#[derive(Clone, Debug)]
pub struct Definition {
    /// The name of its series, with unit and suffix.
    pub name: String,
    pub metric_type: Type,
    /// The unit of a value; `None` for a plain number.
    pub unit: Option<String>,
    pub labels: Vec<Label>,
    pub meaning: &'static str,
}

/// The type of a metric, as Prometheus names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Counter,
    Gauge,
    Histogram,
}

/// A metric with labels.
#[derive(Debug)]
pub(super) struct Labelled<M, const N: usize, C = fn() -> M> {
    labels: [Label; N],
    family: Family<LabelSet<N>, M, C>,
}

type LabelSet<const N: usize> = [(&'static str, &'static str); N];

impl<M: Clone, const N: usize, C: MetricConstructor<M>> Labelled<M, N, C> {
    /// Returns the series with these values, in the order of the labels.
    pub(super) fn with(&self, values: [&'static str; N]) -> impl Deref<Target = M> {
        self.family.get_or_create(&self.label_set(values))
    }

    /// Returns the series with these values, if it exists.
    pub(super) fn get(&self, values: [&'static str; N]) -> Option<impl Deref<Target = M>> {
        self.family.get(&self.label_set(values))
    }

    pub(super) fn remove(&self, values: [&'static str; N]) {
        self.family.remove(&self.label_set(values));
    }

    pub(super) fn clear(&self) {
        self.family.clear();
    }

    fn label_set(&self, values: [&'static str; N]) -> LabelSet<N> {
        let mut values = values.into_iter();
        self.labels.map(|label| {
            let value = values.next().unwrap_or_default();
            debug_assert!(label.values().contains(&value), "{} cannot be {value}", label.name);
            (label.name, value)
        })
    }
}

/// The upper bounds of a histogram's buckets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Buckets(&'static [f64]);

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

pub(super) type LabelledHistogram<const N: usize> = Labelled<Histogram, N, Buckets>;

/// Registers metrics, and keeps their descriptions.
#[derive(Debug)]
pub(super) struct Catalogue {
    pub(super) registry: Registry,
    pub(super) definitions: Vec<Definition>,
}

impl Default for Catalogue {
    fn default() -> Self {
        Self { registry: Registry::with_prefix(PREFIX), definitions: Vec::new() }
    }
}

impl Catalogue {
    pub(super) fn counter<const N: usize>(
        &mut self,
        name: &'static str,
        labels: [Label; N],
        meaning: &'static str,
    ) -> Labelled<Counter, N> {
        let family = Family::default();
        self.add(name, Type::Counter, None, &labels, meaning, family.clone());
        Labelled { labels, family }
    }

    pub(super) fn gauge<M: Metric + TypedMetric + Clone + Default, const N: usize>(
        &mut self,
        name: &'static str,
        unit: Option<Unit>,
        labels: [Label; N],
        meaning: &'static str,
    ) -> Labelled<M, N> {
        let family = Family::default();
        self.add(name, Type::Gauge, unit, &labels, meaning, family.clone());
        Labelled { labels, family }
    }

    /// Registers a gauge without labels, which always has a value.
    pub(super) fn plain_gauge<M: Metric + Clone + Default>(
        &mut self,
        name: &'static str,
        unit: Option<Unit>,
        meaning: &'static str,
    ) -> M {
        let gauge = M::default();
        self.add(name, Type::Gauge, unit, &[], meaning, gauge.clone());
        gauge
    }

    pub(super) fn histogram<const N: usize>(
        &mut self,
        name: &'static str,
        unit: Unit,
        labels: [Label; N],
        buckets: &'static [f64],
        meaning: &'static str,
    ) -> LabelledHistogram<N> {
        let family = Family::new_with_constructor(Buckets(buckets));
        self.add(name, Type::Histogram, Some(unit), &labels, meaning, family.clone());
        Labelled { labels, family }
    }

    fn add(
        &mut self,
        name: &'static str,
        metric_type: Type,
        unit: Option<Unit>,
        labels: &[Label],
        meaning: &'static str,
        metric: impl Metric,
    ) {
        let suffix = unit.as_ref().map(|unit| format!("_{}", unit.as_str())).unwrap_or_default();
        let total = if metric_type == Type::Counter { "_total" } else { "" };
        self.definitions.push(Definition {
            name: format!("{PREFIX}_{name}{suffix}{total}"),
            metric_type,
            unit: unit.as_ref().map(|unit| unit.as_str().to_owned()),
            labels: labels.to_vec(),
            meaning,
        });
        match unit {
            Some(unit) => self.registry.register_with_unit(name, meaning, unit, metric),
            None => self.registry.register(name, meaning, metric),
        }
    }
}
