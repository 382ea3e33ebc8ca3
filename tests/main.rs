//! Everything Bulkhead claims, through the real things where they exist: the API server, istiod, and the real process
//! over TLS. `house`, `manuals`, `threats`, `derived` and `check` need none of them, `network` an
//! evaluator instead.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should stop")]
#![expect(clippy::indexing_slicing, reason = "an absent field of JSON is `null`")]

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
mod exemptions;
mod flows;
mod house;
mod identity;
mod manuals;
mod namespaces;
mod network;
mod outage;
mod ownership;
mod readiness;
mod readme;
mod registering;
mod registration;
#[path = "../examples/playground/scenes.rs"]
mod scenes;
mod serving;
mod switches;
mod tenants;
mod threats;
mod weakening;
