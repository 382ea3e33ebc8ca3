use std::thread::sleep;
use std::time::{Duration, Instant};

use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::process::Process;
use bulkhead_harness::wire;
use serde_json::json;
use support::cluster::new_tenant_in;
use support::objects::{labelled_namespace, tenant};
use support::wait::within;

use super::load::Load;
use super::stage::Stage;

const OUTAGE: Duration = Duration::from_mins(1);
/// The time limit for everything to be correct again: the longest backoff of a watch is half a minute.
const RECOVERY: Duration = Duration::from_mins(1);

/// For a minute no replica and no controller reaches the API server. Meanwhile tenants come and go, and at the end the
/// history of etcd is removed, and the API server restarted: it answers all their watches with 410.
#[test]
fn api_server_away_for_a_minute_with_its_history_lost_needs_no_restart() {
    let mut stage = Stage::start(&[]);
    let admin = stage.cluster.admin().unwrap();
    let left = new_tenant_in(&stage.cluster, "left");
    let load = Load::start(&stage);
    let begin = Instant::now();
    stage.cable.cut();
    admin.ok(&["delete", "tenant", "left"]).unwrap();
    let owners = json!({ "owners": [{ "kind": "Group", "name": "joined-developers" }] });
    admin.apply(&tenant("joined", &owners).to_string()).unwrap();
    let joined = stage.cluster.powerful("joined-alice", "joined-developers").unwrap();
    while begin.elapsed() + Duration::from_secs(5) < OUTAGE {
        stage.assert_ready();
        sleep(Duration::from_secs(1));
    }
    let writes = load.stop();
    support::say(&format!("API server away for {OUTAGE:?}: {writes}"));
    writes.assert_none_failed();
    stage.cluster.compact_etcd().unwrap();
    stage.cluster.restart_api_server().unwrap();
    sleep(OUTAGE.saturating_sub(begin.elapsed()));

    let mended = Instant::now();
    stage.cable.mend();
    within(RECOVERY, || joined.run(&["create", "namespace", "tenant-joined"]).unwrap().success);
    stage.wait_until_ready(&joined, "tenant-joined");
    let forged = labelled_namespace("tenant-left", &json!({ "bulkhead.dev/tenant": "left" })).to_string();
    let create = ["create", "--dry-run=server", "-f", "-"];
    within(RECOVERY, || left.feed(&create, &forged).unwrap().stderr.contains("BH102"));
    stage.drift();
    support::say(&format!("correct {:.1?} after the API server was back", mended.elapsed()));
    stage.assert_ready();
    let expired = stage.replicas.iter().filter(|replica| replica.process.log().contains("too old"));
    assert_eq!(expired.count(), stage.replicas.len(), "each replica's watches have expired");
}

impl Stage {
    /// Waits until the baseline of a namespace is ready. Fails with the logs of the controllers.
    fn wait_until_ready(&self, owner: &Kubectl, namespace: &str) {
        let condition = "--for=condition=bulkhead.dev/BaselineReady";
        let said =
            owner.run(&["wait", condition, &format!("namespace/{namespace}"), "--timeout=60s"]).unwrap();
        let logs: Vec<String> = self.controllers.iter().map(Process::log).collect();
        assert!(said.success, "{}\n{}", said.stderr, logs.join("\n\n"));
    }

    /// Fails if a replica or a controller has ended or is not ready.
    fn assert_ready(&mut self) {
        for replica in &self.replicas {
            assert_eq!(wire::get(replica.admin, "/readyz").unwrap().status, 200);
        }
        for controller in &mut self.controllers {
            assert!(controller.is_running(), "{}", controller.log());
        }
    }
}
