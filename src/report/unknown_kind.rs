//! The line about a kind that Bulkhead does not know.

/// Returns the line about a kind, by its group, name and plural name, of which tenants' namespaces have `objects`.
pub fn unknown_kind([group, kind, plural]: [&str; 3], objects: usize) -> String {
    let count = if objects == 1 { "1 object".to_owned() } else { format!("{objects} objects") };
    format!(
        "{kind}: {count} in tenants' namespaces, and no rule judges this kind. If its controller acts for authors outside \
         their namespace, list `{{group: {group}, kind: {kind}, resource: {plural}}}` in the setting \
         `platform.reservedKinds`, otherwise in `platform.reviewedKinds`."
    )
}
