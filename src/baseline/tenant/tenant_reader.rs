use super::super::manifest::{Body, Site};
use super::super::namespace::role_binding_body;
use super::tenant_reader_role::READER_PREFIX;
use super::{Object, TenantSite};
use crate::kinds::Kind;

/// Binds the owners to the role that reads the Tenant.
pub(super) const fn object<'w>() -> Object<TenantSite<'w>> {
    Object {
        kind: Kind::ClusterRoleBinding,
        name: READER_PREFIX,
        body: Body::Always(|site| role_binding_body(&site.name(READER_PREFIX), &site.tenant.owners)),
    }
}
