use serde_json::{Value, json};

use super::{Kind, MANAGED_BY, Manifest, Object, Place};
use crate::api::{Subject, SubjectKind};
use crate::world::Tenant;

/// The owners' rights in their namespaces.
pub(super) const OBJECT: Object = Object { kind: Kind::RoleBinding, name: "tenant-owners", body };

/// What owners may do in their namespaces: an explicit list, without the verbs that walk around admission.
pub const TENANT_ROLE: &str = "bulkhead-tenant";
/// What owners may do beyond: create namespaces. Bound to each tenant's owners.
pub const NAMESPACE_OWNER_ROLE: &str = "bulkhead-namespace-creator";

fn body(place: Place<'_>) -> Value {
    binding(TENANT_ROLE, &place.tenant.owners)
}

/// What the name of each tenant's binding begins with.
const BINDING: &str = "bulkhead-tenant-";

/// Whose the binding of this name is, if it is one of [`desired_of_tenant`].
pub fn tenant_of_binding(name: &str) -> Option<&str> {
    name.strip_prefix(BINDING)
}

/// The owners' right to create namespaces: they belong to the tenant from the first moment.
pub fn desired_of_tenant(tenant: &Tenant) -> Manifest {
    let kind = Kind::ClusterRoleBinding;
    let name = format!("{BINDING}{}", tenant.name);
    let (key, value) = MANAGED_BY;
    let mut object = json!({
        "apiVersion": format!("{}/{}", kind.group(), Kind::VERSION),
        "kind": kind.name(),
        "metadata": { "name": name, "labels": { key: value } },
    });
    if let (Value::Object(object), Value::Object(body)) =
        (&mut object, binding(NAMESPACE_OWNER_ROLE, &tenant.owners))
    {
        object.extend(body);
    }
    Manifest { kind, namespace: None, name, object }
}

fn binding(role: &str, owners: &[Subject]) -> Value {
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
