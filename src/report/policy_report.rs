//! The findings in a namespace as a Report of OpenReports or as a PolicyReport. Both kinds have the fields that are used
//! here.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::finding::{Counts, Detail, Exemption, Level, ReportedObject};
use super::refusal::violation_text;
use super::severity::{Severity, tag};
use crate::keys::MANAGED_BY_LABEL;
use crate::policy::{RULES, Rule, Violation};
use crate::settings::{REPORT_NAME, ReportKind};

/// The number of findings that a report lists, because etcd limits the size of an object. The summary counts all.
const MAX_RESULTS: usize = 200;
/// The source of the results, and the policy of those that no rule has made.
const SOURCE: &str = "bulkhead";

/// Returns the report of the findings in the objects of a namespace; `None` without findings.
pub fn policy_report(kind: ReportKind, namespace: &str, objects: &[ReportedObject]) -> Option<Value> {
    let mut counts = Counts::default();
    for object in objects {
        counts.add(object);
    }
    let findings =
        objects.iter().flat_map(|object| object.findings.iter().map(move |finding| (object, finding)));
    let mut findings: Vec<(&ReportedObject, &Detail)> =
        findings.map(|(object, finding)| (object, &finding.detail)).collect();
    if findings.is_empty() {
        return None;
    }
    findings.sort_by_key(|(object, detail)| {
        let code = violation(detail).map_or("", |violation| violation.code);
        (Outcome::of(detail), &object.kind, &object.name, code, detail.pointer())
    });
    let listed = findings.iter().take(MAX_RESULTS);
    let mut results: Vec<ReportResult<'_>> =
        listed.map(|(object, detail)| result(kind, object, detail)).collect();
    let omitted = findings.len() - results.len();
    if omitted > 0 {
        results.push(omission(namespace, omitted));
    }
    let ([group, name, _], (label, value)) = (kind.names(), MANAGED_BY_LABEL);
    Some(json!({
        "apiVersion": format!("{group}/{}", kind.version()), "kind": name,
        "metadata": { "name": REPORT_NAME, "namespace": namespace, "labels": { label: value } },
        "scope": { "apiVersion": "v1", "kind": "Namespace", "name": namespace },
        "summary": {
            "fail": counts.violations, "error": counts.unjudged, "warn": counts.warnings, "skip": counts.exempted,
        },
        "results": results,
    }))
}

/// True if a stored report has the content of `report`.
pub fn is_current(stored: &Value, report: &Value) -> bool {
    let (label, value) = MANAGED_BY_LABEL;
    ["scope", "summary", "results"].iter().all(|field| stored.get(field) == report.get(field))
        && stored.pointer("/metadata/labels").and_then(|labels| labels.get(label)?.as_str()) == Some(value)
}

/// The outcome of a finding, the most important first: the last ones are left out of a long report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Fail,
    Error,
    Warn,
    Skip,
}

impl Outcome {
    fn of(detail: &Detail) -> Self {
        match detail {
            Detail::Violation(_, Level::Error) => Self::Fail,
            Detail::Violation(_, Level::Warning(_)) => Self::Warn,
            Detail::Violation(_, Level::Exempted(_)) => Self::Skip,
            Detail::Unjudged(_) => Self::Error,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Skip => "skip",
        }
    }
}

fn violation(detail: &Detail) -> Option<&Violation> {
    match detail {
        Detail::Violation(violation, _) => Some(violation),
        Detail::Unjudged(_) => None,
    }
}

/// A result, as both kinds have it.
#[derive(Serialize)]
struct ReportResult<'a> {
    source: &'static str,
    policy: &'static str,
    rule: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<&'static str>,
    result: &'static str,
    scored: bool,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    resources: Option<[Reference<'a>; 1]>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    properties: BTreeMap<&'static str, String>,
}

/// The reference to an object, with the fields that are known.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reference<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    api_version: &'a str,
    kind: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    namespace: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
}

