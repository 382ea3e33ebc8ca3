//! The baseline: the objects that isolate tenants. Each file defines one object; the folders say where it is
//! created: in every namespace of a tenant, for each tenant, for each shared service, or once for the cluster.
//!
//! [`desired_for_namespace`] and its siblings compute the manifests and perform no I/O. The controller applies them, the webhook
//! protects them, `check` and the audit compare objects with them, and `render` prints them. Manifests include the
//! API server's defaults, so that an object reads back as it was written.

#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

mod cluster;
mod difference;
mod labels;
mod manifest;
mod namespace;
mod network;
mod proxy_resources;
mod quantity;
mod shared_service;
mod tenant;

pub use cluster::{DENY_ALL_NAME, cluster_object_names, desired_for_cluster, is_cluster_object_name};
pub use difference::{Difference, differences, drift};
pub use labels::{Label, enforced_labels, labels, labels_of_sidecars, missing_labels};
pub use manifest::{Manifest, NAME_PREFIX, is_managed, kinds};
pub use namespace::{
    DEFAULT_SERVICE_ACCOUNT, QUOTA_NAME, TENANT_ROLE, TENANT_RULES_ROLE, desired_for_namespace,
    desired_object, is_baseline_name, known_hosts, known_services, namespace_object_names,
};
pub use network::{
    CLUSTER_DOMAIN, DNS_PORTS, ISTIOD_PODS, ISTIOD_PORT, Port, dns_addresses, dns_ports, mesh_ports,
};
pub use proxy_resources::{TooSmall, too_small_for_proxy};
pub use shared_service::{IDENTITY_HEADER, desired_for_service, is_waypoint, waypoint_name};
pub use tenant::{NAMESPACE_OWNER_ROLE, desired_for_tenant, tenant_of_cluster_object};

use crate::snapshot::Snapshot;
use manifest::{Body, Object};

/// Returns all objects outside tenants: those of the cluster and those of shared services.
pub fn desired_for_platform(snapshot: &Snapshot) -> impl Iterator<Item = Manifest> {
    let services = snapshot.accepted_services().flat_map(|service| desired_for_service(snapshot, service));
    desired_for_cluster(snapshot).into_iter().chain(services)
}
