//! What the benchmarks of decisions share: the decision, its time, and the spread of several times.

use std::time::Instant;

use bulkhead::policy::judge;
use bulkhead::snapshot::Snapshot;
use bulkhead::webhook::wire::{self, AdmissionResponse};

/// Decides as the webhook does, without the network.
pub(crate) fn decide(bytes: &[u8], snapshot: &Snapshot) -> Vec<u8> {
    let envelope = wire::read(bytes, Some(snapshot)).expect("a review");
    AdmissionResponse::from_verdict(&judge(&envelope.review(), snapshot))
        .write(envelope.uid())
        .expect("an answer")
}

/// Returns the time of one of `turns` turns in microseconds.
pub(crate) fn micros(turns: u32, mut work: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..turns {
        work();
    }
    start.elapsed().as_secs_f64() * 1e6 / f64::from(turns)
}

pub(crate) fn ratio(of: &[f64], to: &[f64]) -> String {
    spread(of.iter().zip(to).map(|(of, to)| of / to).collect())
}

/// Writes the median, the least and the most.
pub(crate) fn spread(mut figures: Vec<f64>) -> String {
    figures.sort_by(f64::total_cmp);
    let at = |place: usize| figures.get(place).copied().unwrap_or(f64::NAN);
    format!("{:.2} ({:.2} to {:.2})", at(figures.len() / 2), at(0), at(figures.len() - 1))
}
