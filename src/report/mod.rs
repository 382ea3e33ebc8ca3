//! Output of verdicts: refusal messages, audit annotations, and reports in one format a file. Also what an owner has.
//! `policy_report` makes the objects that the controller writes into tenants' namespaces.

mod fields;
mod finding;
mod json;
mod junit;
mod markdown;
mod owner;
mod policy_report;
mod refusal;
mod sarif;
mod severity;
mod text;
mod unknown_kind;
mod writer;

pub use fields::{fields_markdown, fields_text, kinds_with_fields, unlisted_field};
pub use finding::{Counts, Detail, Exemption, Finding, Level, ReportedObject};
pub use owner::{OwnedNamespace, OwnedTenant, Owner, Usage};
pub use policy_report::{is_current, policy_report};
pub use refusal::{audit_annotations, codes, message, violation_text};
pub use severity::security_severity;
pub use unknown_kind::unknown_kind;
pub use writer::{Format, Writer};
