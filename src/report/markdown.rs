//! Findings as Markdown, for a comment on a pull request.

use std::io::{self, Write};

use super::finding::{Counts, Detail, Exemption, Finding, Level, ReportedObject};
use super::refusal::violation_text;
use crate::policy::{Rule, Violation};

/// The most rows of a table. GitHub accepts comments of up to 65,536 characters.
const MAX_ROWS: usize = 50;

/// A table whose first two columns are the object with its place, and the rule.
struct Table {
    title: &'static str,
    columns: &'static str,
    rows: Vec<String>,
}

pub(super) fn write(objects: &[ReportedObject], counts: Counts, out: &mut impl Write) -> io::Result<()> {
    let mut violations = Table::new("Violations", "object | rule | finding");
    let mut warnings = Table::new("Warnings", "object | rule | finding | reason");
    let mut exempted = Table::new("Exempted", "object | rule | Exemption | until | reason");
    let mut unjudged = Table::new("Could not be judged", "object | reason");
    let findings =
        objects.iter().flat_map(|object| object.findings.iter().map(move |finding| (object, finding)));
    for (object, finding) in findings {
        let place = place(object, finding);
        match &finding.detail {
            Detail::Violation(violation, Level::Error) => {
                violations.add(&[place, rule(violation), found(violation)]);
            }
            Detail::Violation(violation, Level::Warning(reason)) => {
                warnings.add(&[place, rule(violation), found(violation), prose(&reason.to_string())]);
            }
            Detail::Violation(violation, Level::Exempted(Exemption { name, expires, reason })) => {
                exempted.add(&[place, rule(violation), code(name), prose(expires), prose(reason)]);
            }
            Detail::Unjudged(reason) => unjudged.add(&[place, prose(reason)]),
        }
    }
    writeln!(
        out,
        "### Bulkhead: {}",
        if objects.is_empty() { "no violations".to_owned() } else { counts.to_string() }
    )?;
    [violations, unjudged, warnings, exempted].iter().try_for_each(|table| table.write(out))?;
    if !objects.is_empty() {
        writeln!(out, "\n`bulkhead explain CODE` prints the manual of a rule.")?;
    }
    Ok(())
}

impl Table {
    fn new(title: &'static str, columns: &'static str) -> Self {
        Self { title, columns, rows: Vec::new() }
    }

    fn add(&mut self, cells: &[String]) {
        self.rows.push(cells.join(" | "));
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let line = "---|".repeat(self.columns.split('|').count());
        writeln!(out, "\n#### {}\n\n| {} |\n|{line}", self.title, self.columns)?;
        for row in self.rows.iter().take(MAX_ROWS) {
            writeln!(out, "| {row} |")?;
        }
        match self.rows.len().saturating_sub(MAX_ROWS) {
            0 => Ok(()),
            more => writeln!(out, "\n… and {more} more"),
        }
    }
}

/// Returns the object, and the line in its file.
fn place(object: &ReportedObject, finding: &Finding) -> String {
    let line = finding.line.map(|line| code(&format!("{}:{line}", object.source())));
    let object = code(&object.to_string());
    line.map_or(object.clone(), |line| format!("{object}<br>{line}"))
}

fn rule(violation: &Violation) -> String {
    let name = Rule::find(violation.code).map_or("", Rule::name);
    format!("{} {}", violation.code, code(name))
}

fn found(violation: &Violation) -> String {
    format!("{}: {}", code(&violation.field), prose(&violation_text(violation)))
}

/// Returns the text as inline code in a cell.
fn code(text: &str) -> String {
    format!("`{}`", in_cell(text).replace('`', "'"))
}

/// Returns a text with inline code, in which nothing else is Markdown or HTML: it can quote what the author wrote.
fn prose(text: &str) -> String {
    let text = in_cell(text);
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) || text.contains("``") {
        return escaped(&text.replace('`', "'"));
    }
    let is_code = |index: usize| index % 2 == 1;
    let parts = parts.into_iter().enumerate();
    let parts = parts.map(|(index, part)| if is_code(index) { format!("`{part}`") } else { escaped(part) });
    parts.collect()
}

fn in_cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            '*' | '_' | '[' | ']' | '!' | '@' | '#' => escaped.extend(['\\', letter]),
            _ => escaped.push(letter),
        }
    }
    escaped
}
