use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Body, NamespaceSite, Object, network};
use crate::kinds::Kind;

/// Denies callers that are neither of the tenant nor granted: other tenants, foreign trust domains, and plaintext,
/// which has no principal at all.
pub(super) const fn object<'w>() -> Object<NamespaceSite<'w>> {
    Object { kind: Kind::AuthorizationPolicy, name: "deny-cross-tenant", body: Body::Always(body) }
}

fn body(site: NamespaceSite<'_>) -> Value {
    json!({ "spec": { "action": "DENY", "rules": rules(site) } })
}

/// Returns the rules for the pods; a waypoint in front of them has the same.
pub(super) fn rules(site: NamespaceSite<'_>) -> Vec<Value> {
    let allowed = site.allowed_principals();
    let callbacks: BTreeSet<u16> =
        site.tenant.grants.api_server_callbacks.iter().map(|callback| callback.port).collect();
    let mut rules = Vec::new();
    if callbacks.is_empty() {
        rules.push(json!({ "from": [{ "source": { "notPrincipals": allowed } }] }));
    } else {
        let callbacks: Vec<String> = callbacks.iter().map(u16::to_string).collect();
        rules.push(json!({
            "from": [{ "source": { "notPrincipals": allowed } }],
            "to": [{ "operation": { "notPorts": callbacks } }],
        }));
        // On these ports the API server calls without an identity; a caller with an identity must be allowed.
        rules.push(json!({
            "from": [{ "source": { "principals": ["*"], "notPrincipals": allowed } }],
            "to": [{ "operation": { "ports": callbacks } }],
        }));
    }
    let limited_to_ports = site.tenant.grants.callers.iter().filter(|caller| !caller.ports.is_empty());
    rules.extend(limited_to_ports.map(|caller| {
        let ports: Vec<String> = caller.ports.iter().map(u16::to_string).collect();
        let account = network::principal(site.settings(), &caller.namespace, &caller.service_account);
        json!({
            "from": [{ "source": { "principals": [account] } }],
            "to": [{ "operation": { "notPorts": ports } }],
        })
    }));
    rules
}
