//! Baseline objects of each shared service. Their names have a prefix, because others write in its namespace too.

mod allow_tenants;
mod identity_header;
mod network_policy;
mod peer_authentication;
mod reserved_header;
mod sidecar;
mod site;
mod waypoint;
mod waypoint_network_policy;
mod waypoint_tenants;

use super::{Body, Manifest, NAME_PREFIX, Object, network};
use crate::kinds::Kind;
use crate::snapshot::{SharedService, Snapshot};
use site::ServiceSite;

pub use identity_header::IDENTITY_HEADER;
pub(super) use site::direct_ports;
pub use site::waypoint_name;
pub use waypoint::is_waypoint;

/// Apply order: objects that restrict come first, and the waypoint after all policies that it enforces.
const fn objects<'w>() -> [Object<ServiceSite<'w>>; 9] {
    [
        waypoint_tenants::object(),
        allow_tenants::object(),
        reserved_header::object(),
        peer_authentication::object(),
        identity_header::object(),
        sidecar::object(),
        network_policy::object(),
        waypoint_network_policy::object(),
        waypoint::object(),
    ]
}

/// Returns all objects of a shared service.
pub fn desired_for_service<'w>(
    snapshot: &'w Snapshot,
    service: &'w SharedService,
) -> impl Iterator<Item = Manifest> + use<'w> {
    objects().into_iter().flat_map(move |object| object.manifests(ServiceSite { snapshot, service }))
}

/// True if an object of this kind and name is one of [`desired_for_service`], or has a name like theirs.
pub(super) fn is_service_object_name(kind: Kind, name: &str) -> bool {
    name.starts_with(NAME_PREFIX) && objects().iter().any(|object| object.kind == kind)
}
