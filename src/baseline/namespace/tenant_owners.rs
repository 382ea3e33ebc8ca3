use serde_json::{Value, json};

use super::{Body, Kind, NamespaceSite, Object};
use crate::api::{Subject, SubjectKind};

/// The owners' rights in their namespaces.
pub(super) const fn object<'w>() -> Object<NamespaceSite<'w>> {
    Object {
        kind: Kind::RoleBinding,
        name: "tenant-owners",
        body: Body::Always(|site| role_binding_body(TENANT_ROLE, &site.tenant.owners)),
    }
}

/// What owners may do in their namespaces: an explicit list, without the verbs that walk around admission.
pub const TENANT_ROLE: &str = "bulkhead-tenant";

/// Gives the owners a role of the cluster's.
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
