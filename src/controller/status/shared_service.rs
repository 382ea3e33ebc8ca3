use super::condition::ConditionUpdate;
use crate::api::READY;
use crate::controller::baseline::{ReconcileErrors, Target};
use crate::snapshot::{SharedService, Snapshot};

/// Returns the conditions of a SharedService.
pub(super) fn conditions(
    snapshot: &Snapshot,
    errors: &ReconcileErrors,
    service: &SharedService,
) -> Vec<ConditionUpdate> {
    let namespace = &service.namespace;
    let error = errors.get(&Target::Service(service.name.clone()));
    let (is_true, reason, message) = if !snapshot.is_listed(service) {
        let message = format!(
            "`{namespace}` is not in `platform.sharedNamespaces` of the settings, so Bulkhead does not protect this identity"
        );
        (false, "NamespaceNotListed", message)
    } else if let Some(error) = error {
        (false, "BaselineNotReady", error)
    } else {
        (true, "Ready", format!("only platform accounts may write to `{namespace}`"))
    };
    vec![ConditionUpdate { condition: READY, is_true, reason, message }]
}
