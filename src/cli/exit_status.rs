/// The result of a command that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExitStatus {
    Clean,
    Violations,
    /// Some objects could not be judged.
    Unjudged,
}

impl ExitStatus {
    pub(super) fn of(violations: usize, unjudged: usize) -> Self {
        match (violations, unjudged) {
            (0, 0) => Self::Clean,
            (_, 0) => Self::Violations,
            _ => Self::Unjudged,
        }
    }
}
