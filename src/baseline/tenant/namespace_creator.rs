use super::super::namespace::binding;
use super::{Beyond, Body, Kind, Object};

/// Lets the owners create namespaces, which belong to the tenant from the first moment.
pub(super) const fn object<'w>() -> Object<Beyond<'w>> {
    Object {
        kind: Kind::ClusterRoleBinding,
        name: "bulkhead-tenant-",
        body: Body::Always(|beyond| binding(NAMESPACE_OWNER_ROLE, &beyond.tenant.owners)),
    }
}

/// ClusterRole of owners outside their namespaces: it only allows them to create namespaces.
pub const NAMESPACE_OWNER_ROLE: &str = "bulkhead-namespace-creator";
