use super::said::Said;
use crate::api::READY;
use crate::controller::places::Place;
use crate::controller::troubles::Troubles;
use crate::snapshot::{SharedService, Snapshot};

/// Returns the conditions of a SharedService.
pub(super) fn said(snapshot: &Snapshot, troubles: &Troubles, service: &SharedService) -> Vec<Said> {
    let namespace = &service.namespace;
    let trouble = troubles.of(&Place::Service(service.name.clone()));
    let (holds, reason, message) = if !snapshot.is_listed(service) {
        let message = format!(
            "`{namespace}` is not in `platform.sharedNamespaces` of the settings, so Bulkhead does not protect this identity"
        );
        (false, "NamespaceNotListed", message)
    } else if let Some(trouble) = trouble {
        (false, "BaselineNotReady", trouble)
    } else {
        (true, "Ready", format!("only platform accounts may write to `{namespace}`"))
    };
    vec![Said { condition: READY, holds, reason, message }]
}
