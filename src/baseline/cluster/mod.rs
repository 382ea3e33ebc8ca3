//! Baseline objects that exist once: the mesh-wide policies in the mesh's root namespace, the policies that allow
//! the platform's traffic under them, and the tenants' share of the API server.

mod allow_gateway;
mod allow_platform;
mod deny_all;
mod deny_impersonation;
mod peer_authentication;
mod priority_level;
mod site;

use super::shared_service::is_service_object_name;
use super::{Body, Manifest, NAME_PREFIX, Object, network};
use crate::kinds::Kind;
use crate::snapshot::Snapshot;
use site::ClusterSite;

pub use deny_all::NAME as DENY_ALL_NAME;
pub(super) use priority_level::NAME as PRIORITY_LEVEL;

/// Returns every object that exists once, in apply order: policies that allow before policies that deny.
pub fn desired_for_cluster(snapshot: &Snapshot) -> Vec<Manifest> {
    let settings = &snapshot.settings;
    let mut manifests = priority_level::object().manifests(ClusterSite { snapshot, namespace: None });
    if settings.mesh_wide.is_none() {
        return manifests;
    }
    let root = ClusterSite { snapshot, namespace: Some(&settings.mesh_root) };
    for namespace in &settings.platform_namespaces {
        manifests
            .extend(allow_platform::object().manifests(ClusterSite { snapshot, namespace: Some(namespace) }));
    }
    for gateway in &settings.gateways {
        manifests.extend(allow_gateway::manifest(snapshot, gateway));
    }
    for object in [peer_authentication::object(), deny_impersonation::object(), deny_all::object()] {
        manifests.extend(object.manifests(root));
    }
    manifests
}

/// Objects with a fixed name: all but the gateways' policies.
const fn objects<'w>() -> [Object<ClusterSite<'w>>; 5] {
    [
        priority_level::object(),
        allow_platform::object(),
        peer_authentication::object(),
        deny_impersonation::object(),
        deny_all::object(),
    ]
}

/// True if an object of this kind and name, in a namespace of the platform, is Bulkhead's.
pub fn is_cluster_object_name(kind: Kind, name: &str) -> bool {
    is_service_object_name(kind, name)
        || objects().iter().any(|object| object.kind == kind && object.name == name)
}

/// The names by which Bulkhead's objects are known among the platform's.
pub fn cluster_object_names() -> [&'static str; 5] {
    objects().map(|object| object.name)
}
