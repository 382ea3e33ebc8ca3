//! The forms a verdict is shown in.

mod findings;
mod refusal;

pub use findings::{Finding, Findings, Form, Line, What};
pub use refusal::{audit_annotations, message, sentence};
