//! Findings as JUnit XML: one test suite a file or namespace, one test case an object.
//!
//! GitLab identifies a test case by `classname` and `name` and ignores a second one, and Jenkins keeps one failure of a
//! test case. So an object is one test case, its violations are the text of one failure, and objects without a name, which
//! the API server makes, are numbered.

use std::collections::BTreeMap;
use std::io::{self, Write};

use quick_xml::events::{BytesDecl, BytesText, Event};

use super::finding::{Detail, Finding, Level, ReportedObject};
use super::refusal::violation_text;

type Xml<'a> = quick_xml::Writer<&'a mut dyn Write>;

/// The result of a test case; the gravest finding counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Passed,
    /// Exemptions or warnings only.
    Skipped,
    Failed,
    /// The object could not be judged.
    Error,
}

impl Outcome {
    fn of(object: &ReportedObject) -> Self {
        let outcomes = object.findings.iter().map(|finding| match finding.detail {
            Detail::Violation(_, Level::Error) => Self::Failed,
            Detail::Violation(_, Level::Warning(_) | Level::Exempted(_)) => Self::Skipped,
            Detail::Unjudged(_) => Self::Error,
        });
        outcomes.max().unwrap_or(Self::Passed)
    }

    /// Returns the element of the outcome in a test case.
    fn element(self) -> Option<&'static str> {
        match self {
            Self::Passed => None,
            Self::Skipped => Some("skipped"),
            Self::Failed => Some("failure"),
            Self::Error => Some("error"),
        }
    }
}

pub(super) fn write(objects: &[ReportedObject], out: &mut impl Write) -> io::Result<()> {
    let mut suites: BTreeMap<String, Vec<&ReportedObject>> = BTreeMap::new();
    for object in objects {
        suites.entry(object.source()).or_default().push(object);
    }
    let out: &mut dyn Write = out;
    let mut xml = Xml::new_with_indent(out, b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let all: Vec<&ReportedObject> = objects.iter().collect();
    let root = xml.create_element("testsuites").with_attribute(("name", "bulkhead"));
    let counts = counts(&all, &[("failures", Outcome::Failed), ("errors", Outcome::Error)]);
    root.with_attributes(counts.iter().map(|(name, count)| (*name, count.as_str()))).write_inner_content(
        |xml| suites.iter().try_for_each(|(source, objects)| write_suite(source, objects, xml)),
    )?;
    xml.into_inner().write_all(b"\n")
}

fn write_suite(source: &str, objects: &[&ReportedObject], xml: &mut Xml<'_>) -> io::Result<()> {
    let outcomes = [("failures", Outcome::Failed), ("errors", Outcome::Error), ("skipped", Outcome::Skipped)];
    let source = printable(source);
    let counts = counts(objects, &outcomes);
    let suite = xml.create_element("testsuite").with_attribute(("name", source.as_str()));
    let suite = suite.with_attributes(counts.iter().map(|(name, count)| (*name, count.as_str())));
    // The schema of Jenkins' xUnit plugin has no such attribute of a test case, and refuses a report with one.
    let is_file = objects.first().is_some_and(|object| object.file.is_some());
    let suite = if is_file { suite.with_attribute(("file", source.as_str())) } else { suite };
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    suite.write_inner_content(|xml| {
        objects.iter().try_for_each(|object| {
            let name = printable(&object.to_string());
            let number = names.entry(name.clone()).or_default();
            *number += 1;
            let name = if *number == 1 { name } else { format!("{name} ({number})") };
            write_case(&source, &name, object, xml)
        })
    })?;
    Ok(())
}

fn write_case(source: &str, name: &str, object: &ReportedObject, xml: &mut Xml<'_>) -> io::Result<()> {
    let case = xml.create_element("testcase").with_attribute(("classname", source));
    let case = case.with_attribute(("name", name));
    let Some(element) = Outcome::of(object).element() else {
        case.write_empty()?;
        return Ok(());
    };
    let text: Vec<String> = object.findings.iter().map(|finding| line(object, finding)).collect();
    let message = printable(&codes(object));
    case.write_inner_content(|xml| {
        let result = xml.create_element(element).with_attribute(("message", message.as_str()));
        result.write_text_content(BytesText::new(&printable(&text.join("\n"))))?;
        Ok(())
    })?;
    Ok(())
}

/// Returns the attributes with the number of test cases, and of those with each outcome.
fn counts(objects: &[&ReportedObject], outcomes: &[(&'static str, Outcome)]) -> Vec<(&'static str, String)> {
    let with = |outcome| objects.iter().filter(|object| Outcome::of(object) == outcome).count();
    let outcomes = outcomes.iter().map(|(name, outcome)| (*name, with(*outcome).to_string()));
    std::iter::once(("tests", objects.len().to_string())).chain(outcomes).collect()
}

/// Returns the violated rules, each once.
fn codes(object: &ReportedObject) -> String {
    let mut codes: Vec<&str> = Vec::new();
    for finding in &object.findings {
        let code = match &finding.detail {
            Detail::Violation(violation, _) => violation.code,
            Detail::Unjudged(_) => "could not be judged",
        };
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    codes.join(", ")
}

fn line(object: &ReportedObject, finding: &Finding) -> String {
    let place = finding.line.map_or_else(String::new, |line| format!("{}:{line}: ", object.source()));
    match &finding.detail {
        Detail::Violation(violation, level) => {
            let reason = level.reason().map_or_else(String::new, |reason| format!(" ({reason})"));
            format!("{place}{} {}: {}{reason}", violation.code, violation.field, violation_text(violation))
        }
        Detail::Unjudged(reason) => format!("{place}{reason}"),
    }
}

/// Replaces the characters that XML 1.0 cannot hold, not even escaped.
fn printable(text: &str) -> String {
    let is_allowed = |letter: char| match letter {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        letter => letter >= ' ',
    };
    text.chars().map(|letter| if is_allowed(letter) { letter } else { char::REPLACEMENT_CHARACTER }).collect()
}
