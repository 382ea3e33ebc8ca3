use crate::kinds::{Kind, Operation, WebhookEntry};
use crate::policy::{JudgeError, RULES, Rule, WaiverReason};

/// A label, with all values that it can have: they are known when Bulkhead is compiled.
#[derive(Clone, Copy, Debug)]
pub struct Label {
    pub name: &'static str,
    values: fn() -> Vec<&'static str>,
}

impl Label {
    const fn new(name: &'static str, values: fn() -> Vec<&'static str>) -> Self {
        Self { name, values }
    }

    /// Returns all values that the label can have.
    pub fn values(&self) -> Vec<&'static str> {
        (self.values)()
    }
}

/// The webhook that labels namespaces, the only mutating one.
pub const MUTATING_ENTRY: &str = "labels";

/// The value for an operation that Kubernetes does not have.
const OTHER: &str = "OTHER";

/// The watched resources, the references that the leader learns from the injector, and the reports that it writes.
pub const WATCHED: [&str; 11] = [
    "namespaces",
    "tenants",
    "sharedservices",
    "exemptions",
    "configmaps/bulkhead-retired",
    "configmaps/bulkhead-proxy-references",
    "endpointslices",
    "services",
    SETTINGS,
    PROXY_REFERENCES,
    AUDIT_REPORTS,
];
/// The ConfigMap with the settings, whose name the platform chooses.
pub const SETTINGS: &str = "settings";
/// The references of the mesh's proxy, which no watch delivers.
pub const PROXY_REFERENCES: &str = "proxy-references";
/// The reports of the audit, which the leader writes.
pub const AUDIT_REPORTS: &str = "audit-reports";

/// The groups of objects that the controller reconciles.
pub const RECONCILE_TARGETS: [&str; 6] =
    ["namespace", "tenant", "shared-service", "cluster", "observed-namespace", "orphan"];
/// The reasons for a reconcile.
pub const RECONCILE_REASONS: [&str; 4] = ["created", "drift", "spec-changed", "rollout"];

/// The states of the webhook configurations.
pub const REGISTRATION_STATES: [&str; 4] = ["enforced", "unverified", "unmanaged", "unknown"];

/// HTTP statuses of requests that are not admission reviews.
const STATUSES: [(u16, &str); 7] =
    [(400, "400"), (408, "408"), (411, "411"), (413, "413"), (415, "415"), (500, "500"), (503, "503")];

pub(super) const WEBHOOK: Label = Label::new("webhook", || {
    WebhookEntry::ALL.iter().map(|entry| entry.name()).chain([MUTATING_ENTRY]).collect()
});
pub(super) const OPERATION: Label =
    Label::new("operation", || Operation::ALL.iter().map(|known| known.name()).chain([OTHER]).collect());
pub(super) const ALLOWED: Label = Label::new("allowed", || vec!["false", "true"]);
pub(super) const DRY_RUN: Label = Label::new("dry_run", || vec!["false", "true"]);
pub(super) const CODE: Label = Label::new("code", || RULES.iter().map(Rule::code).collect());
pub(super) const WAIVER: Label = Label::new("reason", || WaiverReason::LABELS.to_vec());
pub(super) const UNJUDGED: Label = Label::new("reason", || JudgeError::LABELS.to_vec());
pub(super) const STATUS: Label = Label::new("status", || STATUSES.map(|(_, text)| text).to_vec());
pub(super) const REFUSED_CONNECTION: Label =
    Label::new("reason", || vec!["handshake", "source-limit", "evicted"]);
pub(super) const ROLE: Label = Label::new("role", || vec!["ca", "client-ca", "leaf"]);
pub(super) const KIND: Label = Label::new("kind", || Kind::all_managed().map(Kind::name).collect());
pub(super) const STATE: Label = Label::new("state", || REGISTRATION_STATES.to_vec());
pub(super) const CONFIGURATION: Label = Label::new("configuration", || vec!["mutating", "validating"]);
pub(super) const RESOURCE: Label = Label::new("resource", || WATCHED.to_vec());
pub(super) const TARGET: Label = Label::new("target", || RECONCILE_TARGETS.to_vec());
pub(super) const RECONCILE_REASON: Label = Label::new("reason", || RECONCILE_REASONS.to_vec());
pub(super) const RESULT: Label = Label::new("result", || vec!["error", "success"]);
pub(super) const PART: Label = Label::new("part", || vec!["controller", "webhook"]);
pub(super) const VERSION: Label = Label::new("version", || vec![BUILD_VERSION]);

/// The version of this build.
pub(super) const BUILD_VERSION: &str = env!("CARGO_PKG_VERSION");

pub(super) fn boolean(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

pub(super) fn result(is_success: bool) -> &'static str {
    if is_success { "success" } else { "error" }
}

/// Returns the label of an operation as the API server writes it.
pub(super) fn operation(name: &str) -> &'static str {
    Operation::parse(name).map_or(OTHER, Operation::name)
}

/// Returns the label of a status; that of a server error for one that the webhook does not send.
pub(super) fn status(status: u16) -> &'static str {
    STATUSES.iter().find(|(known, _)| *known == status).map_or("500", |(_, text)| text)
}
