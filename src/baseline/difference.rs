use serde_json::{Map, Value};

/// A place where an object is not what it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The way there, from the root.
    pub path: Vec<String>,
    /// What must stand there, as JSON; `None` if nothing may.
    pub kept: Option<String>,
}

/// kubectl's own memory of what it applied: nobody else reads it.
const MEMORY: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Where `found` differs from `wanted` in anything somebody could read: all but the metadata that the API
/// server keeps for itself. Lists differ as a whole.
pub fn differences(wanted: &Value, found: &Value) -> Vec<Difference> {
    let mut differences = Vec::new();
    let empty = Value::Null;
    let metadata = |object: &Value, field: &str| object.pointer(&format!("/metadata/{field}")).cloned();
    for field in ["labels", "annotations", "ownerReferences", "finalizers"] {
        let mut path = vec!["metadata".to_owned(), field.to_owned()];
        let mut found = metadata(found, field).unwrap_or_default();
        if let Value::Object(entries) = &mut found {
            entries.remove(MEMORY);
        }
        if found.as_object().is_some_and(Map::is_empty) {
            found = Value::Null;
        }
        compare(&mut path, metadata(wanted, field).as_ref().unwrap_or(&empty), &found, &mut differences);
    }
    let parts = |object: &Value| match object {
        Value::Object(fields) => {
            let is_part = |key: &str| !["apiVersion", "kind", "metadata", "status"].contains(&key);
            fields
                .iter()
                .filter(|(key, _)| is_part(key))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect()
        }
        _ => Map::new(),
    };
    compare(&mut Vec::new(), &Value::Object(parts(wanted)), &Value::Object(parts(found)), &mut differences);
    differences
}

fn compare(path: &mut Vec<String>, wanted: &Value, found: &Value, into: &mut Vec<Difference>) {
    let nothing = Value::Null;
    match (wanted, found) {
        _ if wanted == found || (is_empty(wanted) && is_empty(found)) => {}
        (Value::Object(wanted), Value::Object(found)) => {
            for key in wanted.keys().chain(found.keys().filter(|key| !wanted.contains_key(*key))) {
                path.push(key.clone());
                compare(path, wanted.get(key).unwrap_or(&nothing), found.get(key).unwrap_or(&nothing), into);
                path.pop();
            }
        }
        _ => {
            let kept = (!is_empty(wanted)).then(|| wanted.to_string());
            into.push(Difference { path: path.clone(), kept });
        }
    }
}

/// Absent, or stored as if it were; an empty selector is neither.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}
