//! Logs, metrics, traces and readiness of the process, and the plain-HTTP port that serves them.

mod admin;
mod logs;
mod metrics;
mod readiness;
mod traces;

pub use admin::admin;
pub use logs::init as logs;
pub use metrics::{
    AUDIT_REPORTS, AdmissionMetrics, CertificateRole, Definition, Failure, Label, MUTATING_ENTRY, Metrics,
    PROXY_REFERENCES, Part, RECONCILE_REASONS, RECONCILE_TARGETS, REGISTRATION_STATES, SETTINGS, Type,
    WATCHED, WatchState, metrics_markdown,
};
pub use readiness::Readiness;
pub use traces::{RequestSpan, TraceError, Traces};
