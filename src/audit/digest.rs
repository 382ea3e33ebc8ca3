use std::collections::BTreeSet;
use std::fmt::Write;

use aws_lc_rs::digest::{SHA256, digest};

use super::AuditedObject;
use crate::report::{Detail, Level, ReportedObject};

/// A set of findings, independent of their order and repetition.
#[derive(Debug, Default)]
pub struct Digest(BTreeSet<String>);

impl Digest {
    /// Adds the findings in an object, except exempted violations.
    pub fn add(&mut self, audited: &AuditedObject) {
        let AuditedObject { object: ReportedObject { namespace, kind, findings, .. }, workload } = audited;
        for finding in findings {
            let detail = match &finding.detail {
                Detail::Violation(_, Level::Exempted(_)) => continue,
                Detail::Violation(violation, _) => format!("{} {}", violation.code, violation.field),
                Detail::Unjudged(_) => "unjudged".to_owned(),
            };
            self.0.insert(format!("{namespace} {kind} {workload} {detail}"));
        }
    }

    /// Returns the number of findings.
    pub fn findings(&self) -> usize {
        self.0.len()
    }

    /// Returns 16 hexadecimal digits; an empty string if there are no findings.
    pub fn text(&self) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        let lines = self.0.iter().map(String::as_str).collect::<Vec<_>>().join("\n");
        let bytes = digest(&SHA256, lines.as_bytes());
        bytes.as_ref().iter().take(8).fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}
