use serde_json::{Value, json};

use super::{Kind, Object, Place};
use crate::api::{Subject, SubjectKind};

/// The owners' rights in their namespaces.
pub(super) const OBJECT: Object = Object { kind: Kind::RoleBinding, name: "tenant-owners", body };

/// What owners may do in their namespaces: an explicit list, without the verbs that walk around admission.
pub const TENANT_ROLE: &str = "bulkhead-tenant";
/// What owners may do beyond: create namespaces. Bound to each tenant's owners.
pub const NAMESPACE_OWNER_ROLE: &str = "bulkhead-namespace-creator";

fn body(place: Place<'_>) -> Value {
    let subjects: Vec<Value> = place.tenant.owners.iter().map(subject).collect();
    json!({
        "roleRef": { "apiGroup": Kind::RoleBinding.group(), "kind": "ClusterRole", "name": TENANT_ROLE },
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
