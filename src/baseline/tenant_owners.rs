use serde_json::{Value, json};

use super::{Kind, MANAGED_BY, Manifest, Object, Place};
use crate::api::{self, Subject, SubjectKind};
use crate::world::{Tenant, World};

/// The owners' rights in their namespaces.
pub(super) const OBJECT: Object = Object { kind: Kind::RoleBinding, name: "tenant-owners", body };

/// What owners may do in their namespaces: an explicit list, without the verbs that walk around admission.
pub const TENANT_ROLE: &str = "bulkhead-tenant";
/// What owners may do beyond: create namespaces. Bound to each tenant's owners.
pub const NAMESPACE_OWNER_ROLE: &str = "bulkhead-namespace-creator";

fn body(place: Place<'_>) -> Value {
    binding(TENANT_ROLE, &place.tenant.owners)
}

/// What the names of a tenant's objects of the cluster begin with: to create namespaces, to read its Tenant.
const CREATOR: &str = "bulkhead-tenant-";
const READER: &str = "bulkhead-reader-";

/// Whose the object of the cluster of this name is, if it is one of [`desired_of_tenant`].
pub fn tenant_of_object(name: &str) -> Option<&str> {
    name.strip_prefix(CREATOR).or_else(|| name.strip_prefix(READER))
}

/// The owners' rights beyond their namespaces: to create more, which belong to the tenant from the first moment,
/// to wait for them, and to read their own Tenant.
pub fn desired_of_tenant(world: &World, tenant: &Tenant) -> [Manifest; 3] {
    let creator = format!("{CREATOR}{}", tenant.name);
    let reader = format!("{READER}{}", tenant.name);
    let reads = |group: &str, resource: &str, names: &[&str]| {
        json!({
            "apiGroups": [group], "resources": [resource], "resourceNames": names,
            "verbs": ["get", "list", "watch"],
        })
    };
    let namespaces: Vec<&str> = world.namespaces_of(&tenant.name).collect();
    let mut rules = vec![reads(api::GROUP, "tenants", &[&tenant.name])];
    // No name at all would be every name.
    if !namespaces.is_empty() {
        rules.push(reads("", "namespaces", &namespaces));
    }
    let rules = json!({ "rules": rules });
    [
        of_the_cluster(Kind::ClusterRoleBinding, creator, binding(NAMESPACE_OWNER_ROLE, &tenant.owners)),
        of_the_cluster(Kind::ClusterRole, reader.clone(), rules),
        of_the_cluster(Kind::ClusterRoleBinding, reader.clone(), binding(&reader, &tenant.owners)),
    ]
}

fn of_the_cluster(kind: Kind, name: String, body: Value) -> Manifest {
    let (key, value) = MANAGED_BY;
    let mut object = json!({
        "apiVersion": format!("{}/{}", kind.group(), Kind::VERSION),
        "kind": kind.name(),
        "metadata": { "name": name, "labels": { key: value } },
    });
    if let (Value::Object(object), Value::Object(body)) = (&mut object, body) {
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
