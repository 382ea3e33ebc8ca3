use crate::policy::rules::Family;

/// Returns the `security-severity` of a family's rules: a number in the bands of CVSS, as code scanning reads it.
///
/// * Critical: a violation takes another's identity, or gives rights outside the tenant.
/// * High: a violation opens a way across the tenant's boundary.
/// * Medium: a violation draws traffic that others send, and they have to send it.
pub const fn security_severity(family: Family) -> &'static str {
    match family {
        Family::Identities | Family::PlatformKinds => "9.5",
        Family::Namespaces
        | Family::Baseline
        | Family::Pods
        | Family::Network
        | Family::Traffic
        | Family::MeshSecurity => "8.0",
        Family::Services => "6.0",
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
