//! Merges the derived webhooks with those in the cluster.

use serde_json::{Map, Value, json};

/// Returns the webhooks that a configuration must have, where `live` has the current ones.
///
/// These are the `desired` webhooks, with the CA bundle of the current ones if Bulkhead has none. A webhook has
/// `failurePolicy: Ignore` until it is `verified` that the API server reaches it. After that it keeps `Fail` as long as
/// its address stays the same.
pub fn merged(desired: &Value, live: &Value, verified: bool) -> Value {
    entries(desired).map(|desired| Value::Object(entry(desired, live, verified))).collect()
}

fn entry(desired: &Value, live_entries: &Value, verified: bool) -> Map<String, Value> {
    let live = entries(live_entries).find(|live| live["name"] == desired["name"]);
    let mut client = desired["clientConfig"].clone();
    let mut bundles =
        live.into_iter().chain(entries(live_entries)).filter_map(|live| live["clientConfig"].get("caBundle"));
    if let (Some(client), Some(bundle)) = (client.as_object_mut(), bundles.next()) {
        client.entry("caBundle").or_insert_with(|| bundle.clone());
    }
    let keeps_policy = live.is_some_and(|live| {
        live["failurePolicy"] == desired["failurePolicy"] && live["clientConfig"] == client
    });
    let mut entry = with_defaults(desired);
    entry.insert("clientConfig".to_owned(), client);
    if !verified && !keeps_policy {
        entry.insert("failurePolicy".to_owned(), json!("Ignore"));
    }
    entry
}

/// Fills in the defaults of the API server, so that the result can be compared with a stored webhook.
fn with_defaults(desired: &Value) -> Map<String, Value> {
    let mut entry = desired.as_object().cloned().unwrap_or_default();
    for selector in ["namespaceSelector", "objectSelector"] {
        entry.entry(selector).or_insert_with(|| json!({}));
    }
    let rules = entry.get_mut("rules").and_then(Value::as_array_mut);
    for rule in rules.into_iter().flatten().filter_map(Value::as_object_mut) {
        rule.entry("scope").or_insert_with(|| json!("*"));
    }
    entry
}

/// True if every webhook in `live` has its derived `failurePolicy`.
pub fn is_enforced(desired: &Value, live: &Value) -> bool {
    policies(desired).eq(policies(live))
}

fn policies(webhooks: &Value) -> impl Iterator<Item = &Value> {
    entries(webhooks).map(|entry| &entry["failurePolicy"])
}

fn entries(webhooks: &Value) -> impl Iterator<Item = &Value> {
    webhooks.as_array().into_iter().flatten()
}
