//! Baseline objects of each shared service. Their names have a prefix, because others write in its namespace too.

mod allow_tenants;
mod identity_header;
mod network_policy;
mod peer_authentication;
mod reserved_header;
mod sidecar;

use serde_json::{Value, json};

use super::{Body, Manifest, NAME_PREFIX, Object, Site, network};
use crate::api::{Protocol, SharedPort};
use crate::kinds::Kind;
use crate::snapshot::{SharedService, Snapshot};

/// Header that names the caller to a shared service. Requests in which a caller sets it are denied.
pub const IDENTITY_HEADER: &str = "x-tenant-identity";

/// A shared service, and the snapshot from which its objects are computed.
#[derive(Clone, Copy, Debug)]
struct ServiceSite<'w> {
    snapshot: &'w Snapshot,
    service: &'w SharedService,
}

/// Apply order: objects that restrict come first.
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
    /// Returns the selector of its pods in the form that most kinds take.
    fn selector(self) -> Value {
        json!({ "matchLabels": self.service.selector })
    }

    /// Returns the HTTP ports, on which the identity header can be set.
    fn http_ports(self) -> impl Iterator<Item = &'w SharedPort> {
        self.service.ports.iter().filter(|port| port.protocol == Protocol::HTTP)
    }
}
