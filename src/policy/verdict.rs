//! Results of judging: verdicts, violations, and what a rule reports. `report` formats them for users.

use std::fmt::{self, Write};

use serde::Serialize;

use super::object::{ObjectError, Path};
use crate::snapshot::LiveObjectKey;

/// The result of judging a request.
#[derive(Debug)]
pub enum Verdict {
    Judged {
        /// The violations for which the request is refused; empty if it is admitted.
        refused: Vec<Violation>,
        /// Violations that are admitted, each for a reason.
        admitted: Vec<WaivedViolation>,
        /// A contact for the refused user.
        contact: Option<String>,
        /// The retry that may admit the request: a newer snapshot can change the verdict.
        retry: Retry,
        /// The object to look up before it is known if an Exemption covers the request.
        needs_lookup: Option<LiveObjectKey>,
    },
    /// The request could not be judged, and is refused.
    Unjudged(JudgeError),
}

impl Default for Verdict {
    fn default() -> Self {
        Self::Judged {
            refused: Vec::new(),
            admitted: Vec::new(),
            contact: None,
            retry: Retry::Never,
            needs_lookup: None,
        }
    }
}

impl Verdict {
    /// Returns the decision in one word, for the audit log and other logs: a request that is not judged is refused too.
    pub fn decision(&self) -> &'static str {
        match self {
            Self::Judged { refused, .. } if refused.is_empty() => "admitted",
            Self::Judged { .. } => "refused",
            Self::Unjudged(_) => "unjudged",
        }
    }

    /// Returns the object to look up, if the verdict depends on one.
    pub fn needs_lookup(&self) -> Option<&LiveObjectKey> {
        match self {
            Self::Judged { needs_lookup, .. } => needs_lookup.as_ref(),
            Self::Unjudged(_) => None,
        }
    }

    /// Returns the retry that may change the verdict: a newer snapshot can differ.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Judged { retry, .. } => *retry,
            Self::Unjudged(JudgeError::UnknownNamespace(_)) => Retry::Refresh,
            Self::Unjudged(JudgeError::NotReady) => Retry::Wait,
            Self::Unjudged(_) => Retry::Never,
        }
    }
}

/// A violation for which the request is not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaivedViolation {
    pub violation: Violation,
    pub reason: WaiverReason,
}

/// The reason to admit a violation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaiverReason {
    /// The object had it before, and the fields that the rule reads are unchanged.
    Preexisting,
    /// The tenant has `enforcement: Observe`.
    Observed,
    /// The settings have `Warn` for the rule.
    Warned,
    /// The settings have `Audit` for the rule.
    Audited,
    /// The Exemption of this name covers the object.
    Exempted(String),
    /// The user is a member of a break-glass group.
    BreakGlass,
}

impl WaiverReason {
    /// The labels of all reasons.
    pub const LABELS: [&str; 6] = ["preexisting", "observed", "warned", "audited", "exempted", "break-glass"];

    /// Returns a label for metrics and logs, one of [`Self::LABELS`].
    pub fn as_label(&self) -> &'static str {
        match self {
            Self::Preexisting => "preexisting",
            Self::Observed => "observed",
            Self::Warned => "warned",
            Self::Audited => "audited",
            Self::Exempted(_) => "exempted",
            Self::BreakGlass => "break-glass",
        }
    }
}

impl fmt::Display for WaiverReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Preexisting => f.write_str(
                "admitted: the object already had this violation and its judged fields are unchanged",
            ),
            Self::Observed => {
                f.write_str("admitted: the tenant has `enforcement: Observe`, and `Enforce` will refuse it")
            }
            Self::Warned => f.write_str("admitted: the platform has not put this rule into force yet"),
            Self::Audited => {
                f.write_str("admitted and recorded: the platform only counts violations of this rule")
            }
            Self::Exempted(exemption) => write!(f, "admitted by Exemption {exemption}"),
            Self::BreakGlass => f.write_str("admitted by break-glass access; recorded in the audit log"),
        }
    }
}

/// The retry that may change a refusal without a change of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Retry {
    /// The refusal depends on known state.
    Never,
    /// The refusal depends on the proxy that the injector makes, which it is asked for once more.
    Relearn,
    /// The refusal depends on absent state, which one lookup in the cluster settles.
    Refresh,
    /// The refusal depends on state that the controller is about to reach.
    Wait,
}

