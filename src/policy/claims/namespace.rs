use crate::policy::Request;
use crate::policy::object::Selector;
use crate::snapshot::{NAMESPACE_NAME_LABEL, NamespaceOwner, TENANT_LABEL};

/// Which namespaces a selector picks.
pub(super) enum SelectedNamespaces<'o> {
    Allowed,
    /// Some that are named, and not known.
    Foreign(Vec<&'o str>),
    /// Whatever comes: it names none.
    Any,
}

impl Request<'_> {
    /// Whether the namespace is the tenant's whose namespace this is.
    pub fn owns(&self, namespace: &str) -> bool {
        match self.snapshot.owner(namespace) {
            Some(NamespaceOwner::Tenant(tenant)) => tenant.name == self.tenant_name(),
            Some(NamespaceOwner::Orphaned(name)) => name == self.tenant_name(),
            _ => false,
        }
    }
}

/// Which namespaces `selector` picks, where the tenant's own are known, and those of which `is_allowed` says so. One
/// bound is enough: what a selector says beside only picks fewer.
pub(super) fn resolve_namespaces<'o>(
    request: &Request<'_>,
    selector: &'o Selector<'_>,
    is_allowed: impl Fn(&str) -> bool,
) -> SelectedNamespaces<'o> {
    let mut foreign = Vec::new();
    for (key, values) in
        selector.constraints().filter(|(key, _)| [NAMESPACE_NAME_LABEL, TENANT_LABEL].contains(key))
    {
        let is_allowed = |value: &str| match key {
            NAMESPACE_NAME_LABEL => request.owns(value) || is_allowed(value),
            _ => value == request.tenant_name(),
        };
        let others = values.iter().map(|value| &**value).filter(|value| !is_allowed(value));
        let count_before = foreign.len();
        foreign.extend(others);
        if foreign.len() == count_before {
            return SelectedNamespaces::Allowed;
        }
    }
    if foreign.is_empty() { SelectedNamespaces::Any } else { SelectedNamespaces::Foreign(foreign) }
}
