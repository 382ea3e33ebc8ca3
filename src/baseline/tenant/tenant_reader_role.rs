use serde_json::{Value, json};

use super::{Beyond, Body, Kind, Object};
use crate::api;

/// The right to read the Tenant, and to wait for its namespaces.
pub(super) const fn object<'w>() -> Object<Beyond<'w>> {
    Object { kind: Kind::ClusterRole, name: READER, body: Body::Always(body) }
}

/// What the names of the right and of its binding begin with.
pub(super) const READER: &str = "bulkhead-reader-";

fn body(beyond: Beyond<'_>) -> Value {
    let reads = |group: &str, resource: &str, names: &[&str]| {
        json!({
            "apiGroups": [group], "resources": [resource], "resourceNames": names,
            "verbs": ["get", "list", "watch"],
        })
    };
    let namespaces: Vec<&str> = beyond.snapshot.namespaces_of(&beyond.tenant.name).collect();
    let mut rules = vec![reads(api::GROUP, "tenants", &[&beyond.tenant.name])];
    // No name at all would be every name.
    if !namespaces.is_empty() {
        rules.push(reads("", "namespaces", &namespaces));
    }
    json!({ "rules": rules })
}
