use std::time::{Duration, Instant};

/// The first and the last failure since the last success.
#[derive(Clone, Copy, Debug)]
pub struct Failure {
    pub first: Instant,
    pub last: Instant,
}

/// A failing watch fails again sooner than this. A watch that works again may be silent for longer.
const FAILURE_EXPIRY: Duration = Duration::from_secs(75);

impl Failure {
    /// Returns the failure after another one, or the first.
    pub fn after(earlier: Option<Self>) -> Self {
        let last = Instant::now();
        Self { first: earlier.map_or(last, |known| known.first), last }
    }

    /// Returns the largest age of the data at `now`.
    pub(super) fn age(self, now: Instant) -> Duration {
        if now.saturating_duration_since(self.last) > FAILURE_EXPIRY {
            return Duration::ZERO;
        }
        now.saturating_duration_since(self.first)
    }
}
