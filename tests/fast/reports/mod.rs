//! The reports of `check` in the formats of other programs: SARIF and JUnit XML against their published schemas, and
//! Markdown as text.

mod xml_schema;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use bulkhead::policy::rules::Family;
use bulkhead::policy::{RULES, Violation, WaiverReason};
use bulkhead::report::{
    Counts, Detail, Exemption, Finding, Format, Level, ReportedObject, Writer, security_severity,
};
use jsonschema::Validator;
use roxmltree::{Document, Node};
use serde_json::{Value, json};
use support::command::bulkhead;
use support::repository;
use support::snapshot_files::{compare, compare_part};
use xml_schema::Schema;

const IN_WORLD: [&str; 3] = ["check", "--snapshot", "examples/snapshot"];

fn violation(code: &'static str, field: &str, message: &str) -> Violation {
    Violation {
        code,
        pointer: format!("/{}", field.replace('.', "/")),
        field: field.to_owned(),
        message: message.to_owned(),
        fix: "remove it.".to_owned(),
    }
}

fn object(name: &str, details: impl IntoIterator<Item = Detail>) -> ReportedObject {
    let findings = (3..).zip(details).map(|(line, detail)| Finding { line: Some(line), detail });
    ReportedObject {
        file: Some(PathBuf::from("manifests/a file.yaml")),
        api_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        namespace: "tenant-acme".to_owned(),
        name: name.to_owned(),
        findings: findings.collect(),
    }
}

/// An object for each kind of findings, and texts that no format may take for its own syntax.
fn objects() -> Vec<ReportedObject> {
    let exemption = Exemption {
        name: "acme-vendor-import".to_owned(),
        reason: "SEC-1412: no | proxy".to_owned(),
        expires: "2027-03-01T00:00:00Z".to_owned(),
    };
    let refused = |message| Detail::Violation(violation("BH301", "spec.hostNetwork", message), Level::Error);
    let exempted = || {
        Detail::Violation(
            violation("BH302", "metadata.labels", "opted out"),
            Level::Exempted(exemption.clone()),
        )
    };
    let observed = Level::Warning(WaiverReason::Observed);
    let in_cluster = ReportedObject {
        file: None,
        findings: vec![Finding { line: None, detail: refused("`hostNetwork` is set") }],
        ..object("in-cluster", [])
    };
    vec![
        object("clean", []),
        object(
            "refused",
            [refused("`<b>|\u{1}` is no name"), refused("a lone ` is *no* [code](x)"), exempted()],
        ),
        object("warned", [Detail::Violation(violation("BH303", "metadata.labels", "weak"), observed)]),
        object("exempted", [exempted()]),
        object("unread", [Detail::Unjudged("the manifest has no namespace".to_owned())]),
        in_cluster,
    ]
}

fn report(format: Format, objects: Vec<ReportedObject>) -> (String, Counts) {
    let mut text = Vec::new();
    let mut writer = Writer::new(&mut text, format);
    for object in objects {
        writer.write(object).unwrap();
    }
    let counts = writer.end().unwrap();
    (String::from_utf8(text).unwrap(), counts)
}

/// The published schema. Two of its patterns have a `]` that the validator's expressions do not allow; Bulkhead does not
/// write the field.
fn sarif_validator() -> Validator {
    let schema = fs::read_to_string(repository("tests/fast/schemas/sarif-2.1.0.json")).unwrap();
    let mut schema: Value = serde_json::from_str(&schema).unwrap();
    for kind in ["run", "toolComponent"] {
        schema["definitions"][kind]["properties"]["language"].as_object_mut().unwrap().remove("pattern");
    }
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
}

/// Reads SARIF, which must be valid by the published schema.
fn sarif(text: &str) -> Value {
    let validator = sarif_validator();
    let log = serde_json::from_str(text).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(&log).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    log
}

