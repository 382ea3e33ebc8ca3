//! Figures of rounds that alternate: their median and quartiles, and comparisons round by round.

use std::time::Duration;

/// One figure of each round, in the order of the rounds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures(Vec<f64>);

impl Figures {
    pub(crate) fn push(&mut self, figure: f64) {
        self.0.push(figure);
    }

    pub(crate) fn extend(&mut self, other: &Self) {
        self.0.extend(&other.0);
    }

    pub(crate) fn median(&self) -> f64 {
        self.percentile(50)
    }

    /// Writes the median, and the quartiles in brackets.
    pub(crate) fn text(&self, digits: usize) -> String {
        let [first, median, third] = [25, 50, 75].map(|part| self.percentile(part));
        format!("{median:.digits$} ({first:.digits$} to {third:.digits$})")
    }

    /// Returns the ratio to `base` in each round.
    pub(crate) fn ratio(&self, base: &Self) -> Self {
        self.compared(base, |figure, base| figure / base)
    }

    /// Returns the difference to `base` in each round.
    pub(crate) fn minus(&self, base: &Self) -> Self {
        self.compared(base, |figure, base| figure - base)
    }

    pub(crate) fn plus(&self, other: &Self) -> Self {
        self.compared(other, |figure, other| figure + other)
    }

    fn compared(&self, other: &Self, compare: impl Fn(f64, f64) -> f64) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(figure, other)| compare(*figure, *other)).collect())
    }

    fn percentile(&self, part: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let place = sorted.len().saturating_sub(1) * part / 100;
        sorted.get(place).copied().unwrap_or(f64::NAN)
    }
}

impl FromIterator<f64> for Figures {
    fn from_iter<I: IntoIterator<Item = f64>>(figures: I) -> Self {
        Self(figures.into_iter().collect())
    }
}

/// Measures each of `all` once. Each turn begins with another of them.
pub(crate) fn interleave<T>(all: &mut [T], turn: u32, mut measure: impl FnMut(&mut T)) {
    let (after, before) = all.split_at_mut(turn as usize % all.len());
    before.iter_mut().chain(after).for_each(&mut measure);
}

/// Returns the part of a time that each of `requests` requests takes, in microseconds.
pub(crate) fn micros_each(time: Duration, requests: u32) -> f64 {
    time.as_secs_f64() * 1e6 / f64::from(requests)
}
