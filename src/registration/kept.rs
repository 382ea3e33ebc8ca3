use serde_json::{Map, Value, json};

/// The entries a configuration must have, where those of `found` are: what is `derived`, with the CA bundle that is
/// there where we have none. An entry refuses what nobody judges (`Fail`) once it is `proven` that somebody does, and
/// goes on doing so for as long as it is called by the same path.
pub fn kept(derived: &Value, found: &Value, proven: bool) -> Value {
    entries(derived).map(|derived| entry(derived, found, proven)).collect()
}

fn entry(derived: &Value, all: &Value, proven: bool) -> Value {
    let mut entry = with_defaults(derived);
    let found = entries(all).find(|found| found["name"] == derived["name"]);
    if entry["clientConfig"].get("caBundle").is_none() {
        let bundles = found.into_iter().chain(entries(all));
        if let Some(bundle) = bundles.filter_map(|found| found["clientConfig"].get("caBundle")).next() {
            entry["clientConfig"]["caBundle"] = bundle.clone();
        }
    }
    let is_as_before = found.is_some_and(|found| {
        found["failurePolicy"] == derived["failurePolicy"] && found["clientConfig"] == entry["clientConfig"]
    });
    if !proven && !is_as_before {
        entry["failurePolicy"] = json!("Ignore");
    }
    entry
}

/// What the API server writes where nothing is said.
fn with_defaults(derived: &Value) -> Value {
    let mut entry = derived.clone();
    let nothing = || Value::Object(Map::new());
    if let Value::Object(fields) = &mut entry {
        fields.entry("namespaceSelector").or_insert_with(nothing);
        fields.entry("objectSelector").or_insert_with(nothing);
    }
    for rule in entry["rules"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        rule.entry("scope").or_insert_with(|| json!("*"));
    }
    entry
}

/// Whether every entry that is to refuse what nobody judges does.
pub fn is_enforced(derived: &Value, found: &Value) -> bool {
    let policies = |webhooks| entries(webhooks).map(|entry| &entry["failurePolicy"]);
    policies(derived).eq(policies(found))
}

fn entries(webhooks: &Value) -> impl Iterator<Item = &Value> {
    webhooks.as_array().into_iter().flatten()
}
