//! The metrics: their labels are bounded, and the documentation lists all of them.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bulkhead::certs::Validity;
use bulkhead::policy::object::ObjectError;
use bulkhead::policy::{JudgeError, RULES, WaiverReason};
use bulkhead::sources::watch::store_names;
use bulkhead::telemetry::{
    AUDIT_REPORTS, CertificateRole, Failure, Metrics, PROXY_REFERENCES, Part, RECONCILE_REASONS,
    RECONCILE_TARGETS, REGISTRATION_STATES, SETTINGS, WATCHED, WatchState, metrics_markdown,
};
use support::metrics::{expect_closed_sets, value};
use support::snapshot_files::compare_part;

const WAIVER_REASONS: [WaiverReason; 5] = [
    WaiverReason::Preexisting,
    WaiverReason::Observed,
    WaiverReason::Warned,
    WaiverReason::Audited,
    WaiverReason::BreakGlass,
];

fn judge_errors() -> [JudgeError; 6] {
    [
        JudgeError::Unreadable(ObjectError::from(serde_json::from_str::<u8>("{").unwrap_err())),
        JudgeError::MissingObject("object"),
        JudgeError::Unregistered { operation: "CREATE".to_owned(), resource: "leases".to_owned() },
        JudgeError::UnknownNamespace("tenant-acme".to_owned()),
        JudgeError::NotReady,
        JudgeError::DeadlineExceeded,
    ]
}

/// Records everything once. Texts that a request has are chosen by an attacker.
fn record_admission(metrics: &Metrics) {
    metrics.start(Part::Webhook);
    metrics.start(Part::Controller);
    let admission = &metrics.admission;
    for operation in ["CREATE", "UPDATE", "DELETE", "CONNECT", "create", "\"} 1\nforged", ""] {
        admission.record_request("workloads", operation, true, false, Duration::from_millis(1));
        admission.record_request("labels", operation, false, true, Duration::from_secs(9));
    }
    drop(admission.begin_request("workloads"));
    admission.record_body("workloads", usize::MAX);
    for rule in RULES {
        admission.record_violation(rule.code());
        let exempted = WaiverReason::Exempted("an-exemption-of-a-user".to_owned());
        for reason in WAIVER_REASONS.iter().chain([&exempted]) {
            admission.record_waived(rule.code(), reason);
        }
    }
    for error in judge_errors() {
        admission.record_unjudged(&error);
    }
    for status in 0..=u16::MAX {
        admission.record_invalid(status);
    }
    for reason in ["handshake", "source-limit"] {
        admission.record_refused_connection(reason);
    }
}

fn record_the_rest(metrics: &Metrics) {
    metrics.process.set_ready(true);
    for role in [CertificateRole::Leaf, CertificateRole::Ca, CertificateRole::ClientCa] {
        metrics.certificates.set(role, Some(Validity { starts: 1, ends: 2 }));
    }
    let controller = &metrics.controller;
    controller.start_leading();
    for configuration in ["mutating", "validating"] {
        controller.set_bundle_in_sync(configuration, Some(true));
    }
    for target in RECONCILE_TARGETS {
        for reason in RECONCILE_REASONS {
            for is_success in [true, false] {
                controller.record_reconcile(target, reason, is_success, Duration::from_millis(5));
            }
        }
    }
    controller.set_out_of_sync(RECONCILE_TARGETS.into_iter());
    controller.set_failing(RECONCILE_TARGETS.into_iter());
    controller.record_repair("NetworkPolicy");
    for state in REGISTRATION_STATES {
        controller.set_registration(state);
    }
    for resource in WATCHED {
        metrics.watches.set(WatchState { resource, is_synced: true, objects: 3, failure: None });
    }
    metrics.settings.record_loaded(b"kind: Settings");
}

