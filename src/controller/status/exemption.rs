use k8s_openapi::jiff::Timestamp;

use super::said::Said;
use crate::api::READY;
use crate::policy::{Rule, quote};
use crate::world::{Exemption, Owner, World};

/// Whether it covers anything.
pub(super) fn said(world: &World, exemption: &Exemption) -> Vec<Said> {
    let namespace = &exemption.target.namespace;
    let unknown =
        exemption.rules.iter().find(|code| Rule::find(code).is_none_or(|rule| !rule.can_be_exempted()));
    let (holds, reason, message) = if exemption.expires <= Timestamp::now().as_second() {
        (false, "Expired", "it covers nothing any more".to_owned())
    } else if let Some(code) = unknown {
        (false, "UnknownRule", format!("no rule {} that could be switched off", quote(code)))
    } else if !matches!(world.owner(namespace), Some(Owner::Tenant(_) | Owner::Orphaned(_))) {
        (
            false,
            "NotATenants",
            format!("{} is no tenant's namespace: these rules do not hold there", quote(namespace)),
        )
    } else {
        (true, "InForce", "its target may do what these rules refuse".to_owned())
    };
    vec![Said { condition: READY, holds, reason, message }]
}