#[test]
fn sarif_of_every_sort_of_finding_is_valid() {
    let (text, counts) = report(Format::Sarif, objects());
    assert_eq!(counts, Counts { violations: 3, warnings: 1, exempted: 2, unjudged: 1 });
    let log = sarif(&text);
    let run = &log["runs"][0];
    let results = run["results"].as_array().unwrap();
    let summary: Vec<(&Value, &Value, usize)> = results
        .iter()
        .map(|result| {
            let suppressions = result["suppressions"].as_array().unwrap();
            (&result["ruleId"], &result["level"], suppressions.len())
        })
        .collect();
    let [host_network, label, weak] = ["BH301", "BH302", "BH303"].map(|code| json!(code));
    let [error, warning] = ["error", "warning"].map(|level| json!(level));
    assert_eq!(
        summary,
        [
            (&host_network, &error, 0),
            (&host_network, &error, 0),
            (&label, &error, 1),
            (&weak, &warning, 0),
            (&label, &error, 1),
            (&host_network, &error, 0),
        ]
    );
    let suppression = &results[2]["suppressions"][0];
    assert_eq!((&suppression["kind"], &suppression["status"]), (&json!("external"), &json!("accepted")));
    let justification = suppression["justification"].as_str().unwrap();
    assert!(justification.contains("2027-03-01T00:00:00Z") && justification.contains("SEC-1412"));
    let place = &results[0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "manifests/a%20file.yaml");
    assert_eq!(place["region"]["startLine"], 3);
    assert_eq!(results[5]["locations"][0]["physicalLocation"], Value::Null);
    let invocation = &run["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    let notifications = invocation["toolExecutionNotifications"].as_array().unwrap();
    assert_eq!(notifications.len(), 1);
}

#[test]
fn sarif_schema_refuses_what_it_does_not_know() {
    let (text, _) = report(Format::Sarif, objects());
    let mut log: Value = serde_json::from_str(&text).unwrap();
    log["runs"][0]["results"][0]["level"] = json!("fatal");
    assert!(!sarif_validator().is_valid(&log));
}

#[test]
fn sarif_has_the_manual_and_the_severity_of_every_rule() {
    let (text, _) = report(Format::Sarif, Vec::new());
    let log = sarif(&text);
    let driver = &log["runs"][0]["tool"]["driver"];
    let described = driver["rules"].as_array().unwrap();
    assert_eq!(driver["informationUri"], env!("CARGO_PKG_HOMEPAGE"));
    assert_eq!(described.len(), RULES.len());
    for (rule, described) in RULES.iter().zip(described) {
        assert_eq!(described["id"], rule.code());
        assert_eq!(described["name"], rule.name());
        assert_eq!(described["shortDescription"]["text"], rule.summary());
        assert_eq!(described["help"]["markdown"], rule.manual());
        assert_eq!(
            described["helpUri"],
            format!("{}/rules/{}.html", env!("CARGO_PKG_HOMEPAGE"), rule.code())
        );
        let severity: f64 = described["properties"]["security-severity"].as_str().unwrap().parse().unwrap();
        assert!((0.1..=10.0).contains(&severity), "{severity}");
    }
}

#[test]
fn sarif_rule_index_points_to_the_rule_of_the_result() {
    let (text, _) = report(Format::Sarif, objects());
    let log = sarif(&text);
    let run = &log["runs"][0];
    for result in run["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
    }
}

/// Violations have different fingerprints, and keep them when their lines move.
#[test]
fn sarif_fingerprints_depend_on_rule_object_and_field_alone() {
    let pod = |name: &str, image: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: tenant-acme}}\n\
             spec: {{hostPID: true, hostIPC: true, hostNetwork: true, containers: [{{name: app, image: {image}}}]}}\n"
        )
    };
    let places = |input: &str| {
        let (code, out, _) = bulkhead(&[&IN_WORLD[..], &["-o", "sarif", "-"]].concat(), input);
        assert_eq!(code, 1);
        let log = sarif(&out);
        let results = log["runs"][0]["results"].as_array().unwrap().clone();
        let fingerprint = |result: &Value| {
            let prints = &result["partialFingerprints"];
            assert_eq!(prints["primaryLocationLineHash"], prints["ruleObjectPointer/v1"]);
            prints["primaryLocationLineHash"].as_str().unwrap().to_owned()
        };
        let line = |result: &Value| {
            result["locations"][0]["physicalLocation"]["region"]["startLine"].as_u64().unwrap()
        };
        results.iter().map(|result| (fingerprint(result), line(result))).collect::<BTreeMap<_, _>>()
    };
    let before = places(&format!("{}---\n{}", pod("a", "one:1"), pod("b", "one:1")));
    let after = places(&format!("# moved\n\n{}---\n{}", pod("b", "two:2"), pod("a", "one:1")));
    assert_eq!(before.len(), 6);
    assert!(before.keys().eq(after.keys()));
    assert!(before.iter().all(|(fingerprint, line)| after[fingerprint] != *line));
}

