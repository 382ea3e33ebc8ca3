use super::super::namespace::role_binding_body;
use super::{Body, Object, TenantSite};
use crate::kinds::Kind;

/// Lets the owners create namespaces, which belong to the tenant from the first moment.
pub(super) const fn object<'w>() -> Object<TenantSite<'w>> {
    Object {
        kind: Kind::ClusterRoleBinding,
        name: "bulkhead-tenant-",
        body: Body::Always(|site| role_binding_body(NAMESPACE_OWNER_ROLE, &site.tenant.owners)),
    }
}

/// ClusterRole of owners outside their namespaces: it only allows them to create namespaces.
pub const NAMESPACE_OWNER_ROLE: &str = "bulkhead-namespace-creator";
