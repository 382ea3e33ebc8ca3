//! Output of verdicts: refusal messages, audit annotations, and reports in one format a file. Also what an owner has.

mod fields;
mod finding;
mod json;
mod junit;
mod markdown;
mod owner;
mod refusal;
mod sarif;
mod text;
mod unknown_kind;
mod writer;

pub use fields::{fields_markdown, fields_text, kinds_with_fields, unlisted_field};
pub use finding::{Counts, Detail, Exemption, Finding, Level, ReportedObject};
pub use owner::{OwnedNamespace, OwnedTenant, Owner, Usage};
pub use refusal::{audit_annotations, codes, message, violation_text};
pub use sarif::security_severity;
pub use unknown_kind::unknown_kind;
pub use writer::{Format, Writer};
