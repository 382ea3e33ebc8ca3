//! Findings as JSON: an array with one object a finding.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use super::finding::{Detail, Exemption, Level, ReportedObject};
use crate::policy::Violation;

#[derive(Serialize)]
struct Finding<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a Path>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
    #[serde(flatten)]
    result: JudgementResult<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum JudgementResult<'a> {
    Violation {
        level: &'static str,
        #[serde(flatten)]
        violation: &'a Violation,
        /// The reason of a warning.
        #[serde(skip_serializing_if = "Option::is_none")]
        admitted: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        exemption: Option<ExemptionRef<'a>>,
    },
    Unjudged {
        unjudged: &'a str,
    },
}

#[derive(Serialize)]
struct ExemptionRef<'a> {
    name: &'a str,
    expires: &'a str,
    reason: &'a str,
}

/// Writes the findings of one object. `is_first` is true if none were written before.
pub(super) fn write(object: &ReportedObject, is_first: bool, out: &mut impl Write) -> io::Result<()> {
    for (index, finding) in object.findings.iter().enumerate() {
        out.write_all(if is_first && index == 0 { b"[\n" } else { b",\n" })?;
        let finding = Finding {
            file: object.file.as_deref(),
            line: finding.line,
            kind: &object.kind,
            namespace: &object.namespace,
            name: &object.name,
            result: (&finding.detail).into(),
        };
        serde_json::to_writer_pretty(&mut *out, &finding)?;
    }
    Ok(())
}

pub(super) fn write_end(is_empty: bool, out: &mut impl Write) -> io::Result<()> {
    out.write_all(if is_empty { b"[]\n" } else { b"\n]\n" })
}

impl<'a> From<&'a Detail> for JudgementResult<'a> {
    fn from(detail: &'a Detail) -> Self {
        match detail {
            Detail::Unjudged(reason) => Self::Unjudged { unjudged: reason },
            Detail::Violation(violation, level) => Self::Violation {
                level: level.as_label(),
                violation,
                admitted: match level {
                    Level::Warning(reason) => Some(reason.to_string()),
                    Level::Error | Level::Exempted(_) => None,
                },
                exemption: match level {
                    Level::Exempted(Exemption { name, expires, reason }) => {
                        Some(ExemptionRef { name, expires, reason })
                    }
                    Level::Error | Level::Warning(_) => None,
                },
            },
        }
    }
}
