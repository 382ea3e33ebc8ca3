use super::Owner;
use crate::keys::{NAMESPACE_NAME_LABEL, TENANT_LABEL};
use crate::policy::Request;
use crate::policy::object::Selector;
use crate::snapshot::NamespaceOwner;

/// The number of foreign names at which the search ends: an object can have very many.
const MAX_FOREIGN_NAMES: usize = 1_000;

/// The namespaces that a selector matches.
pub(super) enum SelectedNamespaces<'o> {
    Allowed,
    /// Only names that are not allowed: these, or the first of very many.
    Foreign(Vec<&'o str>),
    /// Any namespace, because the selector names none.
    Any,
}

impl Request<'_> {
    /// True if `namespace` belongs to the same tenant as the namespace of the request.
    pub fn owns(&self, namespace: &str) -> bool {
        let Some((own, _)) = self.tenant else { return false };
        // Most claims are about the object's own namespace.
        namespace == self.review.namespace
            || match self.snapshot.owner(namespace) {
                Some(NamespaceOwner::Tenant(tenant)) => tenant.name == own,
                Some(NamespaceOwner::Orphaned(name)) => name == own,
                _ => false,
            }
    }
}

/// Resolves a namespace by its name. The empty name is the object's own namespace.
pub(super) fn resolve(request: &Request<'_>, namespace: &str) -> Owner {
    if namespace.is_empty() || request.owns(namespace) { Owner::Own } else { Owner::Foreign }
}

/// Resolves a namespace in `exportTo`: `.` is the object's own namespace, `~` is none, `*` is every namespace.
pub(super) fn resolve_export(request: &Request<'_>, namespace: &str) -> Owner {
    match namespace {
        "." | "~" => Owner::Own,
        "*" => Owner::Anyone,
        "" => Owner::Malformed,
        namespace => resolve(request, namespace),
    }
}

/// Classifies the namespaces that `selector` matches. Allowed are the tenant's own, and those for which `is_allowed`
/// is true. One allowed constraint is enough, because any other constraint only narrows the match.
pub(super) fn select<'o>(
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
        foreign.extend(others.take(MAX_FOREIGN_NAMES));
        if foreign.len() == count_before {
            return SelectedNamespaces::Allowed;
        }
    }
    if foreign.is_empty() { SelectedNamespaces::Any } else { SelectedNamespaces::Foreign(foreign) }
}
