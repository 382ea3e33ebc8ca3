//! Output of verdicts: refusal messages, reports and audit annotations.

mod findings;
mod refusal;

pub use findings::{Finding, Format, Line, What, Writer};
pub use refusal::{audit_annotations, message, sentence};
