use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;

use super::waypoints::Waypoints;
use crate::api::Audit;
use crate::controller::baseline::{Target, TargetError};
use crate::snapshot::Snapshot;

/// Everything that a status depends on, beside the object itself.
pub(super) struct StatusInputs<'a> {
    pub(super) snapshot: &'a Snapshot,
    /// The errors of the baseline controller.
    pub(super) errors: &'a BTreeMap<Target, TargetError>,
    /// The result of the last audit of each observed tenant.
    pub(super) audits: &'a BTreeMap<String, Audit>,
    /// The waypoints of an ambient mesh; none in a mesh with sidecars.
    pub(super) waypoints: &'a Waypoints,
    pub(super) now: Timestamp,
}

impl StatusInputs<'_> {
    /// Returns the last error of a target.
    pub(super) fn error(&self, target: &Target) -> Option<&str> {
        self.errors.get(target).map(|error| error.message.as_str())
    }

    /// Returns the last error of a target, if it has lasted for a while.
    pub(super) fn persistent_error(&self, target: &Target) -> Option<&str> {
        self.errors.get(target).filter(|error| error.is_persistent).map(|error| error.message.as_str())
    }
}
