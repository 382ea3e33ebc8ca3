//! Cluster-scoped baseline objects of each tenant. Each object's name ends with the tenant's.

mod admin_network_policy;
mod calico_policy;
mod cilium_policy;
mod flow_schema;
mod namespace_creator;
mod site;
mod tenant_reader;
mod tenant_reader_role;

use super::{Body, Manifest, Object};
use crate::kinds::Kind;
use crate::settings::{AdminPolicyKind, Calico};
use crate::snapshot::{Snapshot, Tenant};
use site::TenantSite;

pub use namespace_creator::NAMESPACE_OWNER_ROLE;

const fn objects<'w>() -> [Object<TenantSite<'w>>; 9] {
    [
        admin_network_policy::admin(),
        admin_network_policy::cluster(),
        calico_policy::crd(),
        calico_policy::api_server(),
        cilium_policy::object(),
        flow_schema::object(),
        namespace_creator::object(),
        tenant_reader_role::object(),
        tenant_reader::object(),
    ]
}

/// Returns the cluster-scoped objects of `tenant`.
pub fn desired_for_tenant<'w>(
    snapshot: &'w Snapshot,
    tenant: &'w Tenant,
) -> impl Iterator<Item = Manifest> + use<'w> {
    objects().into_iter().flat_map(move |object| object.manifests(TenantSite { snapshot, tenant }))
}

/// Returns the tenant of the cluster-scoped object of this kind and name, if it is one of [`desired_for_tenant`].
pub fn tenant_of_cluster_object(kind: Kind, name: &str) -> Option<&str> {
    let mut of_kind = objects().into_iter().filter(|object| object.kind == kind);
    of_kind.find_map(|object| name.strip_prefix(object.name))
}
