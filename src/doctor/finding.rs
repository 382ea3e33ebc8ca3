use serde::Serialize;

/// The weight of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Tenants are not isolated, or Bulkhead does not work.
    Error,
    /// The isolation depends on a part of the cluster that should be changed or declared.
    Warning,
    /// A fact to know, which needs no change.
    Info,
    /// The check could not read the cluster.
    Unchecked,
}

/// A difference between the cluster and the one that Bulkhead needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub severity: Severity,
    /// The object that differs, with kind, namespace and name; empty for the cluster as a whole.
    pub object: String,
    pub message: String,
    /// A command, a setting or another change that ends the problem; empty if none is needed.
    pub remedy: String,
}

/// A problem with the name of its check.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    pub check: &'static str,
    #[serde(flatten)]
    pub problem: Problem,
}

/// A part of the cluster that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    pub reason: String,
    pub remedy: String,
}

impl Problem {
    pub(super) fn new(
        severity: Severity,
        object: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { severity, object: object.into(), message: message.into(), remedy: remedy.into() }
    }

    pub(super) fn error(
        object: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Error, object, message, remedy)
    }

    pub(super) fn warning(
        object: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Warning, object, message, remedy)
    }

    pub(super) fn info(object: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Info, object, message, "")
    }
}

impl From<Unread> for Problem {
    fn from(Unread { reason, remedy }: Unread) -> Self {
        Self::new(Severity::Unchecked, "", format!("not checked: {reason}"), remedy)
    }
}

impl Unread {
    pub(super) fn new(reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { reason: reason.into(), remedy: remedy.into() }
    }

    /// A request of the API server that failed. The message of a refusal names the account, the verb and the resource.
    pub(super) fn request(what: &str, error: &kube::Error) -> Self {
        let kube::Error::Api(status) = error else {
            return Self::new(
                format!("{what}: {error}"),
                "check the connection to the API server, and try again",
            );
        };
        let remedy = match status.code {
            401 | 403 => {
                "run the command as an administrator of the cluster, or grant its account this permission"
            }
            404 => "install the kind, or upgrade the component that has it",
            _ => "try again; the message is the API server's",
        };
        Self::new(format!("{what}: {}", status.message), remedy)
    }
}

impl Severity {
    pub fn label(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
            Self::Unchecked => "unchecked",
        }
    }
}
