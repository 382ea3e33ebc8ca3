use serde_json::{Value, json};

use super::{Body, ClusterSite, Object};
use crate::keys::DRY_RUN_ANNOTATION;
use crate::kinds::Kind;
use crate::settings::DenyAll;

pub const NAME: &str = "deny-all";

/// Denies every call in the mesh that no policy allows, or in a dry run only counts them.
pub(super) const fn object<'w>() -> Object<ClusterSite<'w>> {
    Object { kind: Kind::AuthorizationPolicy, name: NAME, body: Body::Optional(body) }
}

fn body(site: ClusterSite<'_>) -> Option<Value> {
    match site.snapshot.settings.mesh_wide? {
        DenyAll::Disabled => None,
        DenyAll::DryRun => {
            Some(json!({ "metadata": { "annotations": { DRY_RUN_ANNOTATION: "true" } }, "spec": {} }))
        }
        DenyAll::Enforce => Some(json!({ "spec": {} })),
    }
}
