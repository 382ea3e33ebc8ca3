use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Body, NamespaceSite, Object};
use crate::kinds::Kind;

/// Sets default requests and limits, and the maximum per container. The defaults are needed because a quota on
/// requests rejects pods that set none.
pub(super) const fn object<'w>() -> Object<NamespaceSite<'w>> {
    Object { kind: Kind::LimitRange, name: "tenant-limits", body: Body::Always(body) }
}

const DEFAULT_REQUEST: &[(&str, &str)] = &[("cpu", "100m"), ("memory", "128Mi")];

fn body(site: NamespaceSite<'_>) -> Value {
    let limits = &site.tenant.limits;
    // Follows the API server's own defaulting: `default` falls back to `max`, and `defaultRequest` to `default`.
    let merged = |base: &BTreeMap<String, String>, over: &BTreeMap<String, String>| {
        let mut all = base.clone();
        all.extend(over.clone());
        all
    };
    let default_request =
        DEFAULT_REQUEST.iter().map(|(key, quantity)| ((*key).to_owned(), (*quantity).to_owned())).collect();
    let default = merged(&limits.max, &limits.default);
    let request = merged(&merged(&default, &default_request), &limits.default_request);
    let parts = [("default", &default), ("defaultRequest", &request), ("max", &limits.max)];
    let parts = parts.into_iter().filter(|(_, quantities)| !quantities.is_empty());
    let mut bounds: Map<String, Value> =
        parts.map(|(part, quantities)| (part.to_owned(), json!(quantities))).collect();
    bounds.insert("type".to_owned(), json!("Container"));
    json!({ "spec": { "limits": [bounds] } })
}
