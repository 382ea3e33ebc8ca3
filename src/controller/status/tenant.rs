use super::grants::unresolved;
use super::said::Said;
use crate::api::{GRANTS_RESOLVED, READY};
use crate::baseline::refuses_the_proxy;
use crate::controller::places::Place;
use crate::controller::troubles::Troubles;
use crate::policy::{quote, quote_all};
use crate::world::World;

/// What became of a tenant; `None` as long as the world does not know it.
pub(super) fn said(world: &World, troubles: &Troubles, name: &str) -> Option<Vec<Said>> {
    let ready = |holds, reason, message| Said { condition: READY, holds, reason, message };
    if let Some(older) = world.overlapped_by(name) {
        let message = format!(
            "it does not count: its namespaces and those of tenant {older}, which is older, could bear the same names"
        );
        return Some(vec![ready(false, "NameOverlaps", message)]);
    }
    let tenant = world.tenant(name)?;
    let waiting =
        |namespace: &&str| world.namespace(namespace).is_some_and(|known| !known.ready && !known.terminating);
    let (beyond, waiting): (Vec<&str>, Vec<&str>) =
        world.namespaces_of(name).filter(waiting).partition(|namespace| world.is_over_limit(namespace));
    let first = if tenant.is_observed() {
        let message =
            "observed: what rules are against is admitted with a warning, and no baseline is put up";
        ready(true, "Observed", message.to_owned())
    } else if refuses_the_proxy(&tenant.limits) {
        let message = "`spec.limits.max` refuses the mesh's own proxy, cpu 2 and memory 1Gi: no pod can run";
        ready(false, "LimitsTooSmall", message.to_owned())
    } else if !beyond.is_empty() {
        let message = format!("beyond `spec.namespaces.limit`, and never made ready: {}", quote_all(&beyond));
        ready(false, "NamespacesOverLimit", message)
    } else if !waiting.is_empty() {
        ready(
            false,
            "NamespacesNotReady",
            format!("the baseline does not stand yet in: {}", explained(troubles, name, &waiting)),
        )
    } else if let Some(trouble) = behind(world, troubles, name) {
        ready(false, "BaselineBehind", format!("what is wanted now could not all be written: {trouble}"))
    } else {
        ready(true, "InForce", "every namespace it has is ready".to_owned())
    };

    let grants = unresolved(world, tenant);
    let holds = grants.is_none();
    let (reason, message) = grants.unwrap_or(("Resolved", "everything it was granted is there".to_owned()));
    Some(vec![first, Said { condition: GRANTS_RESOLVED, holds, reason, message }])
}

/// What keeps the baseline from being brought up to date where it has stood, or beyond the namespaces.
fn behind(world: &World, troubles: &Troubles, tenant: &str) -> Option<String> {
    let own = troubles.lasting(&Place::Tenant(tenant.to_owned()));
    own.or_else(|| {
        let mut namespaces = world.namespaces_of(tenant);
        namespaces.find_map(|name| {
            Some(format!("{} ({})", quote(name), troubles.lasting(&Place::of_namespace(tenant, name))?))
        })
    })
}

/// What keeps the baseline from standing in these namespaces.
fn explained(troubles: &Troubles, tenant: &str, namespaces: &[&str]) -> String {
    let said =
        namespaces.iter().map(|namespace| match troubles.of(&Place::of_namespace(tenant, namespace)) {
            Some(trouble) => format!("{} ({trouble})", quote(namespace)),
            None => quote(namespace),
        });
    said.collect::<Vec<_>>().join(", ")
}
