//! The forms a verdict is shown in.

mod findings;
mod refusal;

pub use findings::{Finding, Format, Line, What, Writer};
pub use refusal::{audit_annotations, message, sentence};
