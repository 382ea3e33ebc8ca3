//! Ordering of the mesh-wide deny-all policy: allow policies are created before it and removed after it.
//!
//! This module only finds the direction of the change. The workqueue and the targets apply the order.

use serde_json::Value;

use super::kept::Kept;
use crate::baseline::{DENY_ALL_NAME, DRY_RUN_ANNOTATION, Kind};
use crate::settings::DenyAll;
use crate::snapshot::Snapshot;

/// Transition of the mesh-wide deny-all policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denial {
    Stays,
    /// It must be enforced, and is not yet.
    Comes,
    /// It is enforced, and must not be any more.
    Goes,
}

impl Denial {
    pub(super) fn of(snapshot: &Snapshot, kept: &Kept) -> Self {
        let found = kept.get(Kind::AuthorizationPolicy, &snapshot.settings.mesh_root, DENY_ALL_NAME);
        let annotation = |found: &Value| found.pointer("/metadata/annotations")?.get(DRY_RUN_ANNOTATION).cloned();
        let is_in_force = found.is_some_and(|found| annotation(found).is_none_or(|tried| tried != "true"));
        match (is_in_force, snapshot.settings.mesh_wide == Some(DenyAll::Enforce)) {
            (false, true) => Self::Comes,
            (true, false) => Self::Goes,
            _ => Self::Stays,
        }
    }
}
