//! Conditions as data.

use bulkhead_harness::kubectl::Kubectl;
use serde_json::Value;

/// A condition in the status of an object.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Its type and its status, such as `Ready=False`.
    pub state: String,
    pub reason: String,
    pub message: String,
}

/// The conditions of an object, in their order; none if it has none, or is not there.
pub fn conditions(kubectl: &Kubectl, kind: &str, name: &str) -> Vec<Condition> {
    let shown = kubectl.run(&["get", kind, name, "-o", "json"]).unwrap().stdout;
    let object: Value = serde_json::from_str(&shown).unwrap_or_default();
    let text = |condition: &Value, key: &str| condition[key].as_str().unwrap_or_default().to_owned();
    let condition = |condition: &Value| Condition {
        state: format!("{}={}", text(condition, "type"), text(condition, "status")),
        reason: text(condition, "reason"),
        message: text(condition, "message"),
    };
    object["status"]["conditions"].as_array().into_iter().flatten().map(condition).collect()
}

/// The condition of this type; one of empty texts if the object does not have it.
pub fn condition(kubectl: &Kubectl, kind: &str, name: &str, of_type: &str) -> Condition {
    let is_it =
        |condition: &Condition| condition.state.split_once('=').is_some_and(|(own, _)| own == of_type);
    conditions(kubectl, kind, name).into_iter().find(is_it).unwrap_or_default()
}

/// The reason of the condition `Ready`; empty if the object does not have it.
pub fn reason(kubectl: &Kubectl, kind: &str, name: &str) -> String {
    condition(kubectl, kind, name, "Ready").reason
}

impl Condition {
    /// Its state and its reason, and not its message.
    pub fn is(&self, state: &str, reason: &str) -> bool {
        self.state == state && self.reason == reason
    }

    /// True if its message names all of these.
    pub fn names(&self, names: &[&str]) -> bool {
        names.iter().all(|name| self.message.contains(name))
    }
}
