//! The log of decisions: one line for each review, without its object.
//!
//! Refused requests and recorded violations are logged by default. Other admitted ones are logged at the level `debug`.

use std::time::Duration;

use tracing::{Level, event};

use super::outcome::{Outcome, short};
use super::wire::Envelope;
use crate::policy::{JudgeError, Review};

/// The name of these lines in the log filter.
const TARGET: &str = "bulkhead::decision";

/// The choices of the platform for the log of decisions.
#[derive(Clone, Copy, Debug)]
pub struct DecisionLog {
    /// True if lines name the user.
    pub with_users: bool,
}

impl Default for DecisionLog {
    fn default() -> Self {
        Self { with_users: true }
    }
}

impl DecisionLog {
    pub(super) fn write(
        self,
        webhook: &'static str,
        envelope: &Envelope<'_>,
        review: &Review<'_>,
        outcome: &Outcome,
        duration: Duration,
    ) {
        let waived = outcome.waived_rules();
        let level = match outcome.decision() {
            "admitted" if waived.is_none() => Level::DEBUG,
            "admitted" => Level::WARN,
            _ => Level::INFO,
        };
        macro_rules! line {
            ($level:expr) => {
                event!(
                    target: TARGET,
                    $level,
                    uid = short(envelope.uid()),
                    webhook,
                    operation = short(review.operation),
                    resource = short(&review.resource_name()),
                    namespace = (!review.namespace.is_empty()).then(|| short(review.namespace)),
                    name = envelope.name().map(short),
                    user = self.with_users.then(|| short(review.user.name)),
                    dry_run = envelope.is_dry_run(),
                    decision = outcome.decision(),
                    rules = outcome.refusing_rules(),
                    waived,
                    error = outcome.error().map(JudgeError::as_label),
                    duration_ms = duration.as_secs_f64() * 1e3,
                    "decided"
                )
            };
        }
        match level {
            Level::DEBUG => line!(Level::DEBUG),
            Level::INFO => line!(Level::INFO),
            _ => line!(Level::WARN),
        }
    }
}
