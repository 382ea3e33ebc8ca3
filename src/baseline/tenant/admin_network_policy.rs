use serde_json::{Value, json};

use super::{AdminPolicyKind, Body, Object, TenantSite};
use crate::keys::TENANT_LABEL;
use crate::kinds::Kind;

/// Denies traffic between tenants where the network plugin implements SIG Network's admin network policies; no
/// NetworkPolicy can allow it again. One policy for all tenants cannot express this, because a policy cannot compare
/// the labels of two namespaces (<https://network-policy-api.sigs.k8s.io/npeps/npep-122/>). The policy only denies: an
/// `Allow` would end the evaluation before the NetworkPolicies, and a `Pass` before later policies of the platform.
pub(super) const fn admin<'w>() -> Object<TenantSite<'w>> {
    Object {
        kind: Kind::AdminNetworkPolicy,
        name: "bulkhead-",
        body: Body::Optional(|site| body(site, AdminPolicyKind::AdminNetworkPolicy)),
    }
}

/// The same policy, in the kind that replaces AdminNetworkPolicy.
pub(super) const fn cluster<'w>() -> Object<TenantSite<'w>> {
    Object {
        kind: Kind::ClusterNetworkPolicy,
        name: "bulkhead-",
        body: Body::Optional(|site| body(site, AdminPolicyKind::ClusterNetworkPolicy)),
    }
}

/// Leaves the platform numbers for policies that are evaluated before (from 0) and after (to 1000; OVN-Kubernetes
/// implements only 0 to 99). The order of policies with the same number is undefined, but those of two tenants both
/// deny what both match.
const PRIORITY: u32 = 50;

fn body(site: TenantSite<'_>, kind: AdminPolicyKind) -> Option<Value> {
    if site.snapshot.settings.admin_network_policy != Some(kind) {
        return None;
    }
    let tenant = &site.tenant.name;
    // `NotIn` also matches namespaces without the label.
    let others = json!({ "namespaces": { "matchExpressions": [
        { "key": TENANT_LABEL, "operator": "Exists" },
        { "key": TENANT_LABEL, "operator": "NotIn", "values": [tenant] },
    ] } });
    let mut spec = json!({
        "priority": PRIORITY,
        "subject": { "namespaces": { "matchLabels": { TENANT_LABEL: tenant } } },
        "ingress": [{ "action": "Deny", "from": [others] }],
        "egress": [{ "action": "Deny", "to": [others] }],
    });
    if let (AdminPolicyKind::ClusterNetworkPolicy, Value::Object(spec)) = (kind, &mut spec) {
        spec.insert("tier".to_owned(), json!("Admin"));
    }
    Some(json!({ "spec": spec }))
}