fn result<'a>(kind: ReportKind, object: &'a ReportedObject, detail: &Detail) -> ReportResult<'a> {
    let ReportedObject { api_version, kind: object_kind, namespace, name, .. } = object;
    let reference = Reference { api_version, kind: object_kind, namespace, name };
    let rule = violation(detail).and_then(|found| RULES.iter().find(|rule| rule.code() == found.code));
    ReportResult {
        source: SOURCE,
        policy: rule.map_or(SOURCE, Rule::code),
        rule: rule.map_or("unjudged", Rule::name),
        category: rule.map(|rule| tag(rule.family())),
        severity: rule.map(|rule| severity(kind, Severity::of(rule.family()))),
        result: Outcome::of(detail).name(),
        scored: true,
        message: match detail {
            Detail::Violation(violation, _) => format!("{}: {}", violation.field, violation_text(violation)),
            Detail::Unjudged(reason) => format!("could not be judged: {reason}"),
        },
        resources: Some([reference]),
        properties: properties(detail),
    }
}

fn properties(detail: &Detail) -> BTreeMap<&'static str, String> {
    let Detail::Violation(violation, level) = detail else { return BTreeMap::new() };
    let mut properties = BTreeMap::from([("field", violation.field.clone())]);
    match level {
        Level::Error => {}
        Level::Warning(reason) => properties.extend([("reason", reason.to_string())]),
        Level::Exempted(Exemption { name, reason, expires }) => {
            let exemption = [("exemption", name), ("expires", expires), ("reason", reason)];
            properties.extend(exemption.map(|(property, value)| (property, value.clone())));
        }
    }
    properties
}

/// The result in place of those that are left out.
fn omission(namespace: &str, omitted: usize) -> ReportResult<'static> {
    ReportResult {
        source: SOURCE,
        policy: SOURCE,
        rule: "omitted",
        category: None,
        severity: None,
        result: Outcome::Warn.name(),
        scored: false,
        message: format!(
            "{omitted} further findings are counted in the summary, but not listed; `bulkhead audit -n {namespace}` prints all"
        ),
        resources: None,
        properties: BTreeMap::new(),
    }
}

