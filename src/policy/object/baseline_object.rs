use serde_json::value::RawValue;

use super::ObjectError;
use crate::baseline;
use crate::kinds::Kind;

/// Returns the whole object, if it has the name of a baseline object.
pub(super) fn read_baseline_object(
    kind: Kind,
    name: Option<&str>,
    raw: &RawValue,
) -> Result<Option<serde_json::Value>, ObjectError> {
    Ok(is_baseline_name(kind, name).then(|| serde_json::from_str(raw.get())).transpose()?)
}

pub(super) fn is_baseline_name(kind: Kind, name: Option<&str>) -> bool {
    name.is_some_and(|name| {
        baseline::is_baseline_name(kind, name) || baseline::is_cluster_object_name(kind, name)
    })
}
