//! What is denied to all by default: tried, it is let through, counted and named; in force, it does not arrive.

use bulkhead_harness::cluster::Cluster;
use bulkhead_harness::process::Process;

use super::asks::{ASKS, Heard};
use super::objects::ACME;
use super::rows::{Ending, ROWS, Row};
use super::stage::Stage;
use crate::cluster::until;
use crate::mesh_wide::{DenyAll, closed};

/// Of the tenant's calls to itself, for which nobody has written an `ALLOW` as yet.
pub(super) fn is_tried_first(stage: &Stage<'_>, cluster: &Cluster, controller: &mut Process) {
    let admin = cluster.admin().unwrap();
    let says = |authorization: &str| {
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
    let web = format!("{ACME}/web: ");
    let is_named = || closed(&admin, ACME).iter().any(|named| named.starts_with(&web));
    until_all(Ending::Arrives);
    let deny_all = DenyAll::tried(cluster, controller);
    until_counted();
    assert!(is_named());

    deny_all.becomes("Enforce");
    until_all(Ending::Refused);
    // What a SharedService is granted, its own policy allows.
    assert_eq!(stage.heard(&ASKS[0]), Heard::Told);
    says("Open");
    until_all(Ending::Arrives);

    // What an `ALLOW` lets through is counted as well.
    deny_all.becomes("DryRun");
    until(|| stage.is_tried());
    until_counted();
    assert!(!is_named());

    deny_all.becomes("Never");
    says("Explicit");
    until(|| !stage.is_tried());
    until_all(Ending::Arrives);
}

/// What the baseline lets through when nothing is denied by default.
fn allowed() -> impl Iterator<Item = &'static Row> {
    ROWS.iter().filter(|row| row.though.is_none() && row.endings[1] == Ending::Arrives)
}
