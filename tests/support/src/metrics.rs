//! Metrics as data.

use std::net::SocketAddr;

use bulkhead_harness::wire;

/// The metrics that a process serves at its admin address.
pub fn metrics(admin: SocketAddr) -> String {
    wire::get(admin, "/metrics").unwrap().body
}

/// The value of a counter or a gauge, such as `bulkhead_violations_total{code="BH301"}`; zero if it is absent.
pub fn value(metrics: &str, series: &str) -> u64 {
    let value = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.map_or(0, |value| value.parse().unwrap())
}
