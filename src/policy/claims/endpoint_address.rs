use super::Owner;
use super::cidr::Cidr;
use crate::policy::Request;
use crate::policy::object::{EndpointPort, Object};

/// Resolves an address of endpoints. The addresses of a tenant's own pods are not known here: Kubernetes' controllers
/// write them.
pub(super) fn resolve(request: &Request<'_>, address: &str) -> Owner {
    let Some(address) = Cidr::parse_address(address) else { return Owner::Malformed };
    let Object::Endpoints(endpoints) = request.object else { return Owner::Foreign };
    let grants = request.tenant_object().map(|tenant| &tenant.grants);
    let is_granted = |port: &EndpointPort<'_>| {
        port.protocol_and_number().is_some_and(|(protocol, number)| {
            let mut cidrs = grants.into_iter().flat_map(|grants| &grants.reach.cidrs);
            cidrs.any(|granted| {
                granted.protocol.name() == protocol
                    && granted.ports.contains(&number)
                    && address.is_within(&granted.cidr)
            })
        })
    };
    let mut ports = endpoints.ports().peekable();
    // Without a port, programs choose one.
    if ports.peek().is_some() && ports.all(is_granted) { Owner::Granted } else { Owner::Foreign }
}
