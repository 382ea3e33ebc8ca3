use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::snapshot::Snapshot;

/// Comparing with new snapshots may use at most 1/`DUTY_CYCLE` of the time. If a comparison is slow, the next one
/// covers more changes.
const DUTY_CYCLE: u32 = 5;
/// Maximum delay before a new snapshot is compared, because pods wait for what it contains.
const MAX_DELAY: Duration = Duration::from_secs(1);

/// The pace at which targets are compared with new snapshots.
#[derive(Default)]
pub(super) struct SnapshotPace {
    current: Option<Arc<Snapshot>>,
    /// True if the current snapshot has not been compared yet.
    is_new: bool,
    /// Earliest time at which a newer snapshot is compared.
    not_before: Option<Instant>,
}

impl SnapshotPace {
    /// Returns the snapshot to compare with now, which is not always the newest.
    pub(super) fn due(&mut self, now: Instant, newest: Arc<Snapshot>) -> Arc<Snapshot> {
        if let Some(current) = &self.current
            && (Arc::ptr_eq(current, &newest) || self.not_before.is_some_and(|not_before| not_before > now))
        {
            return Arc::clone(current);
        }
        self.is_new = true;
        self.current = Some(Arc::clone(&newest));
        newest
    }

    /// Records that the comparison has ended, and what it has cost.
    pub(super) fn record(&mut self, now: Instant, cost: Duration) {
        if std::mem::take(&mut self.is_new) {
            self.not_before = Some(now + (cost * (DUTY_CYCLE - 1)).min(MAX_DELAY));
        }
    }

    /// Returns the time at which the newest snapshot is compared; `None` if it is in use already.
    pub(super) fn next(&self, newest: Option<&Arc<Snapshot>>) -> Option<Instant> {
        let (current, newest) = self.current.as_ref().zip(newest)?;
        self.not_before.filter(|_| !Arc::ptr_eq(current, newest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;
    use crate::snapshot::ClusterState;

    #[test]
    fn slow_comparison_delays_the_next_one() {
        let [first, second] =
            [(); 2].map(|()| Arc::new(Snapshot::new(Arc::new(Settings::default()), ClusterState::default())));
        let (now, cost) = (Instant::now(), Duration::from_millis(100));
        let mut pace = SnapshotPace::default();
        assert!(Arc::ptr_eq(&pace.due(now, Arc::clone(&first)), &first));
        pace.record(now + cost, cost);
        assert_eq!(pace.next(Some(&first)), None);
        let next = now + 5 * cost;
        assert_eq!(pace.next(Some(&second)), Some(next));
        assert!(Arc::ptr_eq(&pace.due(next - cost, Arc::clone(&second)), &first));
        assert!(Arc::ptr_eq(&pace.due(next, Arc::clone(&second)), &second));
        pace.record(next, Duration::from_mins(1));
        assert_eq!(pace.next(Some(&first)), Some(next + MAX_DELAY));
    }
}
