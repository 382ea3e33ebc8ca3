//! The fast tier: tests without a cluster and without Go.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should stop")]
#![expect(clippy::indexing_slicing, reason = "an absent field of JSON is `null`")]

mod bad_input;
mod check;
mod derived;
mod examples;
mod granted;
mod hosts;
mod house;
mod imports;
mod keys;
mod links;
mod manuals;
mod mutations;
mod pod_templates;
mod prose;
mod refusals;
mod registration;
mod rendered;
mod roles;
mod services;
mod serving;
mod strangers;
mod threats;
mod tree;
mod weakening;
mod wording;
mod words;
