//! Bulkhead keeps tenants apart on a shared Kubernetes cluster that runs Istio.
//!
//! Data flows one way:
//!
//! ```text
//!             bytes                    Review                      Verdict                      bytes
//! webhook  ── wire::read ───────────▶ ┐                        ┌──▶ wire::write (AdmissionReview)
//! check    ── sources::yaml ────────▶ ┼─▶ policy::judge(r, w) ─┼──▶ report (text, JSON)
//! audit    ── audit::pages ─────────▶ ┘          ▲             └──▶ report, and a Tenant's status
//!                                                │ World: one immutable snapshot per request
//!                  sources::follow (watch) ──────┤
//!                  sources::files (YAML) ────────┘
//! ```
//!
//! Imports point one way too: api → settings → world → baseline → policy → registration → report → the rest.
//! From `api` to `registration` nothing waits, reads or looks at a clock.

pub mod api;
pub mod audit;
pub mod baseline;
pub mod cli;
pub mod controller;
pub mod policy;
pub mod registration;
pub mod report;
pub mod settings;
pub mod sources;
pub mod telemetry;
pub mod webhook;
pub mod world;
