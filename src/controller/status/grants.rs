//! Whether what a tenant was granted is there.

use crate::policy::quote_all;
use crate::world::{Tenant, World};

/// In one word, and for people, what of a tenant's grants comes to nothing; `None` if all of it holds.
pub(super) fn unresolved(world: &World, tenant: &Tenant) -> Option<(&'static str, String)> {
    let reach = &tenant.grants.reach;
    let services = || reach.shared_services.iter().map(String::as_str);
    let unknown: Vec<&str> = services().filter(|name| world.shared_service(name).is_none()).collect();
    if !unknown.is_empty() {
        let names = quote_all(&unknown);
        return Some((
            "NotFound",
            format!("`spec.grants.reach.sharedServices` names what is not there: {names}"),
        ));
    }
    let serves = |name: &&str| world.shared_service(name).is_none_or(|service| service.serves(&tenant.name));
    let unserved: Vec<&str> = services().filter(|name| !serves(name)).collect();
    if !unserved.is_empty() {
        let names = quote_all(&unserved);
        return Some(("NotServed", format!("not for this tenant, as their `spec.tenants` say: {names}")));
    }
    let gateways = tenant.grants.serve.gateways.iter().map(String::as_str);
    let unknown: Vec<&str> = gateways.filter(|name| world.settings.gateway(name).is_none()).collect();
    if !unknown.is_empty() {
        let names = quote_all(&unknown);
        return Some((
            "NotFound",
            format!("`spec.grants.serve.gateways` names what is not in `gateways` of the settings: {names}"),
        ));
    }
    let has_no_way = world.settings.egress_gateway.is_none() && reach.cidrs.is_empty();
    (has_no_way && !reach.hosts.is_empty()).then(|| {
        let way = "set `egressGateway` in the settings, or grant `cidrs` with the hosts";
        ("EgressUnreachable", format!("no network policy lets `spec.grants.reach.hosts` be reached: {way}"))
    })
}
