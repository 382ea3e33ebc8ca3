use super::super::namespace::binding;
use super::{Beyond, Body, Kind, Object};

/// The owners' right to create namespaces, which belong to the tenant from the first moment.
pub(super) const fn object<'w>() -> Object<Beyond<'w>> {
    Object {
        kind: Kind::ClusterRoleBinding,
        name: "bulkhead-tenant-",
        body: Body::Always(|beyond| binding(NAMESPACE_OWNER_ROLE, &beyond.tenant.owners)),
    }
}

/// What owners may do beyond their namespaces: create some.
pub const NAMESPACE_OWNER_ROLE: &str = "bulkhead-namespace-creator";
