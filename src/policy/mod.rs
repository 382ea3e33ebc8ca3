//! The policy engine: decides if a request is admitted, and gives the reasons. The only entry point is [`judge()`], and
//! the only result is [`Verdict`]. Pure: no async, no I/O, no clock.

#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

mod baseline_names;
pub mod claims;
pub mod defaulting;
mod exemption;
pub mod fields;
mod judge;
pub mod object;
mod pod_changes;
mod pod_controller;
mod pod_templates;
pub mod proxy;
mod ratchet;
mod read_object;
mod request;
mod review;
pub mod rules;
mod trust;
mod verdict;

pub use judge::{judge, judge_by, kind_to_read};
pub use read_object::ReadObject;
pub use request::{KnownKey, Request};
pub use review::{Review, ReviewObject};
pub use rules::{NamespaceClass, RULES, Rule};
pub use trust::Trust;
pub use verdict::{
    JudgeError, Retry, RuleReport, Verdict, Violation, WaivedViolation, WaiverReason, quote, quote_all,
};
