use std::io::{self, Write};

use clap::ValueEnum;

use super::finding::{Counts, ReportedObject};
use super::{json, junit, markdown, sarif, text};

/// The output format of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One line a finding.
    Text,
    /// An array with one object a finding.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// JUnit XML with one test case an object, for test reports.
    Junit,
    /// Tables for a comment on a pull request.
    Markdown,
}

/// Writes objects with their findings, and counts the findings. Text and JSON are written at once, the other formats at
/// the end.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    format: Format,
    counts: Counts,
    collected: Vec<ReportedObject>,
}

impl<W: Write> Writer<W> {
    pub fn new(out: W, format: Format) -> Self {
        Self { out, format, counts: Counts::default(), collected: Vec::new() }
    }

    pub fn write(&mut self, object: ReportedObject) -> io::Result<()> {
        let is_first = self.counts == Counts::default();
        self.counts.add(&object);
        match self.format {
            Format::Text => text::write(&object, &mut self.out),
            Format::Json => json::write(&object, is_first, &mut self.out),
            // A test report lists clean objects too.
            Format::Sarif | Format::Markdown if object.findings.is_empty() => Ok(()),
            Format::Sarif | Format::Junit | Format::Markdown => {
                self.collected.push(object);
                Ok(())
            }
        }
    }

    /// Writes the end of the report, and returns the numbers of findings.
    pub fn end(mut self) -> io::Result<Counts> {
        match self.format {
            Format::Text => {}
            Format::Json => json::write_end(self.counts == Counts::default(), &mut self.out)?,
            Format::Sarif => sarif::write(&self.collected, &mut self.out)?,
            Format::Junit => junit::write(&self.collected, &mut self.out)?,
            Format::Markdown => markdown::write(&self.collected, self.counts, &mut self.out)?,
        }
        Ok(self.counts)
    }
}
