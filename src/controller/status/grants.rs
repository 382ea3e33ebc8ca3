//! Checks that a tenant's grants name existing objects.

use crate::policy::quote_all;
use crate::snapshot::{Snapshot, Tenant};

/// Returns the reason and the message for the first grant that has no effect; `None` if all grants have one.
pub(super) fn unresolved_grants(snapshot: &Snapshot, tenant: &Tenant) -> Option<(&'static str, String)> {
    let reach = &tenant.grants.reach;
    let services = || reach.shared_services.iter().map(String::as_str);
    let unknown: Vec<&str> = services().filter(|name| snapshot.shared_service(name).is_none()).collect();
    if !unknown.is_empty() {
        let names = quote_all(&unknown);
        return Some((
            "NotFound",
            format!("`spec.grants.reach.sharedServices` names SharedServices that do not exist: {names}"),
        ));
    }
    let is_served =
        |name: &&str| snapshot.shared_service(name).is_none_or(|service| service.serves(&tenant.name));
    let not_served: Vec<&str> = services().filter(|name| !is_served(name)).collect();
    if !not_served.is_empty() {
        let names = quote_all(&not_served);
        return Some((
            "NotServed",
            format!("`spec.tenants` of these SharedServices leaves out this tenant: {names}"),
        ));
    }
    let gateways = tenant.grants.serve.gateways.iter().map(String::as_str);
    let unknown: Vec<&str> = gateways.filter(|name| snapshot.settings.gateway(name).is_none()).collect();
    if !unknown.is_empty() {
        let names = quote_all(&unknown);
        return Some((
            "NotFound",
            format!(
                "`spec.grants.serve.gateways` names gateways that are not in `gateways` of the settings: {names}"
            ),
        ));
    }
    let taken: Vec<&str> = snapshot.hosts_of_older_tenants(tenant).collect();
    if !taken.is_empty() {
        let names = quote_all(&taken);
        return Some((
            "HostTaken",
            format!("`spec.grants.serve.hosts` names hosts that an older Tenant may serve: {names}"),
        ));
    }
    let callers = tenant.grants.callers.iter().map(|caller| caller.namespace.as_str());
    let missing: Vec<&str> = callers.filter(|name| snapshot.namespace(name).is_none()).collect();
    if !missing.is_empty() {
        let names = quote_all(&missing);
        return Some((
            "NotFound",
            format!("`spec.grants.callers` names namespaces that do not exist: {names}"),
        ));
    }
    let gateway_pods = tenant.grants.gateway_pods.iter().map(|pods| pods.namespace.as_str());
    let is_own = |name: &&str| {
        let namespace = snapshot.namespace(name);
        namespace.and_then(|namespace| namespace.tenant.as_deref()) == Some(&*tenant.name)
    };
    let foreign: Vec<&str> = gateway_pods.filter(|name| !is_own(name)).collect();
    if !foreign.is_empty() {
        let names = quote_all(&foreign);
        return Some((
            "NotFound",
            format!("`spec.grants.gatewayPods` names namespaces that the tenant does not have: {names}"),
        ));
    }
    let has_no_egress = snapshot.settings.egress_gateway.is_none() && reach.cidrs.is_empty();
    (has_no_egress && !reach.hosts.is_empty()).then(|| {
        let fix = "set `egressGateway` in the settings, or grant the hosts' addresses in `cidrs`";
        ("EgressUnreachable", format!("no network policy allows traffic to `spec.grants.reach.hosts`: {fix}"))
    })
}
