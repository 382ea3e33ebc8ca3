use clap::ValueEnum;

use crate::report::Counts;

/// The result of a command that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExitStatus {
    Clean,
    Violations,
    /// Some objects could not be judged.
    Unjudged,
}

/// The findings for which a command exits with 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum FailOn {
    /// Violations that the webhook refuses.
    Error,
    /// Also violations that the webhook only warns of.
    Warn,
}

impl ExitStatus {
    pub(super) fn of(counts: Counts, fail_on: FailOn) -> Self {
        let Counts { violations, warnings, unjudged, .. } = counts;
        let failures = match fail_on {
            FailOn::Error => violations,
            FailOn::Warn => violations + warnings,
        };
        match (failures, unjudged) {
            (0, 0) => Self::Clean,
            (_, 0) => Self::Violations,
            _ => Self::Unjudged,
        }
    }
}