/// The reason for which a request could not be judged.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    #[error("the object cannot be read, so no rule can judge it: {0}; correct the object")]
    Unreadable(#[from] ObjectError),
    #[error("the API server's request has no `{0}`; report this to the platform")]
    MissingObject(&'static str),
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
    DeadlineExceeded,
}

impl JudgeError {
    /// The labels of all errors.
    pub const LABELS: [&str; 6] =
        ["unreadable", "no-object", "unregistered", "unknown-namespace", "not-ready", "deadline"];

    /// Returns a label for metrics and logs, one of [`Self::LABELS`].
    pub fn as_label(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::MissingObject(_) => "no-object",
            Self::Unregistered { .. } => "unregistered",
            Self::UnknownNamespace(_) => "unknown-namespace",
            Self::NotReady => "not-ready",
            Self::DeadlineExceeded => "deadline",
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
pub struct RuleReport {
    code: &'static str,
    violations: Vec<Violation>,
    unlisted: usize,
    retry: Option<Retry>,
}

/// Violations listed for each rule; further ones are only counted.
const MAX_LISTED_VIOLATIONS: usize = 20;
/// The number of further violations of a rule at which its claims are no longer resolved.
const MAX_COUNTED_VIOLATIONS: usize = 1_000;

impl RuleReport {
    pub fn new(code: &'static str) -> Self {
        Self { code, violations: Vec::new(), unlisted: 0, retry: None }
    }

    pub fn code(&self) -> &'static str {
        self.code
    }

    /// Adds the violation at `path`.
    pub fn add(&mut self, path: &Path<'_>, message: impl Into<String>, fix: impl Into<String>) {
        if self.violations.len() == MAX_LISTED_VIOLATIONS {
            self.unlisted += 1;
            return;
        }
        self.violations.push(Violation::new(self.code, path, message, fix));
    }

    /// Adds the violation at `path`, and words it only if it is listed.
    pub fn add_with(&mut self, path: &Path<'_>, describe: impl FnOnce() -> (String, String)) {
        if self.violations.len() == MAX_LISTED_VIOLATIONS {
            self.unlisted += 1;
            return;
        }
        let (message, fix) = describe();
        self.add(path, message, fix);
    }

    /// True if there are so many violations that more need not be counted.
    pub fn is_full(&self) -> bool {
        self.unlisted >= MAX_COUNTED_VIOLATIONS
    }

    /// Notes the retry that may change the newest violation. One violation that no retry changes is enough to refuse.
    pub fn may_change(&mut self, retry: Retry) {
        self.retry = Some(self.retry.map_or(retry, |known| known.min(retry)));
    }

    /// Adds the violations of another report of the same rule.
    pub fn add_all(&mut self, other: Self) {
        self.unlisted += other.unlisted;
        for violation in other.violations {
            if self.violations.len() == MAX_LISTED_VIOLATIONS {
                self.unlisted += 1;
            } else {
                self.violations.push(violation);
            }
        }
    }

    /// Returns the number of violations.
    pub fn count(&self) -> usize {
        self.violations.len() + self.unlisted
    }

    /// Returns the retry that may change the violations, if they have one of their own.
    pub fn retry(&self) -> Option<Retry> {
        self.retry
    }

    pub fn into_violations(mut self) -> Vec<Violation> {
        let at_least = if self.is_full() { "at least " } else { "" };
        if let (Some(last), 1..) = (self.violations.last_mut(), self.unlisted) {
            let _ = write!(last.fix, " {} has {at_least}{} more violations here.", self.code, self.unlisted);
        }
        self.violations
    }
}

/// Quotes a user's text for a message: in backticks, and cut to a line.
pub fn quote(text: &str) -> String {
    const MAX_QUOTED_CHARS: usize = 100;
    match text.char_indices().nth(MAX_QUOTED_CHARS) {
        None => format!("`{text}`"),
        Some((end, _)) => format!("`{}…`", text.get(..end).unwrap_or_default()),
    }
}

/// The most names in one message.
const MAX_QUOTED_NAMES: usize = 5;

/// Quotes the first names, and counts the rest.
pub fn quote_all(names: &[impl AsRef<str>]) -> String {
    let mut text =
        names.iter().take(MAX_QUOTED_NAMES).map(|name| quote(name.as_ref())).collect::<Vec<_>>().join(", ");
    if let unlisted @ 1.. = names.len().saturating_sub(MAX_QUOTED_NAMES) {
        let _ = write!(text, " and {unlisted} more");
    }
    text
}
