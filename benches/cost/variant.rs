use std::path::PathBuf;

/// The environment variable with the path of an older `bulkhead`, which is measured in the same rounds.
const BASELINE_BINARY: &str = "BULKHEAD_BASELINE_BINARY";

/// The admission that a request meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    /// None but the API server's own.
    NoWebhook,
    /// A webhook with the server of Bulkhead that allows everything.
    NullWebhook,
    Bulkhead,
    /// The binary that `BULKHEAD_BASELINE_BINARY` names.
    OldBulkhead,
    /// A ValidatingAdmissionPolicy with five checks, which the API server evaluates itself.
    Policy,
}

impl Variant {
    /// Returns all variants. The older binary is one of them only if it is named.
    pub(crate) fn all() -> Vec<Self> {
        let all =
            [Self::NoWebhook, Self::NullWebhook, Self::Bulkhead, Self::OldBulkhead, Self::Policy].into_iter();
        all.filter(|variant| *variant != Self::OldBulkhead || old_binary().is_some()).collect()
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::NoWebhook => "no webhook",
            Self::NullWebhook => "null webhook",
            Self::Bulkhead => "Bulkhead",
            Self::OldBulkhead => "Bulkhead [old]",
            Self::Policy => "policy of five checks",
        }
    }

    /// Returns a name for objects of Kubernetes.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NoWebhook => "none",
            Self::NullWebhook => "null",
            Self::Bulkhead => "bulkhead",
            Self::OldBulkhead => "old",
            Self::Policy => "policy",
        }
    }

    /// Returns the namespace whose requests meet this admission.
    pub(crate) fn namespace(self) -> String {
        format!("tenant-cost-{}", self.name())
    }

    pub(crate) fn is_bulkhead(self) -> bool {
        matches!(self, Self::Bulkhead | Self::OldBulkhead)
    }

    /// Returns the binary of Bulkhead that is measured.
    pub(crate) fn binary(self) -> Option<PathBuf> {
        match self {
            Self::Bulkhead => Some(PathBuf::from(crate::BINARY)),
            Self::OldBulkhead => old_binary(),
            Self::NoWebhook | Self::NullWebhook | Self::Policy => None,
        }
    }
}

fn old_binary() -> Option<PathBuf> {
    std::env::var_os(BASELINE_BINARY).map(PathBuf::from)
}
