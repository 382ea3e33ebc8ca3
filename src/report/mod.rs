//! Output of verdicts: refusal messages, reports and audit annotations.

mod fields;
mod lines;
mod refusal;
mod unknown_kind;

pub use fields::{fields_markdown, fields_text, kinds_with_fields, unlisted_field};
pub use lines::{Detail, Format, ReportLine, SourceLine, Writer};
pub use refusal::{audit_annotations, message, violation_text};
pub use unknown_kind::unknown_kind;
