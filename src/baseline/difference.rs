//! Comparison of an object with its manifest, for the webhook, the audit and the controller.

use serde_json::{Map, Value};

use super::quantity::parse_quantity;
use crate::keys::{self, LAST_APPLIED_ANNOTATION};
use crate::kinds::Kind;

/// A field in which an object differs from its manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Path of the field from the root.
    pub path: Vec<String>,
    /// Required value as JSON; `None` if the field must be absent.
    pub wanted: Option<String>,
    /// Found value as JSON; `None` if the field is absent.
    pub found: Option<String>,
}

impl Difference {
    /// True for an additional label or annotation that no known component acts on, such as one with which a policy
    /// engine marks every object.
    pub fn is_inert_metadata(&self, kind: Kind) -> bool {
        let [_, map, key] = self.path.as_slice() else { return false };
        let map = keys::Map::ALL.into_iter().find(|known| known.field() == map);
        self.path.first().is_some_and(|field| field == "metadata")
            && self.wanted.is_none()
            && map.is_some_and(|map| keys::is_inert(kind, map, key))
    }
}

/// Returns the differences that the controller repairs: all but additional labels and annotations that no known
/// component acts on. Another webhook may add those to every object, and would add them again.
pub fn drift(kind: Kind, wanted: &Value, found: &Value) -> Vec<Difference> {
    let mut found = differences(kind, wanted, found);
    found.retain(|difference| !difference.is_inert_metadata(kind));
    found
}

/// Returns the fields in which `found` differs from `wanted`. Metadata that the API server keeps for itself is
/// ignored. If others write fields of this kind too, only the wanted fields are compared. Lists differ as a whole.
pub fn differences(kind: Kind, wanted: &Value, found: &Value) -> Vec<Difference> {
    let mut differences = Differences { kind, path: Vec::new(), found: Vec::new() };
    if !kind.is_partly_managed() {
        for field in COMPARED_METADATA {
            differences.path = vec!["metadata".to_owned(), (*field).to_owned()];
            let pointer = format!("/metadata/{field}");
            let found = without_last_applied(found.pointer(&pointer));
            let wanted = wanted.pointer(&pointer).cloned().unwrap_or_else(|| empty_like(&found));
            differences.compare(&wanted, &found);
        }
    }
    differences.path.clear();
    let none = Map::new();
    let [wanted, found] = [wanted, found].map(|object| object.as_object().unwrap_or(&none));
    let is_compared = |key: &str| {
        !["apiVersion", "kind", "metadata", "status"].contains(&key)
            && (!kind.is_partly_managed() || wanted.contains_key(key))
    };
    differences.compare_fields(wanted, found, is_compared);
    differences.found
}

/// Metadata that users or controllers read.
const COMPARED_METADATA: &[&str] = &["labels", "annotations", "ownerReferences", "finalizers"];

/// Returns a metadata field without kubectl's record.
fn without_last_applied(field: Option<&Value>) -> Value {
    let mut field = field.cloned().unwrap_or_default();
    if let Value::Object(entries) = &mut field {
        entries.remove(LAST_APPLIED_ANNOTATION);
    }
    field
}

/// Returns an empty map in place of an absent one, so that each entry is a difference of its own.
fn empty_like(value: &Value) -> Value {
    if value.is_object() { Value::Object(Map::new()) } else { Value::Null }
}

/// Differences found so far, and the path that is being compared.
struct Differences {
    kind: Kind,
    path: Vec<String>,
    found: Vec<Difference>,
}

impl Differences {
    fn compare(&mut self, wanted: &Value, found: &Value) {
        match (wanted, found) {
            _ if self.is_same(wanted, found) => {}
            (Value::Object(wanted), Value::Object(found)) => {
                self.compare_fields(wanted, found, |_| true);
            }
            _ => {
                let [wanted, found] =
                    [wanted, found].map(|value| (!is_empty(value)).then(|| value.to_string()));
                self.found.push(Difference { path: self.path.clone(), wanted, found });
            }
        }
    }

    /// Compares the fields whose names `is_compared` selects.
    fn compare_fields(
        &mut self,
        wanted: &Map<String, Value>,
        found: &Map<String, Value>,
        is_compared: impl Fn(&str) -> bool,
    ) {
        let keys = wanted.keys().chain(found.keys().filter(|key| !wanted.contains_key(*key)));
        for key in keys.filter(|key| is_compared(key)) {
            let (wanted, found) = (wanted.get(key), found.get(key));
            if !self.is_same_field(key, wanted, found) {
                self.path.push(key.clone());
                self.compare(wanted.unwrap_or(&Value::Null), found.unwrap_or(&Value::Null));
                self.path.pop();
            }
        }
    }

    fn is_same(&self, wanted: &Value, found: &Value) -> bool {
        let is_same = match (wanted, found) {
            (Value::Object(wanted), Value::Object(found)) => {
                let keys = wanted.keys().chain(found.keys().filter(|key| !wanted.contains_key(*key)));
                keys.into_iter().all(|key| self.is_same_field(key, wanted.get(key), found.get(key)))
            }
            (Value::Array(wanted), Value::Array(found)) => {
                wanted.len() == found.len()
                    && wanted.iter().zip(found).all(|(wanted, found)| self.is_same(wanted, found))
            }
            _ => wanted == found || (is_empty(wanted) && is_empty(found)),
        };
        is_same
            || (matches!(self.kind, Kind::ResourceQuota | Kind::LimitRange) && same_quantities(wanted, found))
    }

    /// True if a field of an object is the same, or was absent and got the value that its absence means.
    fn is_same_field(&self, name: &str, wanted: Option<&Value>, found: Option<&Value>) -> bool {
        match (wanted, found) {
            (None, Some(found)) if is_default(self.kind, name, found) => true,
            _ => self.is_same(wanted.unwrap_or(&Value::Null), found.unwrap_or(&Value::Null)),
        }
    }
}

/// True if the field `name` of an object of `kind` means the same with this value as without any. Other webhooks may
/// write such a value; the API server writes none for Istio's kinds.
fn is_default(kind: Kind, name: &str, value: &Value) -> bool {
    match kind {
        Kind::AuthorizationPolicy => name == "action" && value == "ALLOW",
        Kind::Sidecar => name == "captureMode" && value == "DEFAULT",
        Kind::ServiceEntry => [("location", "MESH_EXTERNAL"), ("resolution", "NONE")]
            .iter()
            .any(|(field, default)| name == *field && value == default),
        Kind::PeerAuthentication => name == "mode" && value == "UNSET",
        _ => false,
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
