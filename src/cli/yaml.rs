use anyhow::Result;
use serde::Serialize;

/// Returns the object as one YAML document.
pub(super) fn yaml(object: &impl Serialize) -> Result<String> {
    // JSON sorts the keys, so that the text does not depend on the order of fields in the type.
    Ok(serde_saphyr::to_string(&serde_json::to_value(object)?)?)
}
