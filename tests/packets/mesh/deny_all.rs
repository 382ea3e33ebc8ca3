//! The mesh-wide deny-all policy: as a dry run it allows and counts the calls that it would deny, and `bulkhead deny-all`
//! lists their targets; enforced, the calls do not arrive.

use bulkhead_harness::cluster::Cluster;
use bulkhead_harness::process::Process;

use support::deny_all::{DenyAll, closed_workloads};
use support::wait::until;

use super::PROXIES;
use super::asks::{ASKS, Heard};
use super::objects::ACME;
use super::rows::{Ending, ROWS, Row, Way};
use super::stage::Stage;

/// For the tenant's calls to itself, which no `ALLOW` policy selects yet.
pub(super) fn is_tried_before_it_is_enforced(stage: &Stage<'_>, cluster: &Cluster, controller: &mut Process) {
    let admin = cluster.admin().unwrap();
    let set_authorization = |authorization: &str| {
        let patch = format!(r#"{{"spec":{{"authorization":"{authorization}"}}}}"#);
        admin.ok(&["patch", "tenant", "pkt-acme", "--type=merge", "-p", &patch]).unwrap();
    };
    let until_all = |ending: Ending| {
        let ends_so = |row: &'static Row| stage.ending(row) == ending;
        until(|| allowed().all(ends_so));
    };
    let until_counted = || {
        let before = stage.would_refuse();
        until(|| {
            for row in allowed() {
                assert_eq!(stage.ending(row), Ending::Arrives, "{row:?}");
            }
            stage.would_refuse() > before
        });
    };
    let web = format!("{ACME}/web");
    let is_listed = || closed_workloads(&admin, ACME).iter().any(|(workload, _)| *workload == web);
    until_all(Ending::Arrives);
    let deny_all = DenyAll::dry_run(cluster, controller);
    until_counted();
    assert!(is_listed());

    deny_all.set("Enforce");
    until_all(Ending::Refused);
    // The policy of a shared service allows its tenants.
    assert_eq!(stage.heard(&ASKS[0]), Heard::Told);
    set_authorization("Open");
    until_all(Ending::Arrives);

    // Calls that an `ALLOW` policy allows are counted as well.
    deny_all.set("DryRun");
    until(|| stage.has_dry_run());
    until_counted();
    assert!(!is_listed());

    deny_all.set("Disabled");
    set_authorization("Explicit");
    until(|| !stage.has_dry_run());
    until_all(Ending::Arrives);
}

/// The calls through proxies that the baseline allows without deny-all.
fn allowed() -> impl Iterator<Item = &'static Row> {
    let is_allowed = |row: &&Row| row.way == Way::Usual && row.endings[PROXIES] == Ending::Arrives;
    ROWS.iter().filter(|row| row.though.is_none()).filter(is_allowed)
}
