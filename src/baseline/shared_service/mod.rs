//! What stands around each shared service, under names of its own in a namespace that others write in too.

mod allow_tenants;
mod identity_header;
mod network_policy;
mod peer_authentication;
mod reserved_header;
mod sidecar;

use serde_json::{Value, json};

use super::{Body, Kind, Manifest, NAME_PREFIX, Object, Site, network};
use crate::api::{Protocol, SharedPort};
use crate::snapshot::{SharedService, Snapshot};

/// The header in which a shared service is told who calls; whatever a caller writes there is refused.
pub const IDENTITY_HEADER: &str = "x-tenant-identity";

/// A shared service, and the world around it.
#[derive(Clone, Copy, Debug)]
struct ServiceSite<'w> {
    snapshot: &'w Snapshot,
    service: &'w SharedService,
}

/// In the order they are applied: what closes comes first.
const fn objects<'w>() -> [Object<ServiceSite<'w>>; 6] {
    [
        allow_tenants::object(),
        reserved_header::object(),
        peer_authentication::object(),
        identity_header::object(),
        sidecar::object(),
        network_policy::object(),
    ]
}

/// All objects around a shared service.
pub fn desired_for_service<'w>(
    snapshot: &'w Snapshot,
    service: &'w SharedService,
) -> impl Iterator<Item = Manifest> + use<'w> {
    objects().into_iter().flat_map(move |object| object.manifests(ServiceSite { snapshot, service }))
}

/// Whether an object of this kind and name is one of [`desired_for_service`], or like one.
pub(super) fn is_service_object_name(kind: Kind, name: &str) -> bool {
    name.starts_with(NAME_PREFIX) && objects().iter().any(|object| object.kind == kind)
}

impl Site for ServiceSite<'_> {
    fn namespace(&self) -> Option<&str> {
        Some(&self.service.namespace)
    }

    fn name(&self, name: &str) -> String {
        let (service, dash) = (&self.service.name, if name.is_empty() { "" } else { "-" });
        format!("{NAME_PREFIX}{service}{dash}{name}")
    }
}

impl<'w> ServiceSite<'w> {
    /// Its pods, as most kinds select them.
    fn selector(self) -> Value {
        json!({ "matchLabels": self.service.selector })
    }

    /// The ports on which HTTP is spoken; the name of the caller is said there.
    fn http_ports(self) -> impl Iterator<Item = &'w SharedPort> {
        self.service.ports.iter().filter(|port| port.protocol == Protocol::HTTP)
    }
}
