use super::grants::unresolved;
use super::said::Said;
use crate::api::{GRANTS_RESOLVED, READY};
use crate::baseline::limits_exclude_proxy;
use crate::controller::places::Place;
use crate::controller::troubles::Troubles;
use crate::policy::{quote, quote_all};
use crate::snapshot::Snapshot;

/// Returns the conditions of a Tenant; `None` while the snapshot does not have it.
pub(super) fn said(snapshot: &Snapshot, troubles: &Troubles, name: &str) -> Option<Vec<Said>> {
    let ready = |holds, reason, message| Said { condition: READY, holds, reason, message };
    if let Some(older) = snapshot.conflicting_older_tenant(name) {
        let message = format!(
            "inactive: namespace names would conflict with those of the older Tenant {}; choose another name",
            quote(older)
        );
        return Some(vec![ready(false, "NameConflict", message)]);
    }
    let tenant = snapshot.tenant(name)?;
    let waiting =
        |namespace: &&str| snapshot.namespace(namespace).is_some_and(|known| !known.ready && !known.terminating);
    let (beyond, waiting): (Vec<&str>, Vec<&str>) =
        snapshot.namespaces_of(name).filter(waiting).partition(|namespace| snapshot.is_over_limit(namespace));
    let first = if tenant.is_observed() {
        let message = "`enforcement: Observe`: violations other than BH1xx and BH4xx are only warnings, and no baseline is applied";
        ready(true, "Observed", message.to_owned())
    } else if limits_exclude_proxy(&tenant.limits) {
        let message = "`spec.limits.max` is below the limits of the Istio proxy, cpu 2 and memory 1Gi, so no pod can run; raise it";
        ready(false, "LimitsTooSmall", message.to_owned())
    } else if !beyond.is_empty() {
        let message =
            format!("beyond `spec.namespaces.limit`, so these never become ready: {}", quote_all(&beyond));
        ready(false, "NamespacesOverLimit", message)
    } else if !waiting.is_empty() {
        ready(
            false,
            "NamespacesNotReady",
            format!("the baseline is not applied yet in: {}", explained(troubles, name, &waiting)),
        )
    } else if let Some(trouble) = behind(snapshot, troubles, name) {
        ready(
            false,
            "BaselineOutOfDate",
            format!("the controller could not write all of the current baseline: {trouble}"),
        )
    } else {
        ready(true, "Ready", "every namespace of the tenant is ready".to_owned())
    };

    let grants = unresolved(snapshot, tenant);
    let holds = grants.is_none();
    let (reason, message) = grants.unwrap_or(("Resolved", "every grant is in effect".to_owned()));
    Some(vec![first, Said { condition: GRANTS_RESOLVED, holds, reason, message }])
}

/// Returns the error that keeps ready namespaces, or the tenant's cluster-wide objects, from the current baseline.
fn behind(snapshot: &Snapshot, troubles: &Troubles, tenant: &str) -> Option<String> {
    let own = troubles.lasting(&Place::Tenant(tenant.to_owned()));
    own.or_else(|| {
        let mut namespaces = snapshot.namespaces_of(tenant);
        namespaces.find_map(|name| {
            Some(format!("{} ({})", quote(name), troubles.lasting(&Place::of_namespace(tenant, name))?))
        })
    })
}

/// Returns the namespaces, each with its last error.
fn explained(troubles: &Troubles, tenant: &str, namespaces: &[&str]) -> String {
    let said =
        namespaces.iter().map(|namespace| match troubles.of(&Place::of_namespace(tenant, namespace)) {
            Some(trouble) => format!("{} ({trouble})", quote(namespace)),
            None => quote(namespace),
        });
    said.collect::<Vec<_>>().join(", ")
}
