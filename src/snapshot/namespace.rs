/// The label that says whose a namespace is; the webhook entries select on it.
pub const TENANT_LABEL: &str = "bulkhead.dev/tenant";

/// The label by which Kubernetes itself says a namespace's name.
pub const NAMESPACE_NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// The condition of a namespace whose baseline stands.
pub const BASELINE_READY: &str = "bulkhead.dev/BaselineReady";

/// The message of that condition: a namespace that is another tenant's next is not ready for that one.
pub fn ready_for(tenant: &str) -> String {
    format!("the baseline of tenant {tenant} is applied")
}

/// A namespace, as rules see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespace {
    /// The value of its tenant label.
    pub tenant: Option<String>,
    /// Its other labels that the baseline may want, keys and values.
    pub labels: Vec<(Box<str>, Box<str>)>,
    /// A namespace that is created again under the same name is another one.
    pub uid: String,
    /// When it was created, in seconds since 1970.
    pub created: i64,
    /// Whether the baseline of its tenant has stood once.
    pub ready: bool,
    /// Whether it is said to stand no more.
    pub ready_revoked: bool,
    pub terminating: bool,
}

impl Namespace {
    /// The value of one of its `labels`.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.iter().find(|(known, _)| **known == *key).map(|(_, value)| &**value)
    }

    /// What is known after `newer` was seen: once the baseline has stood, what is missing later is drift.
    #[must_use]
    pub fn keep_ready_until_recreated(&self, newer: Self) -> Self {
        let is_same_namespace = self.uid == newer.uid && self.tenant == newer.tenant;
        Self { ready: newer.ready || (self.ready && is_same_namespace && !newer.ready_revoked), ..newer }
    }
}
