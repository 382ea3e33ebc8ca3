use crate::policy::Scope;
use crate::policy::object::Selector;
use crate::snapshot::{NAMESPACE_NAME_LABEL, NamespaceOwner, TENANT_LABEL};

/// Which namespaces a selector picks.
pub(super) enum Picked<'o> {
    Known,
    /// Some that are named, and not known.
    Foreign(Vec<&'o str>),
    /// Whatever comes: it names none.
    Any,
}

impl Scope<'_> {
    /// Whether the namespace is the tenant's whose namespace this is.
    pub fn owns(&self, namespace: &str) -> bool {
        match self.snapshot.owner(namespace) {
            Some(NamespaceOwner::Tenant(tenant)) => tenant.name == self.tenant_name(),
            Some(NamespaceOwner::Orphaned(name)) => name == self.tenant_name(),
            _ => false,
        }
    }
}

/// Which namespaces `selector` picks, where the tenant's own are known, and those of which `is_known` says so. One
/// bound is enough: what a selector says beside only picks fewer.
pub(super) fn picked<'o>(
    scope: &Scope<'_>,
    selector: &'o Selector<'_>,
    is_known: impl Fn(&str) -> bool,
) -> Picked<'o> {
    let mut foreign = Vec::new();
    for (key, values) in selector.bounds().filter(|(key, _)| [NAMESPACE_NAME_LABEL, TENANT_LABEL].contains(key)) {
        let is_known = |value: &str| match key {
            NAMESPACE_NAME_LABEL => scope.owns(value) || is_known(value),
            _ => value == scope.tenant_name(),
        };
        let others = values.iter().map(|value| &**value).filter(|value| !is_known(value));
        let before = foreign.len();
        foreign.extend(others);
        if foreign.len() == before {
            return Picked::Known;
        }
    }
    if foreign.is_empty() { Picked::Any } else { Picked::Foreign(foreign) }
}
