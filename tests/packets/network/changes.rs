//! Generated mutations of a policy: every rule, peer and port, one at a time.

use serde_json::{Value, json};

/// A step of a JSON patch.
pub(super) struct Change {
    pub(super) step: Value,
    /// True if it opens something, false if it closes something.
    pub(super) opens: bool,
}

pub(super) fn changes(policy: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    for (way, direction, peers) in [("Ingress", "ingress", "from"), ("Egress", "egress", "to")] {
        let spec = &policy["spec"];
        if !spec["policyTypes"].as_array().unwrap().contains(&way.into()) {
            continue;
        }
        changes.push(add(&format!("/spec/{direction}"), &json!([{}])));
        for (index, rule) in spec[direction].as_array().into_iter().flatten().enumerate() {
            let at = format!("/spec/{direction}/{index}");
            let everybody = json!({ "namespaceSelector": {} });
            changes.push(add(&format!("{at}/{peers}/-"), &everybody));
            changes.extend(of_list(&at, peers, &rule[peers]));
            if let Some(ports) = rule["ports"].as_array() {
                changes.push(Change { opens: true, ..remove(&format!("{at}/ports")) });
                if ports.len() > 1 {
                    changes.extend(of_list(&at, "ports", &rule["ports"]));
                }
            }
        }
    }
    changes
}

/// The removal of each item; of the whole rule if it is the only one, because an empty list would match all.
fn of_list(rule: &str, list: &str, items: &Value) -> Vec<Change> {
    match items.as_array().unwrap().len() {
        1 => vec![remove(rule)],
        several => (0..several).map(|item| remove(&format!("{rule}/{list}/{item}"))).collect(),
    }
}

fn add(path: &str, value: &Value) -> Change {
    Change { step: json!({ "op": "add", "path": path, "value": value }), opens: true }
}

fn remove(path: &str) -> Change {
    Change { step: json!({ "op": "remove", "path": path }), opens: false }
}
