//! The baseline: the objects that isolate tenants. Each file defines one object; the folders say where it is
//! created: in every namespace of a tenant, for each tenant, for each shared service, or once for the cluster.
//!
//! [`desired`] and its siblings compute the manifests and perform no I/O. The controller applies them, the webhook
//! protects them, `check` and the audit compare objects with them, and `render` prints them. Manifests include the
//! API server's defaults, so that an object reads back as it was written.

mod cluster;
mod difference;
mod labels;
mod manifest;
mod namespace;
mod peers;
mod quantity;
mod shared_service;
mod tenant;

pub use cluster::{DENY_ALL, DRY_RUN, desired_of_cluster, is_of_the_cluster, names_of_the_cluster};
pub use difference::{Difference, differences};
pub use labels::{
    DATAPLANE, Label, MESH_LABELS, PLAIN_TENANT_LABEL, POD_SECURITY, REVISION, enforced_labels, labels,
    lacking,
};
pub use manifest::{Kind, MANAGED_BY, Manifest, is_managed, kinds};
pub use namespace::{
    DEFAULT_ACCOUNT, QUOTA, TENANT_ROLE, desired, desired_object, is_baseline, known_hosts, names,
    refuses_the_proxy,
};
pub use peers::{DNS_PODS, DNS_PORT, ISTIOD_PODS, ISTIOD_PORT, NODE_LOCAL_DNS};
pub use shared_service::{IDENTITY_HEADER, desired_of_service};
pub use tenant::{NAMESPACE_OWNER_ROLE, desired_of_tenant, tenant_of_object};

use crate::world::World;
use manifest::{Body, Object, Site};

/// Prefix of names where there can be several objects, or where others write in the same place.
pub const PREFIX: &str = "bulkhead-";

/// Returns all objects outside tenants: those of the cluster and those of shared services.
pub fn desired_of_platform(world: &World) -> impl Iterator<Item = Manifest> {
    let services = world.listed_services().flat_map(|service| desired_of_service(world, service));
    desired_of_cluster(world).into_iter().chain(services)
}
