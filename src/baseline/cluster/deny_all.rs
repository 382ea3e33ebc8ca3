use serde_json::{Value, json};

use super::{Body, Kind, Object, Spot};
use crate::settings::DenyAll;

/// Annotation of a policy that is evaluated but not enforced.
pub const DRY_RUN: &str = "istio.io/dry-run";

pub const NAME: &str = "deny-all";

/// Denies every call in the mesh that no policy allows, or in a dry run only counts them.
pub(super) const fn object<'w>() -> Object<Spot<'w>> {
    Object { kind: Kind::AuthorizationPolicy, name: NAME, body: Body::Where(body) }
}

fn body(spot: Spot<'_>) -> Option<Value> {
    match spot.world.settings.mesh_wide? {
        DenyAll::Never => None,
        DenyAll::DryRun => Some(json!({ "metadata": { "annotations": { DRY_RUN: "true" } }, "spec": {} })),
        DenyAll::Enforce => Some(json!({ "spec": {} })),
    }
}
