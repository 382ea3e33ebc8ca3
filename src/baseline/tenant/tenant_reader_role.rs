use serde_json::{Value, json};

use super::{Body, Object, TenantSite};
use crate::api;
use crate::kinds::Kind;

/// Allows to read the Tenant, and to wait for its namespaces.
pub(super) const fn object<'w>() -> Object<TenantSite<'w>> {
    Object { kind: Kind::ClusterRole, name: READER_PREFIX, body: Body::Always(body) }
}

/// Prefix of the names of this role and its binding.
pub(super) const READER_PREFIX: &str = "bulkhead-reader-";

fn body(site: TenantSite<'_>) -> Value {
    let read_rule = |group: &str, resource: &str, names: &[&str]| {
        json!({
            "apiGroups": [group], "resources": [resource], "resourceNames": names,
            "verbs": ["get", "list", "watch"],
        })
    };
    let namespaces: Vec<&str> = site.snapshot.namespaces_of(&site.tenant.name).collect();
    let mut rules = vec![read_rule(api::GROUP, "tenants", &[&site.tenant.name])];
    // A rule without names would cover every namespace.
    if !namespaces.is_empty() {
        rules.push(read_rule("", "namespaces", &namespaces));
    }
    json!({ "rules": rules })
}
