use std::collections::BTreeMap;

/// Prefix of the names of all tenants' namespaces.
pub const NAMESPACE_PREFIX: &str = "tenant-";

/// True if `namespace` is `tenant-NAME` or `tenant-NAME-…`.
pub(super) fn is_named_for(namespace: &str, tenant: &str) -> bool {
    namespace.strip_prefix(NAMESPACE_PREFIX).is_some_and(|rest| is_name_or_dashed(rest, tenant))
}

/// True if `text` is `name` or `NAME-…`.
pub(super) fn is_name_or_dashed(text: &str, name: &str) -> bool {
    text.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Returns the tenant whose name is `text`, or the part of `text` before a `-`.
pub(super) fn tenant_with_prefix<'t, T>(tenants: &'t BTreeMap<String, T>, text: &str) -> Option<&'t str> {
    let ends = text.match_indices('-').map(|(end, _)| end).chain([text.len()]);
    let mut names = ends.filter_map(|end| tenants.get_key_value(text.get(..end)?));
    names.next().map(|(name, _)| name.as_str())
}

/// Returns a tenant of `tenants` other than `name` whose namespaces could have the same names as those of `name`.
pub(super) fn overlapping_tenant<'t, T>(tenants: &'t BTreeMap<String, T>, name: &str) -> Option<&'t str> {
    let shorter = tenant_with_prefix(tenants, name).filter(|shorter| *shorter != name);
    let begin = format!("{name}-");
    let longer = tenants.range(begin.clone()..).next().filter(|(longer, _)| longer.starts_with(&begin));
    shorter.or(longer.map(|(longer, _)| longer.as_str()))
}
