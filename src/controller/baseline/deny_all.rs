//! Ordering of the mesh-wide deny-all policy: allow policies are created before it and removed after it.
//!
//! This module only finds the direction of the change. The workqueue and the targets apply the order.

use serde_json::Value;

use super::cache::ManagedCache;
use crate::baseline::DENY_ALL_NAME;
use crate::keys::DRY_RUN_ANNOTATION;
use crate::kinds::Kind;
use crate::settings::DenyAll;
use crate::snapshot::Snapshot;

/// Transition of the mesh-wide deny-all policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DenyAllTransition {
    None,
    /// It must be enforced, and is not yet.
    Enabling,
    /// It is enforced, and must not be any more.
    Disabling,
}

impl DenyAllTransition {
    pub(super) fn new(snapshot: &Snapshot, cache: &ManagedCache) -> Self {
        let found = cache.get(Kind::AuthorizationPolicy, &snapshot.settings.mesh_root, DENY_ALL_NAME);
        let annotation =
            |found: &Value| found.pointer("/metadata/annotations")?.get(DRY_RUN_ANNOTATION).cloned();
        let is_enforced = found.is_some_and(|found| annotation(found).is_none_or(|value| value != "true"));
        match (is_enforced, snapshot.settings.mesh_wide == Some(DenyAll::Enforce)) {
            (false, true) => Self::Enabling,
            (true, false) => Self::Disabling,
            _ => Self::None,
        }
    }
}
