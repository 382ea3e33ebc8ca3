use std::thread::sleep;
use std::time::Duration;

use super::load::Load;
use super::stage;

/// The time after which the loss of a replica must not be seen any more.
const RECOVERY: Duration = Duration::from_secs(5);

/// A replica ends without a farewell. Its endpoint stays for two seconds, in which the API server opens connections to it.
#[test]
fn killed_replica_under_load_fails_writes_for_at_most_five_seconds() {
    let mut stage = stage::shared();
    let load = Load::start(&stage);
    sleep(Duration::from_secs(3));
    let killed = load.elapsed();
    stage.kill_replica(Duration::from_secs(2));
    sleep(RECOVERY + Duration::from_secs(2));
    let writes = load.stop();
    let failed_after: Vec<_> = writes.failed().map(|write| write.at.saturating_sub(killed)).collect();
    support::say(&format!(
        "kill -9 of one of 3 replicas: {writes}; the last failed write began {:.1?} after it",
        failed_after.last().copied().unwrap_or_default()
    ));
    writes.assert_judged();
    for write in writes.failed() {
        assert!(write.has_clear_error() && write.at < killed + RECOVERY, "killed at {killed:?}: {write:?}");
    }
}
