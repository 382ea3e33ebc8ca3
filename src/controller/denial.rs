//! How denying by default in the whole mesh is to change: what allows comes before it, and goes after it.

use serde_json::Value;

use super::kept::Kept;
use crate::baseline::{DENY_ALL, DRY_RUN, Kind};
use crate::settings::DenyAll;
use crate::world::World;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denial {
    Stays,
    /// It is to be in force, and is not.
    Comes,
    /// It is in force, and is not to be.
    Goes,
}

impl Denial {
    pub(super) fn of(world: &World, kept: &Kept) -> Self {
        let found = kept.get(Kind::AuthorizationPolicy, &world.settings.mesh_root, DENY_ALL);
        let annotation = |found: &Value| found.pointer("/metadata/annotations")?.get(DRY_RUN).cloned();
        let is_in_force = found.is_some_and(|found| annotation(found).is_none_or(|tried| tried != "true"));
        match (is_in_force, world.settings.mesh_wide == Some(DenyAll::Enforce)) {
            (false, true) => Self::Comes,
            (true, false) => Self::Goes,
            _ => Self::Stays,
        }
    }
}
