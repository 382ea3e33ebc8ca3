//! Findings as text: one line a finding.

use std::io::{self, Write};

use super::finding::{Detail, ReportedObject};
use super::refusal::violation_text;

pub(super) fn write(object: &ReportedObject, out: &mut impl Write) -> io::Result<()> {
    for finding in &object.findings {
        if let (Some(file), Some(line)) = (&object.file, finding.line) {
            write!(out, "{}:{line}: ", file.display())?;
        }
        write!(out, "{object}: ")?;
        match &finding.detail {
            Detail::Violation(violation, level) => {
                write!(out, "{} {}: {}", violation.code, violation.field, violation_text(violation))?;
                match level.reason() {
                    Some(reason) => writeln!(out, " ({reason})")?,
                    None => writeln!(out)?,
                }
            }
            Detail::Unjudged(reason) => writeln!(out, "could not be judged: {reason}")?,
        }
    }
    Ok(())
}
