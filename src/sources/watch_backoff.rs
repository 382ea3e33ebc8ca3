use std::time::Duration;

use backon::ExponentialBuilder;
use kube::runtime::watcher::ExponentialBackoff;

/// Returns the time between the attempts of a watch that fails, at most five seconds. After an outage of the API server a
/// watch fails once more, because its version has expired: with the half minute of kube's default, data would stay
/// old for a minute after the outage.
pub(crate) fn watch_backoff() -> ExponentialBackoff {
    let backoff = ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(800))
        .with_max_delay(Duration::from_secs(5))
        .without_max_times()
        .with_jitter();
    backoff.into()
}
