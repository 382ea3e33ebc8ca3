use super::Owner;
use crate::policy::Request;
use crate::policy::object::MESH;

/// Resolves a gateway as a VirtualService names it: `mesh`, `NAME`, `NAMESPACE/NAME`, or `NAME.NAMESPACE` with any end.
pub(super) fn resolve(request: &Request<'_>, gateway: &str) -> Owner {
    let legacy = || {
        let (name, rest) = gateway.split_once('.')?;
        Some((rest.split('.').next()?, name))
    };
    let (namespace, name) = match gateway.split_once('/') {
        _ if gateway == MESH => return Owner::Own,
        Some((".", _)) => return Owner::Own,
        Some(parts) => parts,
        None => match legacy() {
            Some(parts) => parts,
            None => return Owner::Own,
        },
    };
    if request.owns(namespace) { Owner::Own } else { resolve_name(request, namespace, name) }
}

/// Resolves a gateway outside the tenant.
pub(super) fn resolve_name(request: &Request<'_>, namespace: &str, name: &str) -> Owner {
    let Some(tenant) = request.tenant_object() else { return Owner::Foreign };
    let mut granted = request.snapshot.gateways(tenant).filter_map(|granted| granted.name.split_once('/'));
    if granted.any(|granted| granted == (namespace, name)) { Owner::Granted } else { Owner::Foreign }
}
