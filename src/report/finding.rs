//! The findings in one object, as every output format writes them.

use std::fmt;
use std::path::PathBuf;

use k8s_openapi::jiff::Timestamp;

use crate::policy::{Verdict, Violation, WaivedViolation, WaiverReason};
use crate::snapshot::{self, Snapshot};

/// An object that was judged, with everything that was found in it.
#[derive(Clone, Debug)]
pub struct ReportedObject {
    /// The file of the object; `None` if it comes from a cluster.
    pub file: Option<PathBuf>,
    /// Empty if it is unknown.
    pub api_version: String,
    pub kind: String,
    pub namespace: String,
    pub name: String,
    pub findings: Vec<Finding>,
}

#[derive(Clone, Debug)]
pub struct Finding {
    /// The line in the object's file.
    pub line: Option<u64>,
    pub detail: Detail,
}

#[derive(Clone, Debug)]
pub enum Detail {
    Violation(Violation, Level),
    /// The object could not be judged, for this reason.
    Unjudged(String),
}

/// The answer of the webhook to a violation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Level {
    /// The webhook refuses the object.
    Error,
    /// The webhook admits the object, for this reason.
    Warning(WaiverReason),
    /// An Exemption covers the object.
    Exempted(Exemption),
}

/// The Exemption that covers an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exemption {
    pub name: String,
    pub reason: String,
    /// The time at which it ends, in RFC 3339.
    pub expires: String,
}

/// The numbers of findings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub violations: usize,
    pub warnings: usize,
    pub exempted: usize,
    pub unjudged: usize,
}

impl ReportedObject {
    /// Returns the name of the object's source: its file, or its namespace in a cluster.
    pub(super) fn source(&self) -> String {
        match &self.file {
            Some(file) if file.as_os_str() == "-" => "stdin".to_owned(),
            Some(file) => file.display().to_string(),
            None if self.namespace.is_empty() => "cluster".to_owned(),
            None => self.namespace.clone(),
        }
    }
}

/// Kind, namespace and name, as far as they are known.
impl fmt::Display for ReportedObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, namespace, name, .. } = self;
        match (namespace.as_str(), name.as_str()) {
            ("", "") => write!(f, "{kind}"),
            ("", name) | (name, "") => write!(f, "{kind} {name}"),
            (namespace, name) => write!(f, "{kind} {namespace}/{name}"),
        }
    }
}

impl Detail {
    pub fn of_verdict(verdict: Verdict, snapshot: &Snapshot) -> Vec<Self> {
        match verdict {
            Verdict::Unjudged(error) => vec![Self::Unjudged(error.to_string())],
            Verdict::Judged { refused, admitted, .. } => {
                let refused = refused.into_iter().map(|violation| Self::Violation(violation, Level::Error));
                let admitted = admitted.into_iter().map(|WaivedViolation { violation, reason }| {
                    Self::Violation(violation, Level::of_admitted(reason, snapshot))
                });
                refused.chain(admitted).collect()
            }
        }
    }

    /// Returns the JSON pointer of the field; the whole object if it could not be judged.
    pub fn pointer(&self) -> &str {
        match self {
            Self::Violation(violation, _) => &violation.pointer,
            Self::Unjudged(_) => "",
        }
    }
}

impl Level {
    fn of_admitted(reason: WaiverReason, snapshot: &Snapshot) -> Self {
        let exemption = match &reason {
            WaiverReason::Exempted(name) => snapshot.exemption(name),
            _ => None,
        };
        exemption.map_or(Self::Warning(reason), |exemption| Self::Exempted(exemption.into()))
    }

    pub(super) fn as_label(&self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning(_) => "warning",
            Self::Exempted(_) => "exempted",
        }
    }

    /// Returns the reason for which the webhook admits the object; `None` if it refuses the object.
    pub(super) fn reason(&self) -> Option<String> {
        match self {
            Self::Error => None,
            Self::Warning(reason) => Some(reason.to_string()),
            Self::Exempted(exemption) => Some(exemption.to_string()),
        }
    }
}

impl From<&snapshot::Exemption> for Exemption {
    fn from(exemption: &snapshot::Exemption) -> Self {
        let expires = Timestamp::from_second(exemption.expires);
        Self {
            name: exemption.name.clone(),
            reason: exemption.reason.clone(),
            expires: expires.map_or_else(|_| exemption.expires.to_string(), |time| time.to_string()),
        }
    }
}

impl fmt::Display for Exemption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "admitted by Exemption {} until {}: {}", self.name, self.expires, self.reason)
    }
}

impl Counts {
    pub(super) fn add(&mut self, object: &ReportedObject) {
        for finding in &object.findings {
            match finding.detail {
                Detail::Violation(_, Level::Error) => self.violations += 1,
                Detail::Violation(_, Level::Warning(_)) => self.warnings += 1,
                Detail::Violation(_, Level::Exempted(_)) => self.exempted += 1,
                Detail::Unjudged(_) => self.unjudged += 1,
            }
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let Self { violations, warnings, exempted, unjudged } = *self;
        write!(
            f,
            "{violations} violation{}, {warnings} warning{}, {exempted} exempted, {unjudged} could not be judged",
            plural(violations),
            plural(warnings)
        )
    }
}
