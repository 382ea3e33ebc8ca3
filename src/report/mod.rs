//! Output of verdicts: refusal messages, reports and audit annotations.

mod lines;
mod refusal;

pub use lines::{ReportLine, Format, SourceLine, Detail, Writer};
pub use refusal::{audit_annotations, message, violation_text};
