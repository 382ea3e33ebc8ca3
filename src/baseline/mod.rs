//! What isolation is made of, one file an object, by where it stands. Pure: [`desired`] and its kin say it; the
//! controller applies it, the webhook protects it, `check` and the audit compare it, `render` prints it. What the
//! API server defaults is part of it: an object reads back as it was written.

#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

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

use crate::snapshot::Snapshot;
use manifest::{Body, Object, Site};

/// How the names begin of what there can be several of, or of what stands where others write too.
pub const PREFIX: &str = "bulkhead-";

/// All that stands where tenants are not.
pub fn desired_of_platform(snapshot: &Snapshot) -> impl Iterator<Item = Manifest> {
    let services = snapshot.listed_services().flat_map(|service| desired_of_service(snapshot, service));
    desired_of_cluster(snapshot).into_iter().chain(services)
}
