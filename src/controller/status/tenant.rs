use super::condition::ConditionUpdate;
use super::grants::unresolved_grants;
use crate::api::{GRANTS_RESOLVED, READY};
use crate::baseline::limits_exclude_proxy;
use crate::controller::baseline::{ReconcileErrors, Target};
use crate::keys::TENANT_LABEL;
use crate::policy::{quote, quote_all};
use crate::snapshot::Snapshot;

/// Returns the conditions of a Tenant; `None` while the snapshot does not have it.
pub(super) fn conditions(
    snapshot: &Snapshot,
    errors: &ReconcileErrors,
    name: &str,
) -> Option<Vec<ConditionUpdate>> {
    let ready = |is_true, reason, message| ConditionUpdate { condition: READY, is_true, reason, message };
    if let Some(older) = snapshot.conflicting_older_tenant(name) {
        let message = format!(
            "inactive: namespace names would conflict with those of the older Tenant {}; choose another name",
            quote(older)
        );
        return Some(vec![ready(false, "NameConflict", message)]);
    }
    let tenant = snapshot.tenant(name)?;
    let taken: Vec<&str> = snapshot.taken_names(name).collect();
    let waiting = |namespace: &&str| {
        snapshot.namespace(namespace).is_some_and(|known| !known.ready && !known.terminating)
    };
    let (over_limit, waiting): (Vec<&str>, Vec<&str>) =
        snapshot.namespaces_of(name).filter(waiting).partition(|namespace| snapshot.is_over_limit(namespace));
    let ready_condition = if !taken.is_empty() {
        let message = format!(
            "namespaces with names of this tenant exist and are not its own: {}. Delete them, or label them \
             `{TENANT_LABEL}={name}`; mesh certificates from before remain valid",
            quote_all(&taken)
        );
        ready(false, "NamespaceNameTaken", message)
    } else if tenant.is_observed() {
        let message = "`enforcement: Observe`: violations other than BH1xx and BH4xx are only warnings, and no baseline is applied";
        ready(true, "Observed", message.to_owned())
    } else if limits_exclude_proxy(&tenant.limits) {
        let message = "`spec.limits.max` is below the limits of the Istio proxy, cpu 2 and memory 1Gi, so no pod can run; raise it";
        ready(false, "LimitsTooSmall", message.to_owned())
    } else if !over_limit.is_empty() {
        let message = format!(
            "beyond `spec.namespaces.limit`, so these never become ready: {}",
            quote_all(&over_limit)
        );
        ready(false, "NamespacesOverLimit", message)
    } else if !waiting.is_empty() {
        ready(
            false,
            "NamespacesNotReady",
            format!("the baseline is not applied yet in: {}", names_with_errors(errors, name, &waiting)),
        )
    } else if let Some(error) = stale_baseline_error(snapshot, errors, name) {
        ready(
            false,
            "BaselineOutOfDate",
            format!("the controller could not write all of the current baseline: {error}"),
        )
    } else {
        ready(true, "Ready", "every namespace of the tenant is ready".to_owned())
    };

    let grants = unresolved_grants(snapshot, tenant);
    let is_true = grants.is_none();
    let (reason, message) = grants.unwrap_or(("Resolved", "every grant is in effect".to_owned()));
    Some(vec![ready_condition, ConditionUpdate { condition: GRANTS_RESOLVED, is_true, reason, message }])
}

/// Returns the error that keeps ready namespaces, or the tenant's cluster-wide objects, from the current baseline.
fn stale_baseline_error(snapshot: &Snapshot, errors: &ReconcileErrors, tenant: &str) -> Option<String> {
    let own = errors.persistent(&Target::Tenant(tenant.to_owned()));
    own.or_else(|| {
        let mut namespaces = snapshot.namespaces_of(tenant);
        namespaces.find_map(|name| {
            Some(format!("{} ({})", quote(name), errors.persistent(&Target::of_namespace(tenant, name))?))
        })
    })
}

/// Returns the namespaces, each with its last error.
fn names_with_errors(errors: &ReconcileErrors, tenant: &str, namespaces: &[&str]) -> String {
    let described =
        namespaces.iter().map(|namespace| match errors.get(&Target::of_namespace(tenant, namespace)) {
            Some(error) => format!("{} ({error})", quote(namespace)),
            None => quote(namespace),
        });
    described.collect::<Vec<_>>().join(", ")
}
