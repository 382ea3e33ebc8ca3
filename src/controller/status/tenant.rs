//! The conditions of a Tenant. Those about its grants are in `grants`.

use kube::core::DeserializeGuard;
use serde_json::{Map, Value, json};

use super::condition::{ConditionType, false_because, true_because};
use super::grants;
use super::inputs::StatusInputs;
use super::object::StatusObject;
use crate::api;
use crate::baseline::{TooSmall, too_small_for_proxy};
use crate::controller::baseline::Target;
use crate::keys::TENANT_LABEL;
use crate::policy::{quote, quote_all};
use crate::snapshot::{Snapshot, Tenant};
use crate::sources::watch::read_tenant;
use crate::sources::waypoint::Programmed;

impl StatusObject for Tenant {
    type Resource = api::Tenant;

    const CONDITIONS: &'static [ConditionType<Self>] = &[
        ConditionType {
            name: api::READY,
            cases: &[
                false_because("NameConflict", name_conflict),
                false_because("NamespaceNameTaken", namespace_name_taken),
                true_because("Observed", observed),
                false_because("LimitsTooSmall", limits_too_small),
                false_because("NamespacesOverLimit", namespaces_over_limit),
                false_because("NamespacesNotReady", namespaces_not_ready),
                false_because("BaselineOutOfDate", baseline_out_of_date),
            ],
            otherwise: ("Ready", |_| "every namespace of the tenant is ready".to_owned()),
        },
        ConditionType {
            name: api::GRANTS_RESOLVED,
            cases: &[
                false_because("NameConflict", name_conflict),
                false_because("NotFound", grants::shared_service_not_found),
                false_because("NotFound", grants::gateway_not_found),
                false_because("NotFound", grants::caller_not_found),
                false_because("NotFound", grants::gateway_pods_not_found),
                false_because("NotServed", grants::not_served),
                false_because("HostTaken", grants::host_taken),
                false_because("EgressUnreachable", grants::egress_unreachable),
            ],
            otherwise: ("Resolved", |_| "every grant is in effect".to_owned()),
        },
        ConditionType {
            name: api::WAYPOINTS_READY,
            cases: &[
                false_because("NoPolicy", waypoints_without_policy),
                false_because("NotProgrammed", waypoints_not_programmed),
                false_because("NotBound", services_not_bound),
            ],
            otherwise: ("Ready", |_| "every waypoint in the tenant's namespaces is programmed".to_owned()),
        },
    ];

    fn read(resource: DeserializeGuard<Self::Resource>) -> Result<Self, String> {
        read_tenant(resource).1
    }

    fn is_in(&self, snapshot: &Snapshot) -> bool {
        match snapshot.tenant(&self.name) {
            Some(known) => known == self,
            // Of an inactive Tenant, the snapshot has only the name.
            None => snapshot.conflicting_older_tenant(&self.name).is_some(),
        }
    }

    /// A `null` removes the audit of a tenant that is no longer observed.
    fn further_fields(name: &str, inputs: &StatusInputs<'_>) -> Map<String, Value> {
        let namespaces = inputs.snapshot.namespaces_of(name).count();
        let fields = [("namespaces", json!(namespaces)), ("audit", json!(inputs.audits.get(name)))];
        fields.into_iter().map(|(field, value)| (field.to_owned(), value)).collect()
    }
}

fn name_conflict(tenant: &Tenant, inputs: &StatusInputs<'_>) -> Option<String> {
    let older = inputs.snapshot.conflicting_older_tenant(&tenant.name)?;
    Some(format!(
        "inactive: namespace names would conflict with those of the older Tenant {}; choose another name",
        quote(older)
    ))
}

fn namespace_name_taken(tenant: &Tenant, inputs: &StatusInputs<'_>) -> Option<String> {
    let taken: Vec<&str> = inputs.snapshot.taken_names(&tenant.name).collect();
    (!taken.is_empty()).then(|| {
        format!(
            "namespaces with names of this tenant exist and are not its own: {}. Delete them, or label them \
             `{TENANT_LABEL}={}`; mesh certificates from before remain valid",
            quote_all(&taken),
            tenant.name
        )
    })
}

fn observed(tenant: &Tenant, _: &StatusInputs<'_>) -> Option<String> {
    tenant.is_observed().then(|| {
        "`enforcement: Observe`: violations other than BH1xx and BH4xx are only warnings, and no baseline is applied"
            .to_owned()
    })
}

