//! What the process says of itself: logs, metrics, readiness by name, and the plain-HTTP port that shows
//! them.

mod admin;
mod logs;
mod metrics;
mod readiness;

pub use admin::admin;
pub use logs::init as logs;
pub use metrics::{Failure, Metrics};
pub use readiness::Readiness;
