use serde_json::{Value, json};

use super::{Body, ClusterSite, Object, network};
use crate::kinds::Kind;

/// Denies callers that impersonate a shared service: an account of its name in another namespace, or its namespace
/// in another trust domain.
pub(super) const fn object<'w>() -> Object<ClusterSite<'w>> {
    Object {
        kind: Kind::AuthorizationPolicy,
        name: "deny-shared-service-impersonation",
        body: Body::Optional(|site| {
            let settings = &site.snapshot.settings;
            let rules = site.snapshot.shared_services().flat_map(|service| {
                let (namespace, account) = (&service.namespace, &service.service_account);
                let by_account_name = json!({
                    "principals": [format!("*/sa/{account}")],
                    "notPrincipals": [network::principal(settings, namespace, account)],
                });
                let by_namespace = json!({
                    "namespaces": [namespace],
                    "notPrincipals": [network::principal(settings, namespace, "*")],
                });
                [by_account_name, by_namespace].map(|source| json!({ "from": [{ "source": source }] }))
            });
            let rules: Vec<Value> = rules.collect();
            (!rules.is_empty()).then(|| json!({ "spec": { "action": "DENY", "rules": rules } }))
        }),
    }
}
