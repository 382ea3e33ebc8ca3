//! Comparison of an object with its manifest, for the webhook, the audit and the controller.

use serde_json::{Map, Value};

use super::quantity::parse_quantity;
use crate::keys::LAST_APPLIED_ANNOTATION;
use crate::kinds::Kind;

/// A field in which an object differs from its manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Path of the field from the root.
    pub path: Vec<String>,
    /// Required value as JSON; `None` if the field must be absent.
    pub wanted: Option<String>,
}

/// Returns the fields in which `found` differs from `wanted`. Metadata that the API server keeps for itself is
/// ignored. If others write fields of this kind too, only the wanted fields are compared. Lists differ as a whole.
pub fn differences(kind: Kind, wanted: &Value, found: &Value) -> Vec<Difference> {
    let mut differences = Differences { kind, path: Vec::new(), found: Vec::new() };
    if !kind.is_partly_managed() {
        for field in COMPARED_METADATA {
            differences.path = vec!["metadata".to_owned(), (*field).to_owned()];
            let found = without_last_applied(found.pointer(&format!("/metadata/{field}")));
            let wanted = wanted.pointer(&format!("/metadata/{field}")).unwrap_or(&Value::Null);
            differences.compare(wanted, &found);
        }
    }
    differences.path.clear();
    let compared_fields = |object: &Value| {
        let fields = object.as_object().into_iter().flatten();
        let fields =
            fields.filter(|(key, _)| !["apiVersion", "kind", "metadata", "status"].contains(&key.as_str()));
        fields.map(|(key, value)| (key.clone(), value.clone())).collect::<Map<_, _>>()
    };
    let (wanted, mut found) = (compared_fields(wanted), compared_fields(found));
    if kind.is_partly_managed() {
        found.retain(|key, _| wanted.contains_key(key));
    }
    differences.compare(&wanted.into(), &found.into());
    differences.found
}

/// Metadata that users or controllers read.
const COMPARED_METADATA: &[&str] = &["labels", "annotations", "ownerReferences", "finalizers"];

/// Returns a metadata field without kubectl's record.
fn without_last_applied(field: Option<&Value>) -> Value {
    let mut field = field.cloned().unwrap_or_default();
    if let Value::Object(entries) = &mut field {
        entries.remove(LAST_APPLIED_ANNOTATION);
        if entries.is_empty() {
            return Value::Null;
        }
    }
    field
}

/// Differences found so far, and the path that is being compared.
struct Differences {
    kind: Kind,
    path: Vec<String>,
    found: Vec<Difference>,
}

impl Differences {
    fn compare(&mut self, wanted: &Value, found: &Value) {
        let null = Value::Null;
        match (wanted, found) {
            _ if self.is_same(wanted, found) => {}
            (Value::Object(wanted), Value::Object(found)) => {
                for key in wanted.keys().chain(found.keys().filter(|key| !wanted.contains_key(*key))) {
                    self.path.push(key.clone());
                    self.compare(wanted.get(key).unwrap_or(&null), found.get(key).unwrap_or(&null));
                    self.path.pop();
                }
            }
            _ => {
                let wanted = (!is_empty(wanted)).then(|| wanted.to_string());
                self.found.push(Difference { path: self.path.clone(), wanted });
            }
        }
    }

    fn is_same(&self, wanted: &Value, found: &Value) -> bool {
        wanted == found
            || (is_empty(wanted) && is_empty(found))
            || (matches!(self.kind, Kind::ResourceQuota | Kind::LimitRange) && same_quantities(wanted, found))
    }
}

/// True if both have the same quantities, in any notation.
fn same_quantities(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::String(one), Value::String(other)) => {
            one == other || parse_quantity(one).is_some_and(|known| Some(known) == parse_quantity(other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, value)| other.get(key).is_some_and(|known| same_quantities(value, known)))
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same_quantities(one, other))
        }
        _ => one == other,
    }
}

/// True if the value is absent or the API server stores it as absent. An empty selector is neither.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}
