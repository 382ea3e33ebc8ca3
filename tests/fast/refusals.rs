//! The readers of `support::refusal`, on the texts that Bulkhead writes: no other test reads sentences.

use std::path::PathBuf;

use bulkhead::policy::RULES;
use bulkhead::report::{Detail, Finding, Format, Level, ReportedObject, Writer, message};
use bulkhead_harness::kubectl::Said;
use support::refusal::{denied_by, expect_refused, reported, violations, warnings};

use crate::examples::examples;

/// kubectl's output for a refusal, with the texts of Kubernetes around the one of Bulkhead.
fn refusal(text: &str) -> String {
    format!(
        "Warning: BH302 metadata.labels[a/b]: an older violation (a reason)\n\
         Error from server (Forbidden): error when creating \"STDIN\": admission webhook \"workloads.bulkhead.dev\" denied \
         the request: {text}\n"
    )
}

#[test]
fn refusal_of_every_manual_example_is_read_completely() {
    for example in RULES.iter().flat_map(examples) {
        let judged = example.judged();
        let expected: Vec<(&str, &str)> =
            judged.violations.iter().map(|violation| (violation.code, violation.field.as_str())).collect();
        let text = refusal(&message(&judged.violations, judged.contact.as_deref()));
        assert_eq!(violations(&text), expected, "{text}");
        assert_eq!(denied_by(&text), ["workloads"]);
        assert_eq!(warnings(&text), [("BH302", "metadata.labels[a/b]")]);
    }
}

#[test]
fn report_of_every_manual_example_is_read_completely() {
    for example in RULES.iter().flat_map(examples) {
        let judged = example.judged();
        let mut text = Vec::new();
        let mut writer = Writer::new(&mut text, Format::Text);
        let violations = judged.violations.iter().cloned();
        let findings = violations
            .map(|violation| Finding { line: Some(7), detail: Detail::Violation(violation, Level::Error) });
        let [api_version, kind, namespace, name] = ["v1", "Pod", "tenant-acme", "web"].map(str::to_owned);
        let file = Some(PathBuf::from("a/b.yaml"));
        let object =
            ReportedObject { file, api_version, kind, namespace, name, findings: findings.collect() };
        writer.write(object).unwrap();
        writer.end().unwrap();
        let text = String::from_utf8(text).unwrap();
        let expected = judged.violations.iter();
        let expected: Vec<(&str, &str, &str)> = expected
            .map(|violation| ("a/b.yaml:7: Pod tenant-acme/web", violation.code, violation.field.as_str()))
            .collect();
        assert_eq!(reported(&text), expected, "{text}");
    }
}

#[test]
fn restored_label_is_read_as_a_warning_without_a_code() {
    let text =
        "Warning: metadata.labels[istio-injection]: `enabled` is back\nWarning: spec.a: not by Bulkhead\n";
    assert_eq!(warnings(text), [("", "metadata.labels[istio-injection]")]);
}

#[test]
#[should_panic(expected = "BH302")]
fn expectation_fails_on_a_further_violation() {
    let text = refusal("\nBH301 spec: a message; a fix.\nBH302 metadata.labels[c]: a message; a fix.");
    let said = Said { success: false, stdout: String::new(), stderr: text };
    expect_refused(&said, &[("BH301", "spec")]);
}

#[test]
#[should_panic(expected = "quota")]
fn expectation_fails_on_a_refusal_by_another() {
    let stderr = "Error from server (Forbidden): exceeded quota: none\n".to_owned();
    expect_refused(&Said { success: false, stdout: String::new(), stderr }, &[]);
}
