use super::super::manifest::{Body, Site};
use super::super::namespace::binding;
use super::tenant_reader_role::READER;
use super::{Beyond, Kind, Object};

/// Binds the owners to the role that reads the Tenant.
pub(super) const fn object<'w>() -> Object<Beyond<'w>> {
    Object {
        kind: Kind::ClusterRoleBinding,
        name: READER,
        body: Body::Always(|beyond| binding(&beyond.name(READER), &beyond.tenant.owners)),
    }
}