/// The faults of a report by the published schema.
fn faults_of_junit(text: &str) -> Vec<String> {
    let schema = fs::read_to_string(repository("tests/fast/schemas/junit-10.xsd")).unwrap();
    let schema = Document::parse(&schema).unwrap();
    Schema::new(schema.root_element()).faults(Document::parse(text).unwrap().root_element())
}

#[test]
fn junit_report_of_every_sort_of_finding_is_valid() {
    for objects in [objects(), Vec::new()] {
        let (text, _) = report(Format::Junit, objects);
        assert_eq!(faults_of_junit(&text), [""; 0], "{text}");
    }
}

#[test]
fn junit_schema_refuses_what_it_does_not_know() {
    let (text, _) = report(Format::Junit, objects());
    for (from, to, fault) in [
        ("<testcase ", "<testcase file=\"a\" ", "testcase: the attribute file"),
        ("<testcase classname", "<testcase time=\"1\" classname", ""),
        (" tests=\"5\"", "", "testsuite: no attribute tests"),
        ("<skipped ", "<warning/><skipped ", "testcase: the children warning, skipped"),
        ("<skipped ", "<properties/><skipped ", "testcase: the children properties, skipped"),
        ("<testcase ", "text<testcase ", "testsuite: text"),
        ("testsuites", "suites", "suites: the element"),
    ] {
        let changed = text.replace(from, to);
        assert_ne!(changed, text, "{from}");
        let faults = faults_of_junit(&changed);
        assert_eq!(faults.first().map_or("", String::as_str), fault, "{from}");
    }
}

#[test]
fn junit_report_has_a_case_for_each_object() {
    let (text, _) = report(Format::Junit, objects());
    let document = Document::parse(&text).unwrap();
    let root = document.root_element();
    assert_eq!(root.tag_name().name(), "testsuites");
    let attributes = |node: &Node<'_, '_>, names: &[&str]| {
        let values = names.iter().map(|name| node.attribute(*name).unwrap().to_owned());
        values.collect::<Vec<_>>()
    };
    assert_eq!(attributes(&root, &["tests", "failures", "errors"]), ["6", "2", "1"]);
    let suites: Vec<Node<'_, '_>> = root.children().filter(Node::is_element).collect();
    let counts = ["name", "tests", "failures", "errors", "skipped"];
    assert_eq!(attributes(&suites[0], &counts), ["manifests/a file.yaml", "5", "1", "1", "2"]);
    assert_eq!(attributes(&suites[1], &counts), ["tenant-acme", "1", "1", "0", "0"]);
    let files = suites.iter().map(|suite| suite.attribute("file")).collect::<Vec<_>>();
    assert_eq!(files, [Some("manifests/a file.yaml"), None]);
    let cases = document.descendants().filter(|node| node.has_tag_name("testcase"));
    let outcomes: Vec<(&str, Option<&str>)> = cases
        .map(|case| {
            let name = case.attribute("name").unwrap();
            (name, case.first_element_child().map(|result| result.tag_name().name()))
        })
        .collect();
    assert_eq!(
        outcomes,
        [
            ("Pod tenant-acme/clean", None),
            ("Pod tenant-acme/refused", Some("failure")),
            ("Pod tenant-acme/warned", Some("skipped")),
            ("Pod tenant-acme/exempted", Some("skipped")),
            ("Pod tenant-acme/unread", Some("error")),
            ("Pod tenant-acme/in-cluster", Some("failure")),
        ]
    );
}

/// The API server makes the names. Code scanning and GitLab show findings of one identity as one.
#[test]
fn objects_with_generated_names_are_told_apart() {
    let pod = |prefix: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{generateName: {prefix}, namespace: tenant-acme}}\n\
             spec: {{hostPID: true, containers: [{{name: app, image: one:1}}]}}\n---\n"
        )
    };
    let input = [pod("import-"), pod("import-"), pod("export-")].concat();
    let report = |format: &str| bulkhead(&[&IN_WORLD[..], &["-o", format, "-"]].concat(), &input).1;
    let log = sarif(&report("sarif"));
    let results = log["runs"][0]["results"].as_array().unwrap();
    let prints = results.iter().map(|result| result["partialFingerprints"].to_string());
    assert_eq!((results.len(), prints.collect::<BTreeSet<_>>().len()), (3, 3));
    let junit = report("junit");
    let document = Document::parse(&junit).unwrap();
    let cases = document.descendants().filter(|node| node.has_tag_name("testcase"));
    let names: Vec<&str> = cases.map(|case| case.attribute("name").unwrap()).collect();
    assert_eq!(
        names,
        ["Pod tenant-acme/import-*", "Pod tenant-acme/import-* (2)", "Pod tenant-acme/export-*"]
    );
}

