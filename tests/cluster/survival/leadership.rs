use std::time::{Duration, Instant};

use serde_json::Value;
use support::cluster::{jsonpath, log_lines};
use support::wait::within;

use super::stage::Stage;

const TAKEOVER: Duration = Duration::from_secs(20);
const LEASE: [&str; 4] = ["lease", "bulkhead-controller", "-n", "bulkhead-system"];
const CONTROLLER: &str = "--as=system:serviceaccount:bulkhead-system:bulkhead-controller";

/// A leader is killed, and the next one suspended for so long that a third one leads when it wakes up.
#[test]
fn lost_leader_is_followed_within_twenty_seconds_and_no_two_write() {
    let mut stage = Stage::start(&[]);
    stage.drift();
    let leader = stage.leader();
    let killed = Instant::now();
    stage.controllers[leader].kill().unwrap();
    stage.remove_policy();
    within(TAKEOVER, || stage.has_policy());
    support::say(&format!(
        "killed leader: another one has repaired the baseline after {:.1?}",
        killed.elapsed()
    ));

    let suspended = stage.leader();
    assert_ne!(suspended, leader);
    stage.add_controller();
    let before = stage.holder();
    stage.controllers[suspended].suspend().unwrap();
    stage.remove_policy();
    within(TAKEOVER, || stage.has_policy());
    assert_ne!(stage.holder(), before);
    // Both see this drift.
    stage.remove_policy();
    stage.controllers[suspended].resume().unwrap();
    let end = Instant::now() + Duration::from_secs(5);
    while Instant::now() < end {
        stage.drift();
    }
    let writers = stage.writers();
    support::say(&format!("writers, each with its first and its last write: {writers:#?}"));
    assert_eq!(writers.len(), 3);
    for (earlier, later) in writers.iter().zip(writers.iter().skip(1)) {
        assert!(earlier.last < later.first, "{writers:#?}");
    }
}

/// The writes of one controller's token in the audit log. Times are of RFC 3339 with microseconds.
#[derive(Debug)]
struct Writer {
    credential: String,
    first: String,
    last: String,
}

impl Stage {
    /// Deletes a baseline object, and waits until the leader has repaired it.
    pub(super) fn drift(&self) {
        self.remove_policy();
        within(TAKEOVER, || self.has_policy());
    }

    fn remove_policy(&self) {
        let delete = ["delete", "networkpolicy", "default-deny-all", "-n", &self.namespace, CONTROLLER];
        self.cluster.admin().unwrap().ok(&delete).unwrap();
    }

    fn has_policy(&self) -> bool {
        let get = ["get", "networkpolicy", "default-deny-all", "-n", &self.namespace];
        self.member.run(&get).unwrap().success
    }

    fn holder(&self) -> String {
        jsonpath(&self.cluster.admin().unwrap(), &LEASE, "{.spec.holderIdentity}")
    }

    /// The index of the controller that holds the lease.
    fn leader(&self) -> usize {
        let holder = self.holder();
        let leads = |line: &Value| line["message"] == "leading" && line["holder"] == holder.as_str();
        let leader = self.controllers.iter().position(|controller| log_lines(controller).iter().any(leads));
        leader.unwrap()
    }

    /// The controllers that have written, in the order of their first writes.
    fn writers(&self) -> Vec<Writer> {
        let mut writers: Vec<Writer> = Vec::new();
        let user = "system:serviceaccount:bulkhead-system:bulkhead-controller";
        for event in self.cluster.audited(user).unwrap() {
            if event["requestURI"].as_str().unwrap().contains("dryRun=All") {
                continue;
            }
            let credential = &event["user"]["extra"]["authentication.kubernetes.io/credential-id"][0];
            let (credential, at) = (credential.as_str().unwrap(), event["requestReceivedTimestamp"].as_str());
            let at = at.unwrap().to_owned();
            if let Some(writer) = writers.iter_mut().find(|writer| writer.credential == credential) {
                writer.first = writer.first.clone().min(at.clone());
                writer.last = writer.last.clone().max(at);
            } else {
                writers.push(Writer { credential: credential.to_owned(), first: at.clone(), last: at });
            }
        }
        writers.sort_by(|one, other| one.first.cmp(&other.first));
        writers
    }
}
