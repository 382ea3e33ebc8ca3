use super::load::Load;
use super::stage;

/// Three replicas are replaced one after another. Their endpoints are removed 0.1, 0.4 and 1 second after SIGTERM.
#[test]
fn rolling_restart_under_load_fails_no_write() {
    let mut stage = stage::shared();
    let load = Load::start(&stage);
    stage.restart_replicas();
    let writes = load.stop();
    support::say(&format!("rolling restart of 3 replicas: {writes}"));
    writes.assert_none_failed();
}
