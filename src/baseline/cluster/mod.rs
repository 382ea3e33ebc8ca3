//! What there is once: the mesh-wide policies in its root namespace, what they must let through, and the tenants'
//! share of the API server.

mod allow_gateway;
mod allow_platform;
mod deny_all;
mod deny_impersonation;
mod peer_authentication;
mod tenants_level;

use super::shared_service::is_of_a_service;
use super::{Body, Kind, Manifest, Object, PREFIX, Site, peers};
use crate::snapshot::Snapshot;

pub use deny_all::{DRY_RUN, NAME as DENY_ALL};
pub(super) use tenants_level::NAME as TENANTS_LEVEL;

/// A namespace in which there is something of the cluster's, or none.
#[derive(Clone, Copy, Debug)]
struct Spot<'w> {
    snapshot: &'w Snapshot,
    namespace: Option<&'w str>,
}

/// Every object that there is once. What lets through stands before what denies.
pub fn desired_of_cluster(snapshot: &Snapshot) -> Vec<Manifest> {
    let settings = &snapshot.settings;
    let mut manifests = tenants_level::object().manifests(Spot { snapshot, namespace: None });
    if settings.mesh_wide.is_none() {
        return manifests;
    }
    let root = Spot { snapshot, namespace: Some(&settings.mesh_root) };
    for namespace in &settings.platform_namespaces {
        manifests.extend(allow_platform::object().manifests(Spot { snapshot, namespace: Some(namespace) }));
    }
    for gateway in &settings.gateways {
        manifests.extend(allow_gateway::manifest(snapshot, gateway));
    }
    for object in [peer_authentication::object(), deny_impersonation::object(), deny_all::object()] {
        manifests.extend(object.manifests(root));
    }
    manifests
}

/// Every object but those that have names of their own.
const fn objects<'w>() -> [Object<Spot<'w>>; 5] {
    [
        tenants_level::object(),
        allow_platform::object(),
        peer_authentication::object(),
        deny_impersonation::object(),
        deny_all::object(),
    ]
}

/// Whether where the platform's own objects are, one of this kind and name is Bulkhead's.
pub fn is_of_the_cluster(kind: Kind, name: &str) -> bool {
    is_of_a_service(kind, name) || objects().iter().any(|object| object.kind == kind && object.name == name)
}

/// The names by which Bulkhead's objects are known among the platform's.
pub fn names_of_the_cluster() -> [&'static str; 5] {
    objects().map(|object| object.name)
}

impl Site for Spot<'_> {
    fn namespace(&self) -> Option<&str> {
        self.namespace
    }
}
