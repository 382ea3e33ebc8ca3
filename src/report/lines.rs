use std::io::{self, Write};
use std::path::PathBuf;

use clap::ValueEnum;
use serde::Serialize;

use super::violation_text;
use crate::policy::Violation;

/// One line of a report about an object.
#[derive(Clone, Debug, Serialize)]
pub struct ReportLine {
    /// The line in a file, if the object comes from one.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceLine>,
    pub kind: String,
    pub namespace: String,
    pub name: String,
    #[serde(flatten)]
    pub detail: Detail,
}

#[derive(Clone, Debug, Serialize)]
pub struct SourceLine {
    pub file: PathBuf,
    pub line: u64,
}

#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Detail {
    Violation(Violation),
    /// The object could not be judged, for this reason.
    Unjudged {
        unjudged: String,
    },
}

/// The output format of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

/// Writes findings one by one, and counts them.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    format: Format,
    pub violations: usize,
    pub unjudged: usize,
}

impl<W: Write> Writer<W> {
    pub fn new(out: W, format: Format) -> Self {
        Self { out, format, violations: 0, unjudged: 0 }
    }

    pub fn write(&mut self, line: &ReportLine) -> io::Result<()> {
        let is_first = self.violations + self.unjudged == 0;
        match line.detail {
            Detail::Violation(_) => self.violations += 1,
            Detail::Unjudged { .. } => self.unjudged += 1,
        }
        match self.format {
            Format::Json => {
                self.out.write_all(if is_first { b"[\n" } else { b",\n" })?;
                serde_json::to_writer_pretty(&mut self.out, line)?;
                Ok(())
            }
            Format::Text => {
                let ReportLine { source, kind, namespace, name, detail } = line;
                if let Some(SourceLine { file, line }) = source {
                    write!(self.out, "{}:{line}: ", file.display())?;
                }
                match (namespace.as_str(), name.as_str()) {
                    ("", "") => write!(self.out, "{kind}: ")?,
                    ("", name) | (name, "") => write!(self.out, "{kind} {name}: ")?,
                    (namespace, name) => write!(self.out, "{kind} {namespace}/{name}: ")?,
                }
                match detail {
                    Detail::Violation(violation) => {
                        writeln!(
                            self.out,
                            "{} {}: {}",
                            violation.code,
                            violation.field,
                            violation_text(violation)
                        )
                    }
                    Detail::Unjudged { unjudged } => writeln!(self.out, "could not be judged: {unjudged}"),
                }
            }
        }
    }

    pub fn end(&mut self) -> io::Result<()> {
        match (self.format, self.violations + self.unjudged) {
            (Format::Json, 0) => self.out.write_all(b"[]\n"),
            (Format::Json, _) => self.out.write_all(b"\n]\n"),
            (Format::Text, _) => Ok(()),
        }
    }
}
