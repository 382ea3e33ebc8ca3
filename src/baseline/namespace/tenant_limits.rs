use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::quantity::amount;
use super::{Body, Kind, Object, Place};
use crate::api::Limits;

/// Sets default requests and limits, and the maximum per container. The defaults are needed because a quota on
/// requests rejects pods that set none.
pub(super) const fn object<'w>() -> Object<Place<'w>> {
    Object { kind: Kind::LimitRange, name: "tenant-limits", body: Body::Always(body) }
}

const REQUEST: &[(&str, &str)] = &[("cpu", "100m"), ("memory", "128Mi")];

fn body(place: Place<'_>) -> Value {
    let limits = &place.tenant.limits;
    // Follows the API server's own defaulting: `default` falls back to `max`, and `defaultRequest` to `default`.
    let with = |base: &BTreeMap<String, String>, over: &BTreeMap<String, String>| {
        let mut all = base.clone();
        all.extend(over.clone());
        all
    };
    let usual = REQUEST.iter().map(|(key, amount)| ((*key).to_owned(), (*amount).to_owned())).collect();
    let default = with(&limits.max, &limits.default);
    let request = with(&with(&default, &usual), &limits.default_request);
    let parts = [("default", &default), ("defaultRequest", &request), ("max", &limits.max)];
    let parts = parts.into_iter().filter(|(_, amounts)| !amounts.is_empty());
    let mut bounds: Map<String, Value> =
        parts.map(|(part, amounts)| (part.to_owned(), json!(amounts))).collect();
    bounds.insert("type".to_owned(), json!("Container"));
    json!({ "spec": { "limits": [bounds] } })
}

/// Limits that Istio sets on its proxy.
const PROXY: &[(&str, &str)] = &[("cpu", "2"), ("memory", "1Gi")];

/// True if no pod with a proxy can run within these limits.
pub fn refuses_the_proxy(limits: &Limits) -> bool {
    PROXY.iter().any(|(key, needed)| limits.max.get(*key).is_some_and(|max| amount(max) < amount(needed)))
}
