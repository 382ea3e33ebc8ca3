//! Findings as SARIF 2.1.0, for code scanning.

mod log;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::finding::{Detail, Finding, Level, ReportedObject};
use super::refusal::violation_text;
use super::severity::{security_severity, tag};
use crate::policy::{RULES, Rule, Violation};
use log::{
    ArtifactLocation, Configuration, Driver, Fingerprints, Invocation, Location, Log, LogicalLocation,
    Message, MultiformatMessage, Notification, PhysicalLocation, Region, ReportingDescriptor, RuleProperties,
    Run, SarifResult, Suppression, Tool,
};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Characters of a path that a URI must escape.
const ESCAPED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b':')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

pub(super) fn write(objects: &[ReportedObject], out: &mut impl Write) -> io::Result<()> {
    let mut results = Vec::new();
    let mut notifications = Vec::new();
    let mut fingerprints = Fingerprinter::default();
    for object in objects {
        for finding in &object.findings {
            let locations = [location(object, finding)];
            match &finding.detail {
                Detail::Violation(violation, level) => {
                    let fingerprint = fingerprints.next(object, violation);
                    results.push(result(violation, level, locations, fingerprint));
                }
                Detail::Unjudged(reason) => notifications.push(Notification {
                    level: "error",
                    message: Message { text: format!("{object} could not be judged: {reason}") },
                    locations,
                }),
            }
        }
    }
    let driver = Driver {
        name: "Bulkhead",
        semantic_version: env!("CARGO_PKG_VERSION"),
        information_uri: env!("CARGO_PKG_HOMEPAGE"),
        rules: RULES.iter().map(descriptor).collect(),
    };
    let invocation = Invocation {
        execution_successful: notifications.is_empty(),
        tool_execution_notifications: notifications,
    };
    let run = Run { tool: Tool { driver }, invocations: [invocation], results };
    let log = Log { schema: SCHEMA, version: "2.1.0", runs: [run] };
    serde_json::to_writer_pretty(&mut *out, &log)?;
    out.write_all(b"\n")
}

fn descriptor(rule: &Rule) -> ReportingDescriptor {
    ReportingDescriptor {
        id: rule.code(),
        name: rule.name(),
        short_description: Message { text: rule.summary() },
        full_description: Message { text: rule.summary() },
        help: MultiformatMessage { text: rule.manual(), markdown: rule.manual() },
        help_uri: format!("{}/rules/{}.html", env!("CARGO_PKG_HOMEPAGE"), rule.code()),
        default_configuration: Configuration { level: "error" },
        properties: RuleProperties {
            tags: ["security", tag(rule.family())],
            security_severity: security_severity(rule.family()),
        },
    }
}

fn result<'a>(
    violation: &Violation,
    level: &Level,
    locations: [Location<'a>; 1],
    fingerprint: String,
) -> SarifResult<'a> {
    let text = violation_text(violation);
    SarifResult {
        rule_id: violation.code,
        rule_index: RULES.iter().position(|rule| rule.code() == violation.code),
        // An exempted violation is an error that is suppressed.
        level: if matches!(level, Level::Warning(_)) { "warning" } else { "error" },
        message: Message {
            text: match level {
                Level::Warning(reason) => format!("{}: {text} ({reason})", violation.field),
                Level::Error | Level::Exempted(_) => format!("{}: {text}", violation.field),
            },
        },
        locations,
        partial_fingerprints: Fingerprints {
            rule_object_pointer: fingerprint.clone(),
            primary_location_line_hash: fingerprint,
        },
        suppressions: match level {
            Level::Exempted(exemption) => vec![Suppression {
                kind: "external",
                status: "accepted",
                justification: exemption.to_string(),
            }],
            Level::Error | Level::Warning(_) => Vec::new(),
        },
    }
}

fn location<'a>(object: &'a ReportedObject, finding: &Finding) -> Location<'a> {
    let physical_location = object.file.as_deref().map(|file| PhysicalLocation {
        artifact_location: ArtifactLocation { uri: uri(file, object) },
        region: finding.line.map(|start_line| Region { start_line }),
    });
    let logical_location =
        LogicalLocation { name: &object.name, fully_qualified_name: object.to_string(), kind: "resource" };
    Location { physical_location, logical_locations: [logical_location] }
}

/// Returns the URI of a file, relative to the working directory unless its path is absolute.
fn uri(file: &Path, object: &ReportedObject) -> String {
    let path = object.source();
    let path = path.strip_prefix("./").unwrap_or(&path);
    let scheme = if file.is_absolute() { "file://" } else { "" };
    format!("{scheme}{}", utf8_percent_encode(path, ESCAPED))
}

/// Computes fingerprints of rule, object and field: a violation keeps its fingerprint when its line moves. Violations of
/// one file that agree in all three, such as those of two objects without a name, are numbered, because code scanning
/// shows violations with the same fingerprint as one.
#[derive(Default)]
struct Fingerprinter {
    seen: BTreeMap<(String, String), usize>,
}

impl Fingerprinter {
    fn next(&mut self, object: &ReportedObject, violation: &Violation) -> String {
        let identity = format!("{}\n{object}\n{}", violation.code, violation.pointer);
        let number = self.seen.entry((object.source(), identity.clone())).or_default();
        *number += 1;
        let identity = if *number == 1 { identity } else { format!("{identity}\n{number}") };
        let bytes = digest(&SHA256, identity.as_bytes());
        bytes.as_ref().iter().take(16).fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}
