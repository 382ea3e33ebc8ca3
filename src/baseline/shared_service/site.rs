use serde_json::{Value, json};

use crate::api::{Protocol, SharedPort};
use crate::baseline::manifest::{NAME_PREFIX, Site};
use crate::settings::{Dataplane, Settings};
use crate::snapshot::{SharedService, Snapshot};

/// The end of the name of a shared service's waypoint.
pub(super) const WAYPOINT_END: &str = "waypoint";

/// A shared service, and the snapshot from which its objects are computed.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServiceSite<'w> {
    pub(super) snapshot: &'w Snapshot,
    pub(super) service: &'w SharedService,
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
    pub(super) fn settings(self) -> &'w Settings {
        &self.snapshot.settings
    }

    /// Returns the selector of its pods in the form that most kinds take.
    pub(super) fn selector(self) -> Value {
        json!({ "matchLabels": self.service.selector })
    }

    /// Returns the HTTP ports, on which the identity header can be set.
    pub(super) fn http_ports(self) -> impl Iterator<Item = &'w SharedPort> {
        self.service.ports.iter().filter(|port| port.protocol == Protocol::HTTP)
    }

    /// Returns the ports on which the pods accept the tenants' own calls.
    pub(super) fn direct_ports(self) -> impl Iterator<Item = &'w SharedPort> {
        direct_ports(self.settings(), self.service)
    }

    /// Returns the name of the service's waypoint, if it has one.
    pub(super) fn waypoint(self) -> Option<String> {
        waypoint_name(self.settings(), self.service)
    }
}

/// Returns the name of the Gateway that is the waypoint of the service, and of the waypoint's account; `None` if the
/// service has none.
pub fn waypoint_name(settings: &Settings, service: &SharedService) -> Option<String> {
    let has_http = service.ports.iter().any(|port| port.protocol == Protocol::HTTP);
    let is_needed = settings.dataplane == Dataplane::Ambient && has_http;
    is_needed.then(|| format!("{NAME_PREFIX}{}-{WAYPOINT_END}", service.name))
}

/// Returns the ports on which the pods accept the tenants' own calls: all but those behind a waypoint.
pub(in crate::baseline) fn direct_ports<'w>(
    settings: &Settings,
    service: &'w SharedService,
) -> impl Iterator<Item = &'w SharedPort> + use<'w> {
    let has_waypoint = waypoint_name(settings, service).is_some();
    service.ports.iter().filter(move |port| !has_waypoint || port.protocol != Protocol::HTTP)
}
