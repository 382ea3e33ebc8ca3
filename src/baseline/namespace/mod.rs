//! Baseline objects of every namespace of a tenant.

mod access_log;
mod allow_callbacks;
mod allow_dns_and_api;
mod allow_granted;
mod allow_mesh;
mod allow_same_tenant;
mod allow_same_tenant_calls;
mod callback_authentication;
mod default_deny_all;
mod default_service_account;
mod deny_cross_tenant;
mod deny_cross_tenant_waypoint;
mod external_address;
mod external_host;
mod peer_authentication;
mod sidecar;
mod site;
mod tenant_limits;
mod tenant_owners;
mod tenant_quota;

use super::{Body, Manifest, NAME_PREFIX, Object, network};
use crate::kinds::Kind;
use crate::snapshot::{Snapshot, Tenant};
use site::NamespaceSite;

pub use default_service_account::NAME as DEFAULT_SERVICE_ACCOUNT;
pub use sidecar::{known_hosts, known_services};
pub(super) use tenant_owners::role_binding_body;
pub use tenant_owners::{TENANT_ROLE, TENANT_RULES_ROLE};
pub use tenant_quota::NAME as QUOTA_NAME;

/// Apply order: deny policies first. The ResourceQuota comes late, because Kubernetes rejects creates of what it counts
/// until the quota controller has computed usage. The owners get their permissions last: before the quota, they could
/// create what it forbids, such as a Service with a node port.
const fn objects<'w>() -> [Object<NamespaceSite<'w>>; 19] {
    [
        default_deny_all::object(),
        deny_cross_tenant::object(),
        deny_cross_tenant_waypoint::object(),
        peer_authentication::object(),
        default_service_account::object(),
        tenant_limits::object(),
        access_log::object(),
        external_host::object(),
        external_address::object(),
        sidecar::object(),
        allow_dns_and_api::object(),
        allow_mesh::object(),
        allow_same_tenant::object(),
        allow_same_tenant_calls::object(),
        allow_granted::object(),
        allow_callbacks::object(),
        callback_authentication::object(),
        tenant_quota::object(),
        tenant_owners::object(),
    ]
}

/// Returns all objects of one namespace of `tenant`.
pub fn desired_for_namespace<'w>(
    snapshot: &'w Snapshot,
    tenant: &'w Tenant,
    namespace: &'w str,
) -> impl Iterator<Item = Manifest> + use<'w> {
    let site = NamespaceSite { snapshot, tenant, namespace };
    objects().into_iter().flat_map(move |object| object.manifests(site))
}

/// Returns the object of this kind and name; `None` if the baseline has none.
pub fn desired_object(
    snapshot: &Snapshot,
    tenant: &Tenant,
    namespace: &str,
    kind: Kind,
    name: &str,
) -> Option<Manifest> {
    let site = NamespaceSite { snapshot, tenant, namespace };
    let of_kind = objects().into_iter().filter(|object| object.kind == kind);
    of_kind.flat_map(|object| object.manifests(site)).find(|manifest| manifest.name == name)
}

/// True if the baseline reserves this kind and name in a tenant's namespace.
pub fn is_baseline_name(kind: Kind, name: &str) -> bool {
    let mut of_kind = objects().into_iter().filter(|object| object.kind == kind).peekable();
    (of_kind.peek().is_some() && name.starts_with(NAME_PREFIX))
        || of_kind.any(|object| object.has_fixed_name() && object.name == name)
}

/// Returns all fixed names.
pub fn namespace_object_names() -> impl Iterator<Item = &'static str> {
    objects().into_iter().filter(Object::has_fixed_name).map(|object| object.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_get_their_permissions_last() {
        assert_eq!(objects().last().map(|object| object.kind), Some(Kind::RoleBinding));
    }
}
