//! The forms a verdict is shown in.

mod refusal;

pub use refusal::{codes, message, sentence};