fn limits_too_small(tenant: &Tenant, inputs: &StatusInputs<'_>) -> Option<String> {
    let TooSmall { field, allowed, container, needed } = too_small_for_proxy(tenant, inputs.snapshot)?;
    Some(match needed {
        Some(needed) => format!(
            "`{field}` is {allowed}, and the container `{container}`, which Istio adds to each pod, needs {needed}, so no \
             pod can run; raise it"
        ),
        None => format!(
            "`{field}` demands a value that the container `{container}`, which Istio adds to each pod, does not set, so no \
             pod can run; remove it"
        ),
    })
}

fn namespaces_over_limit(tenant: &Tenant, inputs: &StatusInputs<'_>) -> Option<String> {
    let over_limit: Vec<&str> = unready_namespaces(tenant, inputs.snapshot)
        .filter(|namespace| inputs.snapshot.is_over_limit(namespace))
        .collect();
    (!over_limit.is_empty()).then(|| {
        format!("beyond `spec.namespaces.limit`, so these never become ready: {}", quote_all(&over_limit))
    })
}

fn namespaces_not_ready(tenant: &Tenant, inputs: &StatusInputs<'_>) -> Option<String> {
    let described = unready_namespaces(tenant, inputs.snapshot).map(|namespace| {
        match inputs.error(&Target::of_namespace(&tenant.name, namespace)) {
            Some(error) => format!("{} ({error})", quote(namespace)),
            None => quote(namespace),
        }
    });
    let described: Vec<String> = described.collect();
    (!described.is_empty()).then(|| format!("the baseline is not applied yet in: {}", described.join(", ")))
}

/// Finds an error that keeps the tenant's cluster-wide objects, or ready namespaces, from the current baseline.
fn baseline_out_of_date(tenant: &Tenant, inputs: &StatusInputs<'_>) -> Option<String> {
    let own = inputs.persistent_error(&Target::Tenant(tenant.name.clone())).map(str::to_owned);
    let error = own.or_else(|| {
        inputs.snapshot.namespaces_of(&tenant.name).find_map(|namespace| {
            let error = inputs.persistent_error(&Target::of_namespace(&tenant.name, namespace))?;
            Some(format!("{} ({error})", quote(namespace)))
        })
    })?;
    Some(format!("the controller could not write all of the current baseline: {error}"))
}

fn waypoints_without_policy(tenant: &Tenant, inputs: &StatusInputs<'_>) -> Option<String> {
    let unlisted = waypoints(tenant, inputs)
        .filter(|(_, name, _)| !inputs.snapshot.settings.lists_waypoint(name))
        .map(|(namespace, name, _)| format!("{namespace}/{name}"));
    let unlisted: Vec<String> = unlisted.collect();
    (!unlisted.is_empty() && !tenant.is_observed()).then(|| {
        format!(
            "other tenants call through these waypoints, which have no policy of the baseline: {}. List their names in \
             `mesh.waypoints` of the settings, or delete them",
            quote_all(&unlisted)
        )
    })
}

fn waypoints_not_programmed(tenant: &Tenant, inputs: &StatusInputs<'_>) -> Option<String> {
    let unprogrammed = with_reasons(waypoints(tenant, inputs))?;
    Some(format!(
        "calls go past these waypoints, and no policy of theirs holds, until they are programmed: {unprogrammed}"
    ))
}

fn services_not_bound(tenant: &Tenant, inputs: &StatusInputs<'_>) -> Option<String> {
    let services = inputs.snapshot.namespaces_of(&tenant.name).flat_map(|namespace| {
        let services = inputs.waypoints.services_in(namespace);
        services.map(move |(name, service)| (namespace, name, &service.bound))
    });
    let unbound = with_reasons(services)?;
    Some(format!("calls to these Services go past the waypoint that they name: {unbound}"))
}

/// Returns the waypoints in the tenant's namespaces: namespace, name and state of each.
fn waypoints<'i>(
    tenant: &Tenant,
    inputs: &'i StatusInputs<'_>,
) -> impl Iterator<Item = (&'i str, &'i str, &'i Programmed)> {
    inputs.snapshot.namespaces_of(&tenant.name).flat_map(|namespace| {
        let waypoints = inputs.waypoints.waypoints_in(namespace);
        waypoints.map(move |(name, state)| (namespace, name, state))
    })
}

/// Lists the objects past which calls go, each with the reason; `None` if there is none.
fn with_reasons<'i>(objects: impl Iterator<Item = (&'i str, &'i str, &'i Programmed)>) -> Option<String> {
    let reasons = objects.filter_map(|(namespace, name, state)| {
        let reason = state.as_ref().err()?;
        Some(format!("{} ({reason})", quote(&format!("{namespace}/{name}"))))
    });
    let reasons: Vec<String> = reasons.collect();
    (!reasons.is_empty()).then(|| reasons.join(", "))
}

