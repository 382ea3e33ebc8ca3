use std::fmt::{self, Write};

use serde::Serialize;

use super::Rule;
use super::object::Unreadable;
use super::path::Path;
use crate::world::ObjectKey;

/// What came of a request.
#[derive(Debug)]
pub enum Verdict {
    Judged {
        /// Why it is refused; empty if it is not.
        refused: Vec<Violation>,
        /// What would refuse it, were it not for a reason.
        admitted: Vec<Admitted>,
        /// Whom the user may ask.
        contact: Option<String>,
        /// Whether all that refuses it may be right in a moment.
        retry: Retry,
        /// What must be looked at to know whether an exemption covers it.
        unknown: Option<ObjectKey>,
    },
    /// What cannot be judged is refused.
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
    /// What of the cluster nobody has looked at yet.
    pub fn unknown(&self) -> Option<&ObjectKey> {
        match self {
            Self::Judged { unknown, .. } => unknown.as_ref(),
            Self::Unjudged(_) => None,
        }
    }

    /// Whether a newer snapshot may say something else.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Judged { retry, .. } => *retry,
            Self::Unjudged(Unjudged::UnknownNamespace(_)) => Retry::Look,
            Self::Unjudged(Unjudged::NotReady) => Retry::Wait,
            Self::Unjudged(_) => Retry::Never,
        }
    }
}

/// A violation that refuses nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    pub violation: Violation,
    pub why: Why,
}

/// Why a violation refuses nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It was there before, with all around it as it is.
    Before,
    /// Its tenant is observed.
    Observed,
    /// The Exemption of this name covers it.
    Exempted(String),
    /// Who asks is of a group that is refused nothing.
    BrokenGlass,
}

impl Why {
    /// For metrics: a word from a closed set.
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
            Self::Before => f.write_str("it was so before"),
            Self::Observed => f.write_str("the tenant is observed: it will be refused once it is not"),
            Self::Exempted(exemption) => write!(f, "exempted by {exemption}"),
            Self::BrokenGlass => f.write_str("the glass is broken: this is on record"),
        }
    }
}

/// What a refusal rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Retry {
    /// On what is there.
    Never,
    /// On something that is not there, unless this snapshot is too old: one look tells.
    Look,
    /// On something that comes by itself.
    Wait,
}

/// Why a request could not be judged.
#[derive(Debug, thiserror::Error)]
pub enum Unjudged {
    #[error("the object cannot be read: {0}")]
    Unreadable(#[from] Unreadable),
    #[error("the request carries no `{0}`")]
    NoObject(&'static str),
    #[error(
        "no rule is written for {operation} of `{resource}`; the webhook configuration should not send it"
    )]
    Unregistered { operation: String, resource: String },
    /// It may be so new that no snapshot shows it yet.
    #[error("the namespace `{0}` is not known here as a tenant's yet; try again")]
    UnknownNamespace(String),
    #[error("the tenants and namespaces of this cluster are not loaded yet; try again")]
    NotReady,
    #[error("the time for an answer ran out; try again")]
    Deadline,
}

impl Unjudged {
    /// For metrics and logs: a word from a closed set.
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

/// One thing wrong in an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    pub code: &'static str,
    /// RFC 6901.
    pub pointer: String,
    /// As Kubernetes writes it.
    pub field: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
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

/// What one rule found in one object.
#[derive(Debug)]
pub struct Findings {
    code: &'static str,
    violations: Vec<Violation>,
    more: usize,
}

/// Nobody mends the twenty-first before the first.
const MOST: usize = 20;

impl Findings {
    pub fn of(rule: &Rule) -> Self {
        Self { code: rule.code, violations: Vec::new(), more: 0 }
    }

    /// Says what is wrong at `path`, and what to write instead.
    pub fn report(&mut self, path: &Path<'_>, message: impl Into<String>, fix: impl Into<String>) {
        if self.violations.len() == MOST {
            self.more += 1;
            return;
        }
        self.violations.push(Violation::new(self.code, path, message, fix));
    }

    pub fn into_violations(mut self) -> Vec<Violation> {
        if let (Some(last), 1..) = (self.violations.last_mut(), self.more) {
            let _ = write!(last.fix, "; and {} more", self.more);
        }
        self.violations
    }
}

/// A user's own words in a message: in backticks, and no longer than a line holds.
pub fn quote(text: &str) -> String {
    const LONGEST: usize = 100;
    match text.char_indices().nth(LONGEST) {
        None => format!("`{text}`"),
        Some((end, _)) => format!("`{}…`", text.get(..end).unwrap_or_default()),
    }
}

/// How many names a message holds.
const NAMED: usize = 5;

/// The first of several names, and how many more there are.
pub fn quote_all(names: &[&str]) -> String {
    let mut text = names.iter().take(NAMED).map(|name| quote(name)).collect::<Vec<_>>().join(", ");
    if let more @ 1.. = names.len().saturating_sub(NAMED) {
        let _ = write!(text, " and {more} more");
    }
    text
}
