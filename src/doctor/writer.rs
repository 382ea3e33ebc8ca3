use std::fmt;
use std::io::{self, Write};

use clap::ValueEnum;

use super::{Finding, Problem, Severity};

/// The output format of the findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The findings of each check, with their remedies.
    Text,
    /// An array with one object a finding.
    Json,
}

/// The numbers of findings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub errors: usize,
    pub warnings: usize,
    pub infos: usize,
    pub unchecked: usize,
}

/// Writes the findings of one check after the other, and counts them.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    format: Format,
    counts: Counts,
    /// All findings, for JSON.
    collected: Vec<Finding>,
}

impl<W: Write> Writer<W> {
    pub fn new(out: W, format: Format) -> Self {
        Self { out, format, counts: Counts::default(), collected: Vec::new() }
    }

    /// Writes the findings of a check. Text has nothing for a check without findings.
    pub fn write(&mut self, findings: Vec<Finding>) -> io::Result<()> {
        self.counts.add(&findings);
        if self.format == Format::Json {
            self.collected.extend(findings);
            return Ok(());
        }
        if let Some(first) = findings.first() {
            writeln!(self.out, "{}", first.check)?;
        }
        for Finding { problem: Problem { severity, object, message, remedy }, .. } in &findings {
            let object = if object.is_empty() { String::new() } else { format!("{object}: ") };
            writeln!(self.out, "  {}: {object}{message}", severity.label())?;
            if !remedy.is_empty() {
                writeln!(self.out, "    {remedy}")?;
            }
        }
        Ok(())
    }

    /// Writes the end of the report, and returns the numbers of findings.
    pub fn end(mut self) -> io::Result<Counts> {
        if self.format == Format::Json {
            serde_json::to_writer_pretty(&mut self.out, &self.collected)?;
            writeln!(self.out)?;
        }
        Ok(self.counts)
    }
}

impl Counts {
    fn add(&mut self, findings: &[Finding]) {
        for finding in findings {
            let count = match finding.problem.severity {
                Severity::Error => &mut self.errors,
                Severity::Warning => &mut self.warnings,
                Severity::Info => &mut self.infos,
                Severity::Unchecked => &mut self.unchecked,
            };
            *count += 1;
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { errors, warnings, infos, unchecked } = *self;
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        write!(
            f,
            "{errors} error{}, {warnings} warning{}, {infos} info, {unchecked} not checked",
            plural(errors),
            plural(warnings)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: Format) -> String {
        let problem = |severity| Problem::new(severity, "Role a/b", "it is wide", "narrow it");
        let of = |check, severity| Finding { check, problem: problem(severity) };
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes, format);
        let written = writer.write(vec![of("one", Severity::Error), of("one", Severity::Info)]);
        assert!(written.and_then(|()| writer.write(Vec::new())).is_ok());
        let counts = writer.end().map(|counts| counts.to_string()).unwrap_or_default();
        assert_eq!(counts, "1 error, 0 warnings, 1 info, 0 not checked");
        String::from_utf8(bytes).unwrap_or_default()
    }

    #[test]
    fn text_has_the_remedy_under_each_finding() {
        let expected = "one\n  error: Role a/b: it is wide\n    narrow it\n  info: Role a/b: it is wide\n    narrow it\n";
        assert_eq!(written(Format::Text), expected);
    }

    #[test]
    fn json_has_one_object_a_finding() {
        let found: serde_json::Value = serde_json::from_str(&written(Format::Json)).unwrap_or_default();
        let expected = serde_json::json!({
            "check": "one", "severity": "error", "object": "Role a/b", "message": "it is wide", "remedy": "narrow it",
        });
        assert_eq!(found.get(0), Some(&expected));
        assert_eq!(found.as_array().map(Vec::len), Some(2));
    }
}
