//! Merges the derived webhooks with those in the cluster.

use serde_json::{Map, Value, json};

/// Returns the webhooks that a configuration must have, where `found` has the current ones.
///
/// These are the `derived` webhooks, with the CA bundle of the current ones if Bulkhead has none. A webhook has
/// `failurePolicy: Ignore` until it is `proven` that the API server reaches it. After that it keeps `Fail` as long as
/// its address stays the same.
pub fn wanted(derived: &Value, found: &Value, proven: bool) -> Value {
    entries(derived).map(|derived| Value::Object(entry(derived, found, proven))).collect()
}

fn entry(derived: &Value, all: &Value, proven: bool) -> Map<String, Value> {
    let found = entries(all).find(|found| found["name"] == derived["name"]);
    let mut client = derived["clientConfig"].clone();
    let mut bundles =
        found.into_iter().chain(entries(all)).filter_map(|found| found["clientConfig"].get("caBundle"));
    if let (Some(client), Some(bundle)) = (client.as_object_mut(), bundles.next()) {
        client.entry("caBundle").or_insert_with(|| bundle.clone());
    }
    let is_as_before = found.is_some_and(|found| {
        found["failurePolicy"] == derived["failurePolicy"] && found["clientConfig"] == client
    });
    let mut entry = with_defaults(derived);
    entry.insert("clientConfig".to_owned(), client);
    if !proven && !is_as_before {
        entry.insert("failurePolicy".to_owned(), json!("Ignore"));
    }
    entry
}

/// Fills in the defaults of the API server, so that the result can be compared with a stored webhook.
fn with_defaults(derived: &Value) -> Map<String, Value> {
    let mut entry = derived.as_object().cloned().unwrap_or_default();
    for selector in ["namespaceSelector", "objectSelector"] {
        entry.entry(selector).or_insert_with(|| json!({}));
    }
    let rules = entry.get_mut("rules").and_then(Value::as_array_mut);
    for rule in rules.into_iter().flatten().filter_map(Value::as_object_mut) {
        rule.entry("scope").or_insert_with(|| json!("*"));
    }
    entry
}

/// True if every webhook in `found` has its derived `failurePolicy`.
pub fn is_enforced(derived: &Value, found: &Value) -> bool {
    policies(derived).eq(policies(found))
}

fn policies(webhooks: &Value) -> impl Iterator<Item = &Value> {
    entries(webhooks).map(|entry| &entry["failurePolicy"])
}

fn entries(webhooks: &Value) -> impl Iterator<Item = &Value> {
    webhooks.as_array().into_iter().flatten()
}
