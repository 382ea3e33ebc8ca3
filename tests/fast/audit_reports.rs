//! Reports under the names of Bulkhead's own, of the kind in the setting `audit.reports`.

use std::fs;

use bulkhead::policy::{JudgeError, Review, Verdict, judge};
use bulkhead::snapshot::{Snapshot, User};
use bulkhead::sources::files;
use serde_json::json;
use serde_json::value::to_raw_value;
use support::WORLD;

const CONTROLLER: &str = "system:serviceaccount:bulkhead-system:bulkhead-controller";
const DEPLOYER: &str = "system:serviceaccount:argocd:application-controller";

/// The world of the examples with other settings.
fn snapshot(name: &str, settings: &str) -> Snapshot {
    let file = std::env::temp_dir().join(format!("bulkhead-{name}-{}.yaml", std::process::id()));
    fs::write(&file, format!("apiVersion: bulkhead.dev/v1alpha1\nkind: Settings\n{settings}\n")).unwrap();
    let settings = files::read(std::slice::from_ref(&file)).unwrap();
    fs::remove_file(file).unwrap();
    let world = files::read(&[WORLD.into()]).unwrap();
    let others = world.iter().filter(|document| !document.is_settings());
    files::snapshot(settings.iter().chain(others).collect::<Vec<_>>()).unwrap()
}

fn verdict(snapshot: &Snapshot, user: &str, name: &str) -> Verdict {
    let object = json!({
        "apiVersion": "openreports.io/v1alpha1", "kind": "Report",
        "metadata": { "name": name, "namespace": "tenant-acme" },
    });
    let object = to_raw_value(&object).unwrap();
    let review = Review {
        operation: "CREATE",
        group: "openreports.io",
        resource: "reports",
        namespace: "tenant-acme",
        user: User { name: user, groups: Vec::new() },
        object: Some((&*object).into()),
        ..Review::default()
    };
    judge(&review, snapshot)
}

/// The field for which the report is refused.
#[track_caller]
fn refused(verdict: Verdict) -> Option<String> {
    let Verdict::Judged { refused, .. } = verdict else { panic!("{verdict:?}") };
    refused.into_iter().next().map(|violation| format!("{} {}", violation.code, violation.field))
}

#[test]
fn report_under_a_name_of_bulkhead_is_refused_to_others() {
    let reported = snapshot("reported", "audit: { reports: openreports.io/v1alpha1 }");
    let by_name = Some("BH905 metadata.name".to_owned());
    assert_eq!(refused(verdict(&reported, DEPLOYER, "bulkhead-audit")), by_name);
    assert_eq!(refused(verdict(&reported, DEPLOYER, "bulkhead-other")), by_name);
    assert_eq!(refused(verdict(&reported, DEPLOYER, "scanner")), None);
    assert_eq!(refused(verdict(&reported, CONTROLLER, "bulkhead-audit")), None);

    let kind = "{ group: openreports.io, kind: Report, resource: reports }";
    let settings =
        format!("audit: {{ reports: openreports.io/v1alpha1 }}\nplatform: {{ reservedKinds: [{kind}] }}");
    let reserved = snapshot("reserved", &settings);
    assert_eq!(refused(verdict(&reserved, DEPLOYER, "scanner")), Some("BH905 kind".to_owned()));
    assert_eq!(refused(verdict(&reserved, CONTROLLER, "bulkhead-audit")), None);

    // Of the other kind, and without the setting, no report is sent to the webhook.
    for settings in ["audit: { reports: wgpolicyk8s.io/v1alpha2 }", ""] {
        let verdict = verdict(&snapshot("unjudged", settings), DEPLOYER, "bulkhead-audit");
        assert!(matches!(verdict, Verdict::Unjudged(JudgeError::Unregistered { .. })), "{verdict:?}");
    }
}
