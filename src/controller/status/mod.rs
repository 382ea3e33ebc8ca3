//! Keeps the status of Tenants, SharedServices and Exemptions current.
//!
//! A condition is an ordered list of cases (`condition`), each a pure function of an object and of what Bulkhead knows
//! (`inputs`). The files `tenant`, `grants`, `shared_service` and `exemption` have these lists. `patch` computes the
//! status to write. Only this file and the files `watched_…` know the cluster and the clock.

mod condition;
mod exemption;
mod grants;
mod inputs;
mod object;
mod patch;
mod shared_service;
mod tenant;
#[cfg(test)]
mod testing;
mod watched_objects;
mod watched_store;
mod waypoints;

use std::time::Duration;

use futures::FutureExt;
use futures::future::select_all;
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use tokio::time::sleep;

use super::audit_loop::AuditResults;
use super::baseline::ReconcileErrors;
use crate::snapshot::{Exemption, SharedService, Tenant};
use crate::sources::SnapshotStore;
use inputs::StatusInputs;
use watched_objects::WatchedObjects;
use waypoints::{WaypointWatch, Waypoints};

/// Collects a burst of changes into one update.
const DEBOUNCE: Duration = Duration::from_millis(200);
/// Updates at least this often, because an Exemption expires without a change.
const RESYNC_INTERVAL: Duration = Duration::from_secs(30);

/// Keeps the status of all objects current. Runs until dropped.
pub(super) async fn run(
    client: Client,
    snapshots: &SnapshotStore,
    audit_results: &AuditResults,
    errors: &ReconcileErrors,
) {
    let mut kinds = [
        WatchedObjects::watch::<Exemption>(&client),
        WatchedObjects::watch::<SharedService>(&client),
        WatchedObjects::watch::<Tenant>(&client),
    ];
    let mut snapshot_changes = snapshots.subscribe();
    let mut watch: Option<WaypointWatch> = None;
    loop {
        tokio::select! {
            _ = select_all(kinds.iter_mut().map(|objects| objects.changed().boxed())) => {}
            Ok(()) = snapshot_changes.changed() => {}
            () = audit_results.changed.notified() => {}
            () = errors.changed.notified() => {}
            () = WaypointWatch::changed(watch.as_mut()) => {}
            () = sleep(RESYNC_INTERVAL) => {}
        }
        if let Some(snapshot) = snapshots.newest() {
            let (errors, audits) = (errors.current(), audit_results.current());
            let is_needed = snapshot.has_captured_pods();
            watch = is_needed.then(|| watch.unwrap_or_else(|| WaypointWatch::start(&client)));
            let waypoints = match &watch {
                Some(watch) => watch.current(),
                None => Some(Waypoints::default()),
            };
            let now = Timestamp::now();
            if let Some(waypoints) = waypoints {
                let (snapshot, errors, audits) = (&snapshot, &errors, &audits);
                let inputs = StatusInputs { snapshot, errors, audits, waypoints: &waypoints, now };
                for objects in &mut kinds {
                    objects.update(&inputs).await;
                }
            }
        }
        sleep(DEBOUNCE).await;
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use super::condition::{ConditionType, INVALID_SPEC, false_because, true_because};
    use super::object::StatusObject;
    use super::testing::{Scenario, TENANT};
    use super::*;

    #[test]
    fn first_case_that_applies_decides() {
        const CONDITION: ConditionType<Tenant> = ConditionType {
            name: "Tested",
            cases: &[
                false_because("Never", |_, _| None),
                true_because("First", |_, _| Some("first".to_owned())),
                false_because("Second", |_, _| Some("second".to_owned())),
            ],
            otherwise: ("Otherwise", |_| "otherwise".to_owned()),
        };
        Scenario::new(TENANT).run(|tenant, inputs| {
            let state = CONDITION.evaluate(tenant, inputs);
            assert_eq!((state.is_true, state.reason, state.message.as_str()), (true, "First", "first"));
        });
    }

    /// The reasons and statuses of a condition, in the order of precedence.
    fn outcomes<T>(condition: &ConditionType<T>) -> Vec<(&'static str, bool)> {
        let cases = condition.cases.iter().map(|case| (case.reason, case.is_true));
        let all = [(INVALID_SPEC, false)].into_iter().chain(cases).chain([(condition.otherwise.0, true)]);
        let mut all: Vec<_> = all.collect();
        all.dedup();
        all
    }

    /// The reasons and statuses in the table of a condition.
    fn documented<'d>(document: &'d str, kind: &str, condition: &str) -> Vec<(&'d str, bool)> {
        let (_, section) = document.split_once(&format!("\n## Conditions of {kind}\n")).unwrap();
        let (_, table) = section.split_once(&format!("\n| `{condition}` reason |")).unwrap();
        let rows = table.lines().skip(2).map_while(|row| row.strip_prefix("| `")?.split_once("` | "));
        rows.map(|(reason, rest)| (reason, rest.starts_with("True |"))).collect()
    }

    fn expect_documented<T: StatusObject>(kind: &str) {
        let document = include_str!("../../../docs/troubleshooting.md");
        for condition in T::CONDITIONS {
            assert_eq!(documented(document, kind, condition.name), outcomes(condition), "{kind}");
        }
    }

    #[test]
    fn every_reason_is_documented_in_the_order_of_precedence() {
        expect_documented::<Tenant>("a Tenant");
        expect_documented::<SharedService>("a SharedService");
        expect_documented::<Exemption>("an Exemption");
    }
}
