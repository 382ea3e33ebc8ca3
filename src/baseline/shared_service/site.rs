use serde_json::{Value, json};

use crate::api::{Protocol, SharedPort};
use crate::baseline::manifest::{NAME_PREFIX, Site};
use crate::snapshot::{SharedService, Snapshot};

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
    /// Returns the selector of its pods in the form that most kinds take.
    pub(super) fn selector(self) -> Value {
        json!({ "matchLabels": self.service.selector })
    }

    /// Returns the HTTP ports, on which the identity header can be set.
    pub(super) fn http_ports(self) -> impl Iterator<Item = &'w SharedPort> {
        self.service.ports.iter().filter(|port| port.protocol == Protocol::HTTP)
    }
}
