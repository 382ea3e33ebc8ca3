//! The fast tier: tests without a cluster and without Go.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should stop")]
#![expect(clippy::indexing_slicing, reason = "an absent field of JSON is `null`")]

mod advice;
mod audit_reports;
mod bad_input;
mod book;
mod check;
mod check_in_ci;
mod command_line;
mod decision_log;
mod derived;
mod examples;
mod fuzz;
mod granted;
mod hosts;
mod house;
mod imports;
mod keys;
mod krew;
mod links;
mod manuals;
mod metrics;
mod mutations;
mod pod_templates;
mod prose;
mod refusals;
mod registration;
mod rendered;
mod reports;
mod roles;
mod services;
mod serving;
mod strangers;
mod threats;
mod traces;
mod tree;
mod weakening;
mod wording;
mod words;
mod works_with;
