//! The certificates of the webhook, if Bulkhead issues them itself: an authority, and the certificate that the replicas
//! serve. [`Certificates::advance`] decides what to issue; the controller stores it in two Secrets.
//!
//! The folder is pure, apart from the randomness of keys. The API server trusts every authority in the bundle of the
//! webhook configurations. A new authority is in that bundle before it signs, and an old one until it expires, so that
//! each certificate in use is trusted at any time.

#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

mod issue;
mod rotation;
mod secrets;
mod validity;

pub use issue::{IssueError, Pair};
pub use rotation::{Certificates, Lifetimes};
pub use secrets::{AUTHORITY_SECRET, CERTIFICATE_SECRET};
pub use validity::Validity;

/// Returns the names by which API servers and people call a Service.
pub fn names_of_service(service: &str, namespace: &str) -> Vec<String> {
    ["svc", "svc.cluster.local"].map(|domain| format!("{service}.{namespace}.{domain}")).into()
}
