//! Metrics as data.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use bulkhead::telemetry::{Definition, Metrics};
use bulkhead_harness::wire;

/// The metrics that a process serves at its admin address.
pub fn metrics(admin: SocketAddr) -> String {
    wire::get(admin, "/metrics").unwrap().body
}

/// One value in the text format of Prometheus.
pub struct Sample<'t> {
    pub name: &'t str,
    pub labels: Vec<(&'t str, String)>,
    pub value: f64,
}

/// The values in a text in that format, in their order.
pub fn samples(text: &str) -> impl Iterator<Item = Sample<'_>> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let labels = labels.strip_suffix('}').unwrap().split_terminator("\",");
        let labels = labels.map(|label| {
            let (name, value) = label.split_once("=\"").unwrap();
            (name, value.trim_end_matches('"').to_owned())
        });
        Sample { name, labels: labels.collect(), value: value.parse().unwrap() }
    })
}

/// Expects that each value in the text is of a defined metric, and has its labels with values of their closed sets. The
/// names of the metrics.
pub fn expect_closed_sets(text: &str) -> BTreeSet<String> {
    let metrics = Metrics::default();
    let mut seen = BTreeSet::new();
    for Sample { name, labels, .. } in samples(text) {
        let is_of = |definition: &&Definition| {
            let suffix = name.strip_prefix(definition.name.as_str());
            suffix.is_some_and(|suffix| ["", "_bucket", "_count", "_sum"].contains(&suffix))
        };
        let definition = metrics.definitions().iter().find(is_of);
        let definition = definition.unwrap_or_else(|| panic!("{name} is not defined"));
        seen.insert(definition.name.clone());
        let allowed: BTreeMap<_, _> =
            definition.labels.iter().map(|label| (label.name, label.values())).collect();
        let labels: BTreeMap<_, _> = labels.into_iter().filter(|(label, _)| *label != "le").collect();
        assert!(labels.keys().eq(allowed.keys()), "{name}{labels:?}");
        for (label, value) in labels {
            assert!(allowed[label].contains(&value.as_str()), "{name}: {label} is {value}");
        }
    }
    seen
}

/// The value of a counter or a gauge, such as `bulkhead_violations_total{code="BH301"}`; zero if it is absent.
pub fn value(metrics: &str, series: &str) -> u64 {
    let value = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.map_or(0, |value| value.parse().unwrap())
}

/// The sum of the counters whose series begin with this text.
pub fn sum(metrics: &str, series: &str) -> u64 {
    let values =
        metrics.lines().filter(|line| line.starts_with(series)).filter_map(|line| line.rsplit_once(' '));
    values.map(|(_, value)| value.parse::<u64>().unwrap()).sum()
}
