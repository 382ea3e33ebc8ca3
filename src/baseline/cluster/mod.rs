//! Baseline objects that exist once: the mesh-wide policies in the mesh's root namespace, the policies that allow
//! the platform's traffic under them, and the tenants' share of the API server.

mod allow_gateway;
mod allow_platform;
mod deny_all;
mod deny_impersonation;
mod peer_authentication;
mod tenants_level;

use super::shared_service::is_of_a_service;
use super::{Body, Kind, Manifest, Object, PREFIX, Site, peers};
use crate::world::World;

pub use deny_all::{DRY_RUN, NAME as DENY_ALL};
pub(super) use tenants_level::NAME as TENANTS_LEVEL;

/// The snapshot, and the namespace of an object; `None` for a cluster-scoped one.
#[derive(Clone, Copy, Debug)]
struct Spot<'w> {
    world: &'w World,
    namespace: Option<&'w str>,
}

/// Returns every object that exists once, in apply order: policies that allow before policies that deny.
pub fn desired_of_cluster(world: &World) -> Vec<Manifest> {
    let settings = &world.settings;
    let mut manifests = tenants_level::object().manifests(Spot { world, namespace: None });
    if settings.mesh_wide.is_none() {
        return manifests;
    }
    let root = Spot { world, namespace: Some(&settings.mesh_root) };
    for namespace in &settings.platform_namespaces {
        manifests.extend(allow_platform::object().manifests(Spot { world, namespace: Some(namespace) }));
    }
    for gateway in &settings.gateways {
        manifests.extend(allow_gateway::manifest(world, gateway));
    }
    for object in [peer_authentication::object(), deny_impersonation::object(), deny_all::object()] {
        manifests.extend(object.manifests(root));
    }
    manifests
}

/// Objects with a fixed name: all but the gateways' policies.
const fn objects<'w>() -> [Object<Spot<'w>>; 5] {
    [
        tenants_level::object(),
        allow_platform::object(),
        peer_authentication::object(),
        deny_impersonation::object(),
        deny_all::object(),
    ]
}

/// True if an object of this kind and name, in a platform namespace or cluster-scoped, is managed by Bulkhead.
pub fn is_of_the_cluster(kind: Kind, name: &str) -> bool {
    is_of_a_service(kind, name) || objects().iter().any(|object| object.kind == kind && object.name == name)
}

/// Returns the fixed names of Bulkhead's objects among those of the platform.
pub fn names_of_the_cluster() -> [&'static str; 5] {
    objects().map(|object| object.name)
}

impl Site for Spot<'_> {
    fn namespace(&self) -> Option<&str> {
        self.namespace
    }
}
