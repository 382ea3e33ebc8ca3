//! How severe a violation is, by the family of its rule.

use crate::policy::rules::Family;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Severity {
    /// A violation takes another's identity, or gives rights outside the tenant.
    Critical,
    /// A violation opens a way across the tenant's boundary.
    High,
    /// A violation draws traffic that others send, and they have to send it.
    Medium,
}

impl Severity {
    pub(super) const fn of(family: Family) -> Self {
        match family {
            Family::Identities | Family::PlatformKinds => Self::Critical,
            Family::Namespaces
            | Family::Baseline
            | Family::Pods
            | Family::Network
            | Family::Traffic
            | Family::MeshSecurity => Self::High,
            Family::Services => Self::Medium,
        }
    }
}

/// Returns the `security-severity` of a family's rules: a number in the bands of CVSS, as code scanning reads it.
pub const fn security_severity(family: Family) -> &'static str {
    match Severity::of(family) {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "6.0",
    }
}

/// Returns the tag of a family's rules.
pub(super) const fn tag(family: Family) -> &'static str {
    match family {
        Family::Namespaces => "namespaces",
        Family::Baseline => "baseline",
        Family::Pods => "pods",
        Family::Identities => "identities",
        Family::Network => "network",
        Family::Traffic => "traffic",
        Family::MeshSecurity => "mesh-security",
        Family::Services => "services",
        Family::PlatformKinds => "platform-kinds",
    }
}
