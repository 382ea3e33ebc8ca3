//! Names of tenants' namespaces, `tenant-NAME` and `tenant-NAME-…`, and conflicts between them.

use super::Tenants;

/// Prefix of the names of all tenants' namespaces.
pub const NAMESPACE_PREFIX: &str = "tenant-";

/// True if `namespace` is `tenant-NAME` or `tenant-NAME-…`.
pub(super) fn bears_name_of(namespace: &str, tenant: &str) -> bool {
    namespace.strip_prefix(NAMESPACE_PREFIX).is_some_and(|rest| begins_with_name(rest, tenant))
}

/// True if `text` is `name` or `NAME-…`.
pub(super) fn begins_with_name(text: &str, name: &str) -> bool {
    text.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Returns the tenant whose name is `text`, or the part of `text` before a `-`.
pub(super) fn first_named<'t>(tenants: &'t Tenants, text: &str) -> Option<&'t str> {
    let ends = text.match_indices('-').map(|(end, _)| end).chain([text.len()]);
    let mut names = ends.filter_map(|end| tenants.get_key_value(text.get(..end)?));
    names.next().map(|(name, _)| name.as_str())
}

/// Returns a tenant of `tenants` other than `name` whose namespaces could have the same names as those of `name`.
pub(super) fn overlap<'t>(tenants: &'t Tenants, name: &str) -> Option<&'t str> {
    let shorter = first_named(tenants, name).filter(|shorter| *shorter != name);
    let begin = format!("{name}-");
    let longer = tenants.range(begin.clone()..).next().filter(|(longer, _)| longer.starts_with(&begin));
    shorter.or(longer.map(|(longer, _)| longer.as_str()))
}
