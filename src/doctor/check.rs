use futures::future::BoxFuture;

use super::{Inspection, Problem, Severity, Unread};

/// Reads what a check needs, and judges it.
pub(super) type Run = for<'a> fn(&'a Inspection) -> BoxFuture<'a, Result<Vec<Problem>, Unread>>;

/// One check of a cluster.
#[derive(Clone, Copy)]
pub struct Check {
    /// The stable name, in kebab case.
    pub name: &'static str,
    /// The severest of its findings.
    pub severity: Severity,
    /// The expected state, for the table in the documentation.
    pub expects: &'static str,
    pub(super) run: Run,
}
