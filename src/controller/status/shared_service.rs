use super::condition::ConditionUpdate;
use crate::api::READY;
use crate::controller::baseline::{ReconcileErrors, Target};
use crate::snapshot::{NamespaceOwner, SharedService, Snapshot};

/// Returns the conditions of a SharedService.
pub(super) fn conditions(
    snapshot: &Snapshot,
    errors: &ReconcileErrors,
    service: &SharedService,
) -> Vec<ConditionUpdate> {
    let namespace = &service.namespace;
    let error = errors.get(&Target::Service(service.name.clone()));
    let (is_true, reason, message) = if !snapshot.is_accepted(service) {
        let (owner, fix) = match snapshot.owner(namespace) {
            Some(NamespaceOwner::Platform) => (
                "the platform",
                "list it in `platform.sharedNamespaces` of the settings, or move the service",
            ),
            _ => ("a tenant", "move the service to a namespace of its own"),
        };
        let message = format!(
            "`{namespace}` is a namespace of {owner}, so Bulkhead does not protect this identity; {fix}"
        );
        (false, "NamespaceNotAccepted", message)
    } else if let Some(error) = error {
        (false, "BaselineNotReady", error)
    } else {
        (true, "Ready", format!("only platform accounts may write to `{namespace}`"))
    };
    vec![ConditionUpdate { condition: READY, is_true, reason, message }]
}