#[test]
fn labels_have_values_of_closed_sets_alone() {
    let metrics = Metrics::default();
    record_admission(&metrics);
    record_the_rest(&metrics);
    let text = metrics.encode(Instant::now()).unwrap();
    let seen = expect_closed_sets(&text);
    let defined: BTreeSet<_> = metrics.definitions().iter().map(|metric| metric.name.clone()).collect();
    assert_eq!(seen, defined);
}

/// A label of these sets is recorded by code above the telemetry.
#[test]
fn closed_sets_are_those_of_the_code() {
    let others = [SETTINGS, PROXY_REFERENCES, AUDIT_REPORTS];
    let watched: Vec<&str> = store_names().into_iter().chain(others).collect();
    assert_eq!(WATCHED.as_slice(), watched);
    let errors: BTreeSet<&str> = judge_errors().iter().map(JudgeError::as_label).collect();
    assert_eq!(errors, BTreeSet::from(JudgeError::LABELS));
    let exempted = WaiverReason::Exempted(String::new());
    let waived = WAIVER_REASONS.iter().chain([&exempted]).map(WaiverReason::as_label);
    assert_eq!(waived.collect::<BTreeSet<_>>(), BTreeSet::from(WaiverReason::LABELS));
}

/// Prometheus sees no increase from an absent series to its first value.
#[test]
fn counters_of_alerts_begin_at_zero() {
    let metrics = Metrics::default();
    metrics.start(Part::Webhook);
    let text = metrics.encode(Instant::now()).unwrap();
    for series in [
        "bulkhead_unjudged_requests_total{reason=\"deadline\"}",
        "bulkhead_invalid_requests_total{status=\"503\"}",
        "bulkhead_violations_total{code=\"BH301\"}",
        "bulkhead_waived_violations_total{code=\"BH301\",reason=\"break-glass\"}",
        "bulkhead_refused_connections_total{reason=\"handshake\"}",
    ] {
        assert!(text.contains(&format!("{series} 0\n")), "{series}\n{text}");
    }
}

#[test]
fn replica_that_loses_the_lease_forgets_what_the_leader_knows() {
    let metrics = Metrics::default();
    record_the_rest(&metrics);
    let leader = metrics.encode(Instant::now()).unwrap();
    metrics.controller.stop_leading();
    let follower = metrics.encode(Instant::now()).unwrap();
    assert_eq!((value(&leader, "bulkhead_leader"), value(&follower, "bulkhead_leader")), (1, 0));
    for series in
        ["webhook_registration{", "ca_bundle_in_sync{", "baseline_out_of_sync{", "baseline_failing{"]
    {
        assert!(leader.contains(&format!("\nbulkhead_{series}")), "{series}");
        assert!(!follower.contains(&format!("\nbulkhead_{series}")), "{series}");
    }
    assert!(follower.contains("bulkhead_reconciles_total{"), "counters stay");
}

#[test]
fn documentation_lists_every_metric() {
    compare_part("metrics", &metrics_markdown(Metrics::default().definitions()));
}

/// A unit test of the metric: an hour is too long for the cluster tier.
#[test]
fn age_of_a_failed_watch_is_a_metric() {
    let metrics = Metrics::default();
    let value = |at: Instant| {
        let text = metrics.encode(at).unwrap();
        let line = text
            .lines()
            .find(|line| line.starts_with("bulkhead_watch_staleness_seconds{resource=\"tenants\"}"))
            .unwrap();
        line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()
    };
    let now = Instant::now();
    let minute = Duration::from_mins(1);
    metrics.watches.set_failure("tenants", None);
    assert!(value(now + 60 * minute) < f64::EPSILON);
    metrics.watches.set_failure("tenants", Some(Failure { first: now, last: now + 59 * minute }));
    assert!((3599.0..3601.0).contains(&value(now + 60 * minute)));
    // The watch was tried again and has not failed since.
    assert!(value(now + 61 * minute) < f64::EPSILON);
    metrics.watches.set_failure("tenants", None);
    assert!(value(now + 60 * minute) < f64::EPSILON);
}
