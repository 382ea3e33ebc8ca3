use std::net::IpAddr;

use super::cidr::Cidr;
use super::{Owner, host};
use crate::policy::Request;

/// Resolves an address of a ServiceEntry: an IP address, a range, or a host.
pub(super) fn resolve(request: &Request<'_>, address: &str) -> Owner {
    let range = match address.parse::<IpAddr>() {
        Ok(address) => Cidr::of(address),
        Err(_) if address.contains('/') => Cidr::parse(address),
        Err(_) => return host::resolve(request, address),
    };
    let Some(range) = range else { return Owner::Malformed };
    let granted = request.tenant_object().map(|tenant| &tenant.grants.reach.cidrs);
    let is_granted =
        granted.into_iter().flatten().any(|granted| granted.is_tcp() && range.is_within(&granted.cidr));
    if is_granted { Owner::Granted } else { Owner::Foreign }
}
