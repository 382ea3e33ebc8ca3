use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Body, NamespaceSite, Object};
use crate::kinds::Kind;

/// Sets the quota of a namespace: the Tenant's own, and default object counts for kinds whose cost falls on the
/// whole cluster.
pub(super) const fn object<'w>() -> Object<NamespaceSite<'w>> {
    Object { kind: Kind::ResourceQuota, name: NAME, body: Body::Always(body) }
}

pub const NAME: &str = "tenant-quota";

const DEFAULTS: &[(&str, &str)] = &[
    ("count/authorizationpolicies.security.istio.io", "200"),
    ("count/configmaps", "500"),
    ("count/cronjobs.batch", "200"),
    ("count/destinationrules.networking.istio.io", "200"),
    ("count/jobs.batch", "500"),
    ("count/networkpolicies.networking.k8s.io", "100"),
    ("count/secrets", "500"),
    ("count/serviceentries.networking.istio.io", "200"),
    ("count/services", "200"),
    ("count/sidecars.networking.istio.io", "50"),
    ("count/virtualservices.networking.istio.io", "200"),
    ("persistentvolumeclaims", "100"),
    ("pods", "500"),
    ("services.loadbalancers", "0"),
    ("services.nodeports", "0"),
];

fn body(site: NamespaceSite<'_>) -> Value {
    let given = site.tenant.namespace_quota.iter().map(|(key, quantity)| (key.as_str(), quantity.as_str()));
    let hard: BTreeMap<&str, &str> = DEFAULTS.iter().copied().chain(given).collect();
    json!({ "spec": { "hard": hard } })
}