/// CI systems show the text of one failure in a test case, so it must have every finding.
#[test]
fn junit_failure_lists_every_finding_of_its_object() {
    let (text, _) = report(Format::Junit, objects());
    let document = Document::parse(&text).unwrap();
    let failures: Vec<Node<'_, '_>> =
        document.descendants().filter(|node| node.has_tag_name("failure")).collect();
    let lines: Vec<&str> = failures[0].text().unwrap().lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].starts_with("manifests/a file.yaml:3: BH301 spec.hostNetwork: "), "{lines:?}");
    assert!(lines[0].contains("<b>|\u{fffd}"), "{lines:?}");
    assert!(lines[2].contains("BH302") && lines[2].contains("2027-03-01T00:00:00Z"), "{lines:?}");
    assert_eq!(failures[0].attribute("message"), Some("BH301, BH302"));
}

#[test]
fn markdown_is_as_reviewed() {
    let (all, _) = report(Format::Markdown, objects());
    let (none, _) = report(Format::Markdown, vec![object("clean", [])]);
    compare("tests/fast/wording/report.md", &format!("{none}\n{all}"));
}

#[test]
fn markdown_tables_are_cut_before_a_comment_is_too_long() {
    let refused = || Detail::Violation(violation("BH301", "spec", &"long ".repeat(100)), Level::Error);
    let objects = (0..200).map(|number| object(&number.to_string(), [refused()]));
    let (text, counts) = report(Format::Markdown, objects.collect());
    assert_eq!(counts.violations, 200);
    assert!(text.contains("and 150 more"), "{text}");
    assert!(text.len() < 65_536, "{}", text.len());
}

/// An Exemption, with its end and its reason, is in every report of `check`.
#[test]
fn exempted_violation_is_in_every_format_and_is_no_failure() {
    let job = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": { "name": "vendor-import", "namespace": "tenant-acme" },
        "spec": { "template": {
            "metadata": { "labels": { "sidecar.istio.io/inject": "false" } },
            "spec": {
                "serviceAccountName": "vendor-import",
                "containers": [{
                    "name": "import",
                    "image": "registry.example.com/vendor/import@sha256:\
                              6d9c6d1c1f0f0f6b7b7c39e0b3f4c0a0d7d1a7c6c5d4e3f2a1b0c9d8e7f60514",
                }],
            },
        } },
    });
    for format in ["text", "json", "sarif", "junit", "markdown"] {
        let arguments = [&IN_WORLD[..], &["-o", format, "-"]].concat();
        let (code, out, note) = bulkhead(&arguments, &job.to_string());
        assert_eq!(code, 0, "{format}: {note}");
        for part in ["BH302", "acme-vendor-import", "2027-03-01T00:00:00Z", "SEC-1412"] {
            assert!(out.contains(part), "{format} has no {part}: {out}");
        }
        assert!(note.contains(": 0 violations, 0 warnings, 1 exempted, "), "{note}");
    }
}

#[test]
fn severity_table_matches_the_code() {
    let mut families: Vec<(&str, Family)> = Vec::new();
    for rule in RULES {
        let digits = rule.code().get(..3).unwrap();
        if families.last().is_none_or(|(known, _)| *known != digits) {
            families.push((digits, rule.family()));
        }
    }
    let band = |severity: &str| match severity {
        "9.5" => "critical",
        "8.0" => "high",
        "6.0" => "medium",
        other => panic!("a severity without a band: {other}"),
    };
    let rows = families.into_iter().map(|(digits, family)| {
        let severity = security_severity(family);
        format!("| {digits}xx | {severity} | {} |\n", band(severity))
    });
    let table =
        format!("| family | `security-severity` | shown as |\n|---|---|---|\n{}", rows.collect::<String>());
    compare_part("severities", &table);
}
