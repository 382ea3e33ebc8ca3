//! Everything Bulkhead claims, through the real things where they exist: the API server, istiod, and the real process
//! over TLS. `house`, `manuals`, `threats`, `derived`, `rendered`, `check` and `granted` need none of them, `network` an
//! evaluator instead.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should stop")]
#![expect(clippy::indexing_slicing, reason = "an absent field of JSON is `null`")]

mod accepted;
mod adoption;
mod bad_input;
mod baseline;
mod blessed;
mod chain;
mod check;
mod cluster;
mod controller;
mod dataplane;
mod derived;
mod edits;
mod exemptions;
mod flows;
mod granted;
mod grants;
mod house;
mod identity;
mod manuals;
mod mesh_wide;
mod namespaces;
mod network;
mod outage;
mod ownership;
mod random;
mod readiness;
mod readme;
mod registering;
mod registration;
mod rendered;
mod retired;
#[path = "../examples/playground/scenes.rs"]
mod scenes;
mod serving;
mod shared_services;
mod statuses;
mod switches;
mod tenants;
mod threats;
mod weakening;
