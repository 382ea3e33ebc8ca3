use serde_json::{Value, json};

use super::{Beyond, Body, Kind, Object};
use crate::api;

/// Allows to read the Tenant, and to wait for its namespaces.
pub(super) const fn object<'w>() -> Object<Beyond<'w>> {
    Object { kind: Kind::ClusterRole, name: READER, body: Body::Always(body) }
}

/// Prefix of the names of this role and its binding.
pub(super) const READER: &str = "bulkhead-reader-";

fn body(beyond: Beyond<'_>) -> Value {
    let reads = |group: &str, resource: &str, names: &[&str]| {
        json!({
            "apiGroups": [group], "resources": [resource], "resourceNames": names,
            "verbs": ["get", "list", "watch"],
        })
    };
    let namespaces: Vec<&str> = beyond.world.namespaces_of(&beyond.tenant.name).collect();
    let mut rules = vec![reads(api::GROUP, "tenants", &[&beyond.tenant.name])];
    // A rule without names would cover every namespace.
    if !namespaces.is_empty() {
        rules.push(reads("", "namespaces", &namespaces));
    }
    json!({ "rules": rules })
}