fn unready_namespaces<'s>(tenant: &Tenant, snapshot: &'s Snapshot) -> impl Iterator<Item = &'s str> {
    let is_unready = |name: &&str| {
        snapshot.namespace(name).is_some_and(|namespace| !namespace.ready && !namespace.terminating)
    };
    snapshot.namespaces_of(&tenant.name).filter(is_unready)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::status::testing::{Scenario, TENANT, expect_cases};

    /// A namespace of that tenant whose baseline is not applied.
    const UNREADY: &str = "
    apiVersion: v1
    kind: Namespace
    metadata: { name: tenant-north-eu-new, labels: { bulkhead.dev/tenant: north-eu } }
    status: {}
    ";

    #[test]
    fn cases_of_ready_of_a_tenant_apply() {
        let own = || Target::Tenant("north-eu".to_owned());
        let namespace = |name| Target::of_namespace("north-eu", name);
        let fine = || Scenario::new(TENANT).with_error(own(), "a conflict", false);
        let unready = || fine().with(UNREADY).replacing("limit: 2", "limit: 3");
        let older =
            "{ apiVersion: bulkhead.dev/v1alpha1, kind: Tenant, metadata: { name: north }, spec: {} }";
        let taken = "{ apiVersion: v1, kind: Namespace, metadata: { name: tenant-north-eu-old } }";
        let set = |spec: &str| fine().replacing("spec:", &format!("spec:\n  {spec}"));
        let examples = [
            ("NameConflict", vec![(fine().with(older), "`north`")]),
            ("NamespaceNameTaken", vec![(fine().with(taken), "`tenant-north-eu-old`")]),
            ("Observed", vec![(set("enforcement: Observe"), "`enforcement: Observe`")]),
            (
                "LimitsTooSmall",
                vec![
                    (set("limits: { max: { memory: 512Mi } }"), "`spec.limits.max.memory` is 512Mi"),
                    (set("limits: { max: { ephemeral-storage: 1Gi } }"), "does not set"),
                    (set("namespaceQuota: { limits.cpu: '1' }"), "`spec.namespaceQuota[limits.cpu]` is 1"),
                ],
            ),
            ("NamespacesOverLimit", vec![(fine().with(UNREADY), "`tenant-north-eu-new`")]),
            (
                "NamespacesNotReady",
                vec![
                    (unready(), "`tenant-north-eu-new`"),
                    (
                        unready().with_error(namespace("tenant-north-eu-new"), "no quota", false),
                        "`tenant-north-eu-new` (no quota)",
                    ),
                ],
            ),
            (
                "BaselineOutOfDate",
                vec![
                    (fine().with_error(own(), "no kind", true), "no kind"),
                    (
                        fine().with_error(namespace("tenant-north-eu"), "no quota", true),
                        "`tenant-north-eu` (no quota)",
                    ),
                ],
            ),
        ];
        expect_cases::<Tenant>("Ready", &fine(), &examples);
    }

    #[test]
    fn cases_of_waypoints_ready_of_a_tenant_apply() {
        let waypoint = |name: &str, status: &str| {
            format!(
                "
    apiVersion: gateway.networking.k8s.io/v1
    kind: Gateway
    metadata: {{ name: {name}, namespace: tenant-north-eu }}
    spec: {{ gatewayClassName: own, listeners: [{{ name: mesh, port: 15008, protocol: HBONE }}] }}
    status:
      conditions:
        - {{ type: Programmed, status: '{status}', reason: a, message: no pod, lastTransitionTime: '2026-06-01T12:00:00Z' }}
    "
            )
        };
        let ingress = waypoint("edge", "False").replace("protocol: HBONE", "protocol: HTTP");
        let service = "{ apiVersion: v1, kind: Service, metadata: { name: web, namespace: tenant-north-eu, labels: { \
                       istio.io/use-waypoint: waypoint } }, spec: { ports: [{ port: 80 }] } }";
        let with = |objects: &[&str]| {
            objects.iter().fold(Scenario::new(TENANT), |scenario, object| scenario.with_object(object))
        };
        let fine = with(&[&waypoint("waypoint", "True"), &ingress]);
        let examples = [
            ("NoPolicy", vec![(with(&[&waypoint("other", "True")]), "`tenant-north-eu/other`")]),
            (
                "NotProgrammed",
                vec![(with(&[&waypoint("waypoint", "False")]), "`tenant-north-eu/waypoint` (no pod)")],
            ),
            ("NotBound", vec![(with(&[service]), "`tenant-north-eu/web` (istiod has not set")]),
        ];
        expect_cases::<Tenant>("WaypointsReady", &fine, &examples);
    }
}
