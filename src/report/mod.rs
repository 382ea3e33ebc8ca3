//! Output of verdicts: refusal messages, reports and audit annotations.

mod lines;
mod refusal;

pub use lines::{Detail, Format, ReportLine, SourceLine, Writer};
pub use refusal::{audit_annotations, message, violation_text};
