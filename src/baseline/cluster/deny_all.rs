use serde_json::{Value, json};

use super::{Body, Kind, Object, Spot};
use crate::settings::DenyAll;

/// With this annotation a policy is only tried.
pub const DRY_RUN: &str = "istio.io/dry-run";

pub const NAME: &str = "deny-all";

/// What no policy allows is refused, everywhere in the mesh; or only counted.
pub(super) const fn object<'w>() -> Object<Spot<'w>> {
    Object { kind: Kind::AuthorizationPolicy, name: NAME, body: Body::Where(body) }
}

fn body(spot: Spot<'_>) -> Option<Value> {
    match spot.snapshot.settings.mesh_wide? {
        DenyAll::Never => None,
        DenyAll::DryRun => Some(json!({ "metadata": { "annotations": { DRY_RUN: "true" } }, "spec": {} })),
        DenyAll::Enforce => Some(json!({ "spec": {} })),
    }
}
