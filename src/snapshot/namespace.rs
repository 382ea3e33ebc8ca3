use crate::keys::{AMBIENT, DATAPLANE_LABEL, INJECTED, INJECTION_LABEL, REVISION_LABEL};

/// Type of the condition that a namespace has once its baseline is applied.
pub const BASELINE_READY: &str = "bulkhead.dev/BaselineReady";

/// Returns the message of that condition. It names the tenant: a namespace that moves to another tenant is not
/// ready for that tenant yet.
pub fn ready_for(tenant: &str) -> String {
    format!("the baseline of tenant {tenant} is applied")
}

/// The parts of a Namespace that rules read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespace {
    /// Value of its tenant label.
    pub tenant: Option<String>,
    /// Keys and values of its other labels, as far as a baseline can contain them.
    pub labels: Vec<(Box<str>, Box<str>)>,
    /// Distinguishes the namespace from a later one of the same name.
    pub uid: String,
    /// Creation time in seconds since 1970.
    pub created: i64,
    /// True once the baseline of its tenant has been applied.
    pub ready: bool,
    /// True if the condition says that the baseline is no longer applied.
    pub ready_revoked: bool,
    pub terminating: bool,
}

impl Namespace {
    /// True if ztunnel captures the pods of the namespace that have no sidecar.
    pub fn is_captured(&self) -> bool {
        self.label(DATAPLANE_LABEL) == Some(AMBIENT)
    }

    /// True if Istio adds a sidecar to new pods.
    pub fn is_injected(&self) -> bool {
        match self.label(INJECTION_LABEL) {
            Some(value) => value == INJECTED,
            None => self.label(REVISION_LABEL).is_some(),
        }
    }

    /// Returns the value of one of its `labels`.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.iter().find(|(known, _)| **known == *key).map(|(_, value)| &**value)
    }

    /// Returns `now`, with the readiness seen before. Once a baseline has been applied, a missing object is drift:
    /// the namespace stays ready until it is recreated, changes its tenant, or its readiness is revoked.
    #[must_use]
    pub fn keep_ready_until_recreated(&self, newer: Self) -> Self {
        let is_same_namespace = self.uid == newer.uid && self.tenant == newer.tenant;
        Self { ready: newer.ready || (self.ready && is_same_namespace && !newer.ready_revoked), ..newer }
    }
}
