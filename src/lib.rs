//! Bulkhead isolates tenants on a shared Kubernetes cluster that runs Istio.
//!
//! Requests, manifests and existing objects are judged by the same function, and data flows one way:
//!
//! ```text
//!             bytes                    Review                      Verdict                      bytes
//! webhook  ── wire::read ───────────▶ ┐                        ┌──▶ wire::write (AdmissionReview)
//! check    ── sources::yaml ────────▶ ┼─▶ policy::judge(r, w) ─┼──▶ report (text, JSON, …)
//! audit    ── sources::pages ───────▶ ┘          ▲             └──▶ report, and a Tenant's status
//!                                                │ one immutable snapshot per request
//!                  sources::watch (cluster) ─────┤
//!                  sources::files (YAML) ────────┘
//! ```
//!
//! The controller compares the same snapshot with the objects in the cluster:
//!
//! ```text
//! snapshot ──▶ baseline (wanted) ─┐
//!                                 ├──▶ targets out of sync ──▶ workqueue ──▶ writes, status
//! watches ───▶ cache (found) ─────┘
//! ```
//!
//! Imports point one way too: `kinds` → `keys` → `api` → `settings` → `snapshot` → `baseline` → `policy` → `certs` →
//! `registration` → `report` → `telemetry` → `sources` → { `webhook`, `audit` } → { `controller`, `doctor` } → `cli`.
//! The folders from `kinds` to `registration` are pure: they do not wait, do no I/O and read no clock.

pub mod api;
pub mod audit;
pub mod baseline;
pub mod certs;
pub mod cli;
pub mod controller;
pub mod doctor;
pub mod keys;
pub mod kinds;
pub mod policy;
pub mod registration;
pub mod report;
pub mod settings;
pub mod snapshot;
pub mod sources;
pub mod telemetry;
pub mod webhook;
