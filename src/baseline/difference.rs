use serde_json::{Map, Value};

use super::Kind;
use super::quantity::parse_quantity;

/// A place where an object is not what it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The way there, from the root.
    pub path: Vec<String>,
    /// What must stand there, as JSON; `None` if nothing may.
    pub wanted: Option<String>,
}

/// kubectl's own memory of what it applied: nobody else reads it.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Where `found` differs from `wanted` in anything somebody could read: all but the metadata that the API server keeps
/// for itself; of a kind in which others have a part, in what is wanted. Lists differ as a whole.
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

/// What somebody reads of an object's metadata.
const COMPARED_METADATA: &[&str] = &["labels", "annotations", "ownerReferences", "finalizers"];

/// A field of the metadata without kubectl's memory.
fn without_last_applied(field: Option<&Value>) -> Value {
    let mut field = field.cloned().unwrap_or_default();
    if let Value::Object(entries) = &mut field {
        entries.remove(LAST_APPLIED);
        if entries.is_empty() {
            return Value::Null;
        }
    }
    field
}

/// What was found to differ so far, and where the search is.
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
            || (self.kind.has_quantities() && same_quantities(wanted, found))
    }
}

/// Whether both say the same amounts, in whatever units.
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

/// Absent, or stored as if it were; an empty selector is neither.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}