const fn severity(kind: ReportKind, severity: Severity) -> &'static str {
    match (severity, kind) {
        (Severity::Critical, ReportKind::Report) => "critical",
        // The first definitions of this version have no `critical`.
        (Severity::Critical, ReportKind::PolicyReport) | (Severity::High, _) => "high",
        (Severity::Medium, _) => "medium",
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::indexing_slicing, reason = "an absent field of JSON is `null`")]

    use std::collections::BTreeSet;

    use super::*;
    use crate::policy::WaiverReason;
    use crate::report::Finding;

    fn object(name: &str, details: impl IntoIterator<Item = Detail>) -> ReportedObject {
        let [api_version, kind, namespace, name] = ["v1", "Pod", "north-web", name].map(str::to_owned);
        let findings = details.into_iter().map(|detail| Finding { line: None, detail }).collect();
        ReportedObject { file: None, api_version, kind, namespace, name, findings }
    }

    fn violation(code: &'static str, level: Level) -> Detail {
        let [pointer, field, message, fix] = ["/spec", "spec", "no proxy", "add one."].map(str::to_owned);
        Detail::Violation(Violation { code, pointer, field, message, fix }, level)
    }

    fn report(objects: &[ReportedObject]) -> Value {
        policy_report(ReportKind::Report, "north-web", objects).unwrap_or_default()
    }

    #[test]
    fn namespace_without_findings_has_no_report() {
        assert_eq!(policy_report(ReportKind::Report, "north-web", &[object("clean", [])]), None);
    }

    #[test]
    fn each_finding_is_a_result_with_its_outcome() {
        let [name, reason, expires] = ["import", "SEC-1", "2100-01-01T00:00:00Z"].map(str::to_owned);
        let objects = [
            object("d", [violation("BH302", Level::Exempted(Exemption { name, reason, expires }))]),
            object("c", [violation("BH801", Level::Warning(WaiverReason::Observed))]),
            object("b", [Detail::Unjudged("no metadata".to_owned())]),
            object("a", [violation("BH403", Level::Error)]),
        ];
        let found = report(&objects);
        assert_eq!(found["summary"], json!({ "fail": 1, "error": 1, "warn": 1, "skip": 1 }));
        let pod = json!([{ "apiVersion": "v1", "kind": "Pod", "namespace": "north-web", "name": "a" }]);
        let refused = json!({
            "source": "bulkhead", "policy": "BH403", "rule": "mesh-token", "category": "identities",
            "severity": "critical", "result": "fail", "scored": true, "resources": pod,
            "message": "spec: no proxy; add one.", "properties": { "field": "spec" },
        });
        assert_eq!(found["results"][0], refused);
        let part = |field: &str| -> Vec<&Value> {
            found["results"].as_array().into_iter().flatten().map(|result| &result[field]).collect()
        };
        assert_eq!(part("result"), ["fail", "error", "warn", "skip"]);
        assert_eq!(part("policy"), ["BH403", "bulkhead", "BH801", "BH302"]);
        assert_eq!(part("severity")[2..], [&json!("medium"), &json!("high")]);
        assert_eq!(part("message")[1], "could not be judged: no metadata");
        let exemption = json!({ "field": "spec", "exemption": "import", "expires": "2100-01-01T00:00:00Z", "reason": "SEC-1" });
        assert_eq!(*part("properties")[3], exemption);
    }

    #[test]
    fn policy_report_has_the_severities_of_every_definition() {
        let objects = [object("a", [violation("BH403", Level::Error)])];
        let found = policy_report(ReportKind::PolicyReport, "north-web", &objects).unwrap_or_default();
        assert_eq!(
            (&found["apiVersion"], &found["kind"]),
            (&json!("wgpolicyk8s.io/v1alpha2"), &json!("PolicyReport"))
        );
        assert_eq!(found["results"][0]["severity"], "high");
    }

    #[test]
    fn long_report_counts_the_findings_that_it_leaves_out() {
        let refused =
            (0..MAX_RESULTS).map(|number| object(&format!("{number}"), [violation("BH301", Level::Error)]));
        let exact: Vec<_> = refused.collect();
        assert_eq!(report(&exact)["results"].as_array().map(Vec::len), Some(MAX_RESULTS));
        let warned =
            (0..7).map(|_| object("a", [violation("BH301", Level::Warning(WaiverReason::Observed))]));
        let found = report(&warned.chain(exact).collect::<Vec<_>>());
        assert_eq!(found["summary"]["fail"], MAX_RESULTS);
        assert_eq!(found["summary"]["warn"], 7);
        let results: Vec<&Value> = found["results"].as_array().into_iter().flatten().collect();
        assert_eq!(results.len(), MAX_RESULTS + 1);
        let listed: BTreeSet<_> =
            results[..MAX_RESULTS].iter().map(|result| result["result"].as_str()).collect();
        assert_eq!(listed, BTreeSet::from([Some("fail")]));
        let omitted = results[MAX_RESULTS]["message"].as_str().unwrap_or_default();
        assert!(omitted.starts_with("7 further findings"), "{omitted}");
    }

    #[test]
    fn report_is_current_if_its_content_is_stored() {
        let wanted = report(&[object("a", [violation("BH301", Level::Error)])]);
        let stored = |change: &dyn Fn(&mut Value)| {
            let mut stored = wanted.clone();
            stored["metadata"]["uid"] = "1".into();
            change(&mut stored);
            is_current(&stored, &wanted)
        };
        assert!(stored(&|_| {}));
        assert!(!stored(&|stored| stored["summary"]["fail"] = 0.into()));
        assert!(!stored(&|stored| stored["results"][0]["message"] = "".into()));
        assert!(!stored(&|stored| stored["metadata"]["labels"] = json!({})));
        assert!(!is_current(&Value::Null, &wanted));
    }
}
