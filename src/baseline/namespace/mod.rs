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
mod tenant_limits;
mod tenant_owners;
mod tenant_quota;

use std::collections::BTreeSet;

use super::{Body, Kind, Manifest, Object, PREFIX, Site, peers};
use crate::settings::Settings;
use crate::world::{Tenant, World};

pub use default_service_account::NAME as DEFAULT_ACCOUNT;
pub use sidecar::known_hosts;
pub use tenant_limits::refuses_the_proxy;
pub use tenant_owners::TENANT_ROLE;
pub(super) use tenant_owners::binding;
pub use tenant_quota::NAME as QUOTA;

/// A tenant's namespace, and the snapshot from which its objects are computed.
#[derive(Clone, Copy, Debug)]
struct Place<'w> {
    world: &'w World,
    tenant: &'w Tenant,
    namespace: &'w str,
}

/// Apply order: deny policies first, ResourceQuota last, because Kubernetes rejects creates until the quota
/// controller has computed usage.
const fn objects<'w>() -> [Object<Place<'w>>; 19] {
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
        tenant_owners::object(),
        tenant_quota::object(),
    ]
}

/// Returns all objects of one namespace of `tenant`.
pub fn desired<'w>(
    world: &'w World,
    tenant: &'w Tenant,
    namespace: &'w str,
) -> impl Iterator<Item = Manifest> + use<'w> {
    let place = Place { world, tenant, namespace };
    objects().into_iter().flat_map(move |object| object.manifests(place))
}

/// Returns the object of this kind and name; `None` if the baseline has none.
pub fn desired_object(
    world: &World,
    tenant: &Tenant,
    namespace: &str,
    kind: Kind,
    name: &str,
) -> Option<Manifest> {
    let place = Place { world, tenant, namespace };
    let of_kind = objects().into_iter().filter(|object| object.kind == kind);
    of_kind.flat_map(|object| object.manifests(place)).find(|manifest| manifest.name == name)
}

/// True if the baseline reserves this kind and name in a tenant's namespace.
pub fn is_baseline(kind: Kind, name: &str) -> bool {
    let mut of_kind = objects().into_iter().filter(|object| object.kind == kind).peekable();
    (of_kind.peek().is_some() && name.starts_with(PREFIX))
        || of_kind.any(|object| object.is_one() && object.name == name)
}

/// Returns all fixed names.
pub fn names() -> impl Iterator<Item = &'static str> {
    objects().into_iter().filter(Object::is_one).map(|object| object.name)
}

impl Site for Place<'_> {
    fn namespace(&self) -> Option<&str> {
        Some(self.namespace)
    }
}

impl<'w> Place<'w> {
    fn settings(self) -> &'w Settings {
        &self.world.settings
    }

    /// Returns the tenant's namespaces whose pods this one trusts: itself and the ready ones.
    fn own(self) -> BTreeSet<&'w str> {
        self.world.trusted_of(&self.tenant.name).chain([self.namespace]).collect()
    }

    /// Returns the principals that may call the pods of this namespace, as patterns.
    fn allowed(self) -> Vec<String> {
        let settings = self.settings();
        let own = self.own().into_iter().map(|namespace| peers::principal(settings, namespace, "*"));
        let gateways = self
            .world
            .gateways(self.tenant)
            .map(|gateway| (gateway.namespace().to_owned(), gateway.service_account.clone()));
        let callers = self.tenant.grants.callers.iter();
        let callers = callers.map(|caller| (caller.namespace.clone(), caller.service_account.clone()));
        let services = self.world.calling(&self.tenant.name);
        let services = services.map(|service| (service.namespace.clone(), service.service_account.clone()));
        let others: BTreeSet<_> = gateways.chain(callers).chain(services).collect();
        own.chain(others.iter().map(|(namespace, name)| peers::principal(settings, namespace, name)))
            .collect()
    }
}
