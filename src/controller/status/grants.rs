//! The cases in which a grant of a Tenant has no effect.

use super::inputs::StatusInputs;
use crate::api::Cidr;
use crate::policy::quote_all;
use crate::snapshot::Tenant;

pub(super) fn shared_service_not_found(tenant: &Tenant, inputs: &StatusInputs<'_>) -> Option<String> {
    let granted = tenant.grants.reach.shared_services.iter().map(String::as_str);
    names_without_effect(
        "`spec.grants.reach.sharedServices` names SharedServices that do not exist",
        granted.filter(|name| inputs.snapshot.shared_service(name).is_none()),
    )
}

pub(super) fn gateway_not_found(tenant: &Tenant, inputs: &StatusInputs<'_>) -> Option<String> {
    let granted = tenant.grants.serve.gateways.iter().map(String::as_str);
    names_without_effect(
        "`spec.grants.serve.gateways` names gateways that are not in `gateways` of the settings",
        granted.filter(|name| inputs.snapshot.settings.gateway(name).is_none()),
    )
}

pub(super) fn caller_not_found(tenant: &Tenant, inputs: &StatusInputs<'_>) -> Option<String> {
    let granted = tenant.grants.callers.iter().map(|caller| caller.namespace.as_str());
    names_without_effect(
        "`spec.grants.callers` names namespaces that do not exist",
        granted.filter(|name| inputs.snapshot.namespace(name).is_none()),
    )
}

pub(super) fn gateway_pods_not_found(tenant: &Tenant, inputs: &StatusInputs<'_>) -> Option<String> {
    let granted = tenant.grants.gateway_pods.iter().map(|pods| pods.namespace.as_str());
    let is_own = |name: &&str| {
        let namespace = inputs.snapshot.namespace(name);
        namespace.and_then(|namespace| namespace.tenant.as_ref()) == Some(&tenant.name)
    };
    names_without_effect(
        "`spec.grants.gatewayPods` names namespaces that the tenant does not have",
        granted.filter(|name| !is_own(name)),
    )
}

pub(super) fn not_served(tenant: &Tenant, inputs: &StatusInputs<'_>) -> Option<String> {
    let granted = tenant.grants.reach.shared_services.iter();
    let existing = granted.filter_map(|name| inputs.snapshot.shared_service(name));
    names_without_effect(
        "`spec.tenants` of these SharedServices leaves out this tenant",
        existing.filter(|service| !service.serves(&tenant.name)).map(|service| service.name.as_str()),
    )
}

pub(super) fn host_taken(tenant: &Tenant, inputs: &StatusInputs<'_>) -> Option<String> {
    names_without_effect(
        "`spec.grants.serve.hosts` names hosts that an older Tenant may serve",
        inputs.snapshot.hosts_of_older_tenants(tenant),
    )
}

pub(super) fn egress_unreachable(tenant: &Tenant, inputs: &StatusInputs<'_>) -> Option<String> {
    let reach = &tenant.grants.reach;
    let is_allowed =
        inputs.snapshot.settings.egress_gateway.is_some() || reach.cidrs.iter().any(Cidr::is_tcp);
    (!is_allowed && !reach.hosts.is_empty()).then(|| {
        "no network policy allows traffic to `spec.grants.reach.hosts`: set `egressGateway` in the settings, or grant \
         the hosts' addresses in `cidrs`"
            .to_owned()
    })
}

/// Returns a message about the names, if there are any.
fn names_without_effect<'n>(problem: &str, names: impl Iterator<Item = &'n str>) -> Option<String> {
    let names: Vec<&str> = names.collect();
    (!names.is_empty()).then(|| format!("{problem}: {}", quote_all(&names)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::status::testing::{Scenario, TENANT, expect_cases};

    #[test]
    fn cases_of_grants_resolved_of_a_tenant_apply() {
        let fine = || Scenario::new(TENANT);
        let replacing = |old, new| fine().replacing(old, new);
        let tenant = |name, spec: &str| {
            format!(
                "{{ apiVersion: bulkhead.dev/v1alpha1, kind: Tenant, metadata: {{ name: {name} }}, spec: {spec} }}"
            )
        };
        let older = tenant("north", "{}");
        let with_host = tenant("able", "{ grants: { serve: { hosts: ['*.example.com'] } } }");
        let cidrs = "cidrs: [{ cidr: 203.0.113.0/24, ports: [443] }]";
        let examples = [
            ("NameConflict", vec![(fine().with(&older), "`north`")]),
            ("NotFound", vec![(replacing("[logs]", "[logs, traces]"), "sharedServices` names")]),
            ("NotFound", vec![(replacing("[edge/public]", "[edge/public, edge/old]"), "`edge/old`")]),
            ("NotFound", vec![(replacing("namespace: ops", "namespace: dev"), "`dev`")]),
            (
                "NotFound",
                vec![(replacing("namespace: tenant-north-eu", "namespace: ops"), "gatewayPods` names")],
            ),
            ("NotServed", vec![(replacing("names: [north-eu]", "names: [north-us]"), "`logs`")]),
            ("HostTaken", vec![(fine().with(&with_host), "`www.example.com`")]),
            ("EgressUnreachable", vec![(replacing(cidrs, "cidrs: []"), "`egressGateway`")]),
        ];
        expect_cases::<Tenant>("GrantsResolved", &fine(), &examples);
    }

    #[test]
    fn egress_gateway_reaches_hosts_without_addresses() {
        let egress =
            "egressGateway: { namespace: istio-egress, service: egress, selector: { istio: egress } }";
        let cidrs = "cidrs: [{ cidr: 203.0.113.0/24, ports: [443] }]";
        let scenario = Scenario::new(TENANT).replacing(cidrs, "cidrs: []");
        let scenario = scenario.replacing("kind: Settings", &format!("kind: Settings\n{egress}"));
        scenario.run(|tenant, inputs| assert_eq!(egress_unreachable(tenant, inputs), None));
    }
}
