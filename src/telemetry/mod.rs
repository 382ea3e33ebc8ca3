//! Logs, metrics and readiness of the process, and the plain-HTTP port that serves them.

mod admin;
mod logs;
mod metrics;
mod readiness;

pub use admin::admin;
pub use logs::init as logs;
pub use metrics::{Failure, Metrics};
pub use readiness::Readiness;
