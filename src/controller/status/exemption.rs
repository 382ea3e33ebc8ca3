use k8s_openapi::jiff::Timestamp;

use super::condition::ConditionUpdate;
use crate::api::READY;
use crate::policy::{Rule, quote};
use crate::snapshot::{Exemption, NamespaceOwner, Snapshot};

/// Returns the conditions of an Exemption.
pub(super) fn conditions(snapshot: &Snapshot, exemption: &Exemption) -> Vec<ConditionUpdate> {
    let namespace = &exemption.target.namespace;
    let unknown =
        exemption.rules.iter().find(|code| Rule::find(code).is_none_or(|rule| !rule.can_be_exempted()));
    let (is_true, reason, message) = if exemption.expires <= Timestamp::now().as_second() {
        (false, "Expired", "the Exemption has expired and covers nothing".to_owned())
    } else if let Some(code) = unknown {
        (
            false,
            "UnknownRule",
            format!("`spec.rules`: {} is not a rule that an Exemption can switch off", quote(code)),
        )
    } else if !matches!(
        snapshot.owner(namespace),
        Some(NamespaceOwner::Tenant(_) | NamespaceOwner::Orphaned(_))
    ) {
        (
            false,
            "NotATenantNamespace",
            format!("{} is not a namespace of a tenant, so these rules do not apply there", quote(namespace)),
        )
    } else {
        (true, "Ready", "the target may violate the listed rules".to_owned())
    };
    vec![ConditionUpdate { condition: READY, is_true, reason, message }]
}
