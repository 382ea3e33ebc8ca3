use serde_json::{Value, json};

use super::{Body, NamespaceSite, Object};
use crate::api::{Subject, SubjectKind};
use crate::kinds::Kind;

/// Binds the owners to their role in the namespace.
pub(super) const fn object<'w>() -> Object<NamespaceSite<'w>> {
    Object {
        kind: Kind::RoleBinding,
        name: "tenant-owners",
        body: Body::Always(|site| role_binding_body(TENANT_ROLE, &site.tenant.owners)),
    }
}

/// ClusterRole of owners in their namespaces. Kubernetes gives it the rules of all ClusterRoles with
/// [`AGGREGATE_TO_TENANT_LABEL`](crate::keys::AGGREGATE_TO_TENANT_LABEL).
pub const TENANT_ROLE: &str = "bulkhead-tenant";
/// ClusterRole with the rules of [`TENANT_ROLE`] that Bulkhead itself gives.
pub const TENANT_RULES_ROLE: &str = "bulkhead-aggregate-to-tenant";

/// Returns the body of a binding of the owners to a ClusterRole.
pub(in crate::baseline) fn role_binding_body(role: &str, owners: &[Subject]) -> Value {
    let subjects: Vec<Value> = owners.iter().map(subject).collect();
    json!({
        "roleRef": { "apiGroup": Kind::RoleBinding.group(), "kind": "ClusterRole", "name": role },
        "subjects": subjects,
    })
}

fn subject(owner: &Subject) -> Value {
    let group = Kind::RoleBinding.group();
    match owner.kind {
        SubjectKind::User => json!({ "apiGroup": group, "kind": "User", "name": owner.name }),
        SubjectKind::Group => json!({ "apiGroup": group, "kind": "Group", "name": owner.name }),
        SubjectKind::ServiceAccount => {
            json!({ "kind": "ServiceAccount", "name": owner.name, "namespace": owner.namespace })
        }
    }
}
