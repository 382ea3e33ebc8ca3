use std::fmt::{self, Write};

use serde::Serialize;

use super::Rule;
use super::object::Unreadable;
use super::path::Path;
use crate::snapshot::LiveObjectKey;

/// The result of judging a request.
#[derive(Debug)]
pub enum Verdict {
    Judged {
        /// The violations for which the request is refused; empty if it is admitted.
        refused: Vec<Violation>,
        /// Violations that are admitted, each for a reason.
        admitted: Vec<Admitted>,
        /// A contact for the refused user.
        contact: Option<String>,
        /// Says if a newer snapshot may admit the request.
        retry: Retry,
        /// An object to look up before it is known if an Exemption covers the request.
        unknown: Option<LiveObjectKey>,
    },
    /// The request could not be judged, and is refused.
    Unjudged(Unjudged),
}

impl Default for Verdict {
    fn default() -> Self {
        Self::Judged {
            refused: Vec::new(),
            admitted: Vec::new(),
            contact: None,
            retry: Retry::Never,
            unknown: None,
        }
    }
}

impl Verdict {
    /// Returns the object to look up, if the verdict depends on one.
    pub fn unknown(&self) -> Option<&LiveObjectKey> {
        match self {
            Self::Judged { unknown, .. } => unknown.as_ref(),
            Self::Unjudged(_) => None,
        }
    }

    /// Says if a newer snapshot may change the verdict.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Judged { retry, .. } => *retry,
            Self::Unjudged(Unjudged::UnknownNamespace(_)) => Retry::Look,
            Self::Unjudged(Unjudged::NotReady) => Retry::Wait,
            Self::Unjudged(_) => Retry::Never,
        }
    }
}

/// A violation for which the request is not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    pub violation: Violation,
    pub why: Why,
}

/// The reason to admit a violation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The object had it before, and the fields that the rule reads are unchanged.
    Before,
    /// The tenant has `enforcement: Observe`.
    Observed,
    /// The Exemption of this name covers the object.
    Exempted(String),
    /// The user is a member of a break-glass group.
    BrokenGlass,
}

impl Why {
    /// Returns a metric label from a closed set.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::Observed => "observed",
            Self::Exempted(_) => "exempted",
            Self::BrokenGlass => "break-glass",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Before => f.write_str(
                "admitted: the object already had this violation and its judged fields are unchanged",
            ),
            Self::Observed => {
                f.write_str("admitted: the tenant has `enforcement: Observe`, and `Enforce` will refuse it")
            }
            Self::Exempted(exemption) => write!(f, "admitted by Exemption {exemption}"),
            Self::BrokenGlass => f.write_str("admitted by break-glass access; recorded in the audit log"),
        }
    }
}

/// Says if a refusal may change without a change of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Retry {
    /// The refusal depends on known state.
    Never,
    /// The refusal depends on absent state, which one lookup in the cluster settles.
    Look,
    /// The refusal depends on state that the controller is about to reach.
    Wait,
}

/// The reason for which a request could not be judged.
#[derive(Debug, thiserror::Error)]
pub enum Unjudged {
    #[error("the object cannot be read, so no rule can judge it: {0}; correct the object")]
    Unreadable(#[from] Unreadable),
    #[error("the API server's request has no `{0}`; report this to the platform")]
    NoObject(&'static str),
    #[error(
        "no rule judges {operation} of `{resource}`; ask the platform to update the webhook configuration, which should \
         not send it"
    )]
    Unregistered { operation: String, resource: String },
    /// The namespace may be newer than the snapshot.
    #[error("the webhook does not know the namespace `{0}` as a tenant's yet; try again in a few seconds")]
    UnknownNamespace(String),
    #[error(
        "the webhook has not loaded the cluster's tenants and namespaces yet; try again in a few seconds"
    )]
    NotReady,
    #[error("the time for an answer ran out; try again")]
    Deadline,
}

impl Unjudged {
    /// Returns a label for metrics and logs, from a closed set.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::NoObject(_) => "no-object",
            Self::Unregistered { .. } => "unregistered",
            Self::UnknownNamespace(_) => "unknown-namespace",
            Self::NotReady => "not-ready",
            Self::Deadline => "deadline",
        }
    }
}

/// One problem in an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    pub code: &'static str,
    /// The field as a JSON Pointer (RFC 6901).
    pub pointer: String,
    /// The field as Kubernetes writes it, such as `metadata.labels[a.example/b]`.
    pub field: String,
    /// The value that was found, and why it matters.
    pub message: String,
    /// The correction: a value to write, or a grant or setting to ask for. Ends with a full stop.
    pub fix: String,
}

impl Violation {
    pub fn new(
        code: &'static str,
        path: &Path<'_>,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            code,
            pointer: path.pointer(),
            field: path.to_string(),
            message: message.into(),
            fix: fix.into(),
        }
    }
}

/// The violations of one rule in one object.
#[derive(Debug)]
pub struct Findings {
    code: &'static str,
    violations: Vec<Violation>,
    more: usize,
}

/// Violations listed for each rule; further ones are only counted.
const MOST: usize = 20;

impl Findings {
    pub fn of(rule: &Rule) -> Self {
        Self { code: rule.code, violations: Vec::new(), more: 0 }
    }

    /// Adds the violation at `path`.
    pub fn report(&mut self, path: &Path<'_>, message: impl Into<String>, fix: impl Into<String>) {
        if self.violations.len() == MOST {
            self.more += 1;
            return;
        }
        self.violations.push(Violation::new(self.code, path, message, fix));
    }

    pub fn into_violations(mut self) -> Vec<Violation> {
        if let (Some(last), 1..) = (self.violations.last_mut(), self.more) {
            let _ = write!(last.fix, " {} has {} more violations here.", self.code, self.more);
        }
        self.violations
    }
}

/// Quotes a user's text for a message: in backticks, and cut to a line.
pub fn quote(text: &str) -> String {
    const LONGEST: usize = 100;
    match text.char_indices().nth(LONGEST) {
        None => format!("`{text}`"),
        Some((end, _)) => format!("`{}…`", text.get(..end).unwrap_or_default()),
    }
}

/// The most names in one message.
const NAMED: usize = 5;

/// Quotes the first names, and counts the rest.
pub fn quote_all(names: &[&str]) -> String {
    let mut text = names.iter().take(NAMED).map(|name| quote(name)).collect::<Vec<_>>().join(", ");
    if let more @ 1.. = names.len().saturating_sub(NAMED) {
        let _ = write!(text, " and {more} more");
    }
    text
}
