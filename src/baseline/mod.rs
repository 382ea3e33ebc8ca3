//! What every tenant namespace must carry, one file an object. Pure: [`desired`] says it; the controller applies it, the webhook protects it, `check` and the audit compare it, `render`
//! prints it. What the API server defaults is part of it: an object reads back as it was written.

mod allow_dns_and_api;
mod allow_granted;
mod allow_mesh;
mod allow_same_tenant;
mod default_deny_all;
mod deny_cross_tenant;
mod difference;
mod labels;
mod manifest;
mod peer_authentication;
mod sidecar;
mod tenant_owners;

use crate::world::{Tenant, World};

pub use difference::{Difference, differences};
pub use labels::{Label, MESH_LABELS, PLAIN_TENANT_LABEL, enforced_labels, labels, lacking};
pub use manifest::{Kind, MANAGED_BY, Manifest};
pub use tenant_owners::{NAMESPACE_OWNER_ROLE, TENANT_ROLE, desired_of_tenant, tenant_of_object};

/// A tenant's namespace, and the world around it.
#[derive(Clone, Copy, Debug)]
struct Place<'w> {
    world: &'w World,
    tenant: &'w Tenant,
    namespace: &'w str,
}

/// An object of the baseline: its kind, its name, and what else there is but metadata.
struct Object {
    kind: Kind,
    name: &'static str,
    body: fn(Place<'_>) -> serde_json::Value,
}

/// In the order they are applied: what closes comes first.
const OBJECTS: &[Object] = &[
    default_deny_all::OBJECT,
    deny_cross_tenant::OBJECT,
    peer_authentication::OBJECT,
    sidecar::OBJECT,
    allow_dns_and_api::OBJECT,
    allow_mesh::OBJECT,
    allow_same_tenant::OBJECT,
    allow_granted::OBJECT,
    tenant_owners::OBJECT,
];

/// All objects of one namespace of `tenant`.
pub fn desired<'w>(
    world: &'w World,
    tenant: &'w Tenant,
    namespace: &'w str,
) -> impl Iterator<Item = Manifest> + use<'w> {
    let place = Place { world, tenant, namespace };
    OBJECTS.iter().map(move |object| object.manifest(place))
}

/// The one object that has this kind and name; `None` if the baseline has none.
pub fn desired_object(
    world: &World,
    tenant: &Tenant,
    namespace: &str,
    kind: Kind,
    name: &str,
) -> Option<Manifest> {
    let object = OBJECTS.iter().find(|object| object.kind == kind && object.name == name)?;
    Some(object.manifest(Place { world, tenant, namespace }))
}

/// Whether an object of this kind and name is of the baseline.
pub fn is_baseline(kind: Kind, name: &str) -> bool {
    OBJECTS.iter().any(|object| object.kind == kind && object.name == name)
}

/// The names of all objects.
pub fn names() -> impl Iterator<Item = &'static str> {
    OBJECTS.iter().map(|object| object.name)
}
