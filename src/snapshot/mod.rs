//! Who owns what, and who asks: one immutable snapshot, built whole by `sources`. Pure.

#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

mod actor;
mod baseline_inputs;
mod exemption;
mod grants;
mod live_object;
mod members;
mod namespace;
mod namespace_names;
mod reserved_names;
mod shared_service;
mod tenant;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use crate::settings::Settings;
use members::Members;
use namespace_names::{overlapping_tenant, tenant_with_prefix};

pub use actor::{
    Actor, CONTROLLER_MANAGER, NAMESPACE_CONTROLLER, QUOTA_CONTROLLER, User, controller_account_for,
    kube_controller_accounts,
};
pub use baseline_inputs::BaselineInputs;
pub use exemption::Exemption;
pub use live_object::{ControllerRef, LiveObject, LiveObjectKey};
pub use namespace::{BASELINE_READY, NAMESPACE_NAME_LABEL, Namespace, TENANT_LABEL, ready_for};
pub use namespace_names::NAMESPACE_PREFIX;
pub use reserved_names::{RESERVED_NAMES_CONFIG_MAP, ReservedName, ReservedNames, has_expired};
pub use shared_service::SharedService;
pub use tenant::Tenant;

/// What a namespace's owner can be.
#[derive(Clone, Copy, Debug)]
pub enum NamespaceOwner<'w> {
    Tenant(&'w Tenant),
    /// Listed in the settings.
    Platform,
    /// Listed in the settings as one in which shared services run.
    SharedService,
    /// Its label names a tenant that does not exist.
    Orphaned(&'w str),
    Unowned,
}

/// What every tenant must reach, wherever the cluster has put it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ClusterEndpoints {
    /// The API servers' own addresses: a policy sees a packet after its Service address is translated.
    pub api_servers: BTreeSet<(IpAddr, u16)>,
    /// The Service addresses of DNS: a cache on the node answers on them untranslated.
    pub dns: BTreeSet<IpAddr>,
}

/// All that a world is made of. What there is much of is shared: a change makes a new world, and leaves most as
/// it was.
#[derive(Clone, Debug, Default)]
pub struct ClusterState {
    pub tenants: Vec<Arc<Tenant>>,
    pub shared_services: Vec<SharedService>,
    pub exemptions: Vec<Exemption>,
    pub namespaces: Vec<(Arc<str>, Arc<Namespace>)>,
    /// What exemptions rest on, as far as anybody has looked.
    pub live_objects: BTreeMap<LiveObjectKey, LiveObject>,
    pub reserved_names: ReservedNames,
    pub endpoints: ClusterEndpoints,
}

/// By name.
type TenantsByName = BTreeMap<String, Arc<Tenant>>;

/// The snapshot a request is judged in, from the first rule to the last.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub settings: Arc<Settings>,
    pub endpoints: ClusterEndpoints,
    pub reserved_names: ReservedNames,
    namespaces: HashMap<Arc<str>, Arc<Namespace>>,
    tenants: TenantsByName,
    /// Tenants that do not count, each with the older one whose namespaces its own could be named like.
    inactive_tenants: BTreeMap<String, String>,
    members: Members,
    environment_hash: u64,
    shared_services: BTreeMap<String, SharedService>,
    /// By the namespace of their targets.
    exemptions: BTreeMap<String, Vec<Exemption>>,
    live_objects: BTreeMap<LiveObjectKey, LiveObject>,
    /// The namespaces of each tenant, by name.
    namespaces_by_tenant: BTreeMap<String, BTreeSet<Arc<str>>>,
}

impl Snapshot {
    pub fn new(settings: Arc<Settings>, state: ClusterState) -> Self {
        let mut namespaces_by_tenant: BTreeMap<String, BTreeSet<Arc<str>>> = BTreeMap::new();
        for (name, namespace) in &state.namespaces {
            if let Some(tenant) =
                namespace.tenant.as_ref().filter(|_| !settings.is_listed_platform_namespace(name))
            {
                namespaces_by_tenant.entry(tenant.clone()).or_default().insert(Arc::clone(name));
            }
        }
        let mut tenants = TenantsByName::new();
        let mut inactive_tenants = BTreeMap::new();
        let mut oldest_first = state.tenants;
        oldest_first.sort_by(|one, other| (one.created, &one.name).cmp(&(other.created, &other.name)));
        for tenant in oldest_first {
            match overlapping_tenant(&tenants, &tenant.name) {
                Some(older) => drop(inactive_tenants.insert(tenant.name.clone(), older.to_owned())),
                None => drop(tenants.insert(tenant.name.clone(), tenant)),
            }
        }
        let mut exemptions: BTreeMap<String, Vec<Exemption>> = BTreeMap::new();
        for exemption in state.exemptions {
            exemptions.entry(exemption.target.namespace.clone()).or_default().push(exemption);
        }
        Self {
            settings,
            reserved_names: state.reserved_names,
            environment_hash: baseline_inputs::environment_hash(&state.endpoints, &state.shared_services),
            endpoints: state.endpoints,
            members: Members::from_tenants(tenants.values().map(Arc::as_ref)),
            exemptions,
            live_objects: state.live_objects,
            namespaces: state.namespaces.into_iter().collect(),
            tenants,
            inactive_tenants,
            shared_services: state
                .shared_services
                .into_iter()
                .map(|service| (service.name.clone(), service))
                .collect(),
            namespaces_by_tenant,
        }
    }

    /// Whether the namespace is the mesh's root, and its mesh-wide policies are Bulkhead's to keep.
    pub fn is_managed_root(&self, namespace: &str) -> bool {
        self.settings.mesh_wide.is_some() && namespace == self.settings.mesh_root
    }

    /// `None` if the namespace is not in this snapshot.
    pub fn owner(&self, namespace: &str) -> Option<NamespaceOwner<'_>> {
        if self.settings.shared_namespaces.contains(namespace) {
            return Some(NamespaceOwner::SharedService);
        }
        if self.settings.platform_namespaces.contains(namespace) {
            return Some(NamespaceOwner::Platform);
        }
        Some(match self.namespaces.get(namespace)?.tenant.as_deref() {
            None => NamespaceOwner::Unowned,
            Some(name) => self.tenant(name).map_or(NamespaceOwner::Orphaned(name), NamespaceOwner::Tenant),
        })
    }

    pub fn namespace(&self, name: &str) -> Option<&Namespace> {
        self.namespaces.get(name).map(Arc::as_ref)
    }

    pub fn tenant(&self, name: &str) -> Option<&Tenant> {
        self.tenants.get(name).map(Arc::as_ref)
    }

    /// The tenant whose namespaces could be named like those of a tenant `name`.
    pub fn overlapping_tenant(&self, name: &str) -> Option<&str> {
        overlapping_tenant(&self.tenants, name)
    }

    /// The older tenant because of which the tenant `name` does not count.
    pub fn conflicting_older_tenant(&self, name: &str) -> Option<&str> {
        self.inactive_tenants.get(name).map(String::as_str)
    }

    /// The tenant that a namespace of this name is of, by the name alone: `tenant-NAME` or `tenant-NAME-…`.
    pub fn tenant_by_namespace_name(&self, namespace: &str) -> Option<&Tenant> {
        self.tenant(tenant_with_prefix(&self.tenants, namespace.strip_prefix(NAMESPACE_PREFIX)?)?)
    }

    /// Whether `namespace` is one too many for its tenant: the older ones come first.
    pub fn is_over_limit(&self, namespace: &str) -> bool {
        let age = |name: &str| self.namespaces.get(name).map(|known| (known.created, name.to_owned()));
        let Some((NamespaceOwner::Tenant(tenant), own)) = self.owner(namespace).zip(age(namespace)) else {
            return false;
        };
        let older =
            self.namespaces_of(&tenant.name).filter(|other| age(other).is_some_and(|other| other < own));
        tenant.limit.is_some_and(|limit| older.count() >= limit)
    }

    /// Every tenant, by name.
    pub fn tenants(&self) -> impl Iterator<Item = &Tenant> {
        self.tenants.values().map(Arc::as_ref)
    }

    /// Every shared service, by name.
    pub fn shared_services(&self) -> impl Iterator<Item = &SharedService> {
        self.shared_services.values()
    }

    /// Whether the settings list its namespace: elsewhere others write too, and its identity is anybody's.
    pub fn is_listed(&self, service: &SharedService) -> bool {
        self.settings.shared_namespaces.contains(&service.namespace)
    }

    /// Every shared service that is listed, by name.
    pub fn listed_services(&self) -> impl Iterator<Item = &SharedService> {
        self.shared_services().filter(|service| self.is_listed(service))
    }

    pub fn shared_service(&self, name: &str) -> Option<&SharedService> {
        self.shared_services.get(name)
    }

    /// The exemptions whose targets are in `namespace`.
    pub fn exemptions(&self, namespace: &str) -> impl Iterator<Item = &Exemption> {
        self.exemptions.get(namespace).into_iter().flatten()
    }

    pub fn exemption(&self, name: &str) -> Option<&Exemption> {
        self.exemptions.values().flatten().find(|exemption| exemption.name == name)
    }

    /// This world, with `live` known beside.
    #[must_use]
    pub fn with_live_objects(&self, live_objects: BTreeMap<LiveObjectKey, LiveObject>) -> Self {
        let mut snapshot = self.clone();
        snapshot.live_objects.extend(live_objects);
        snapshot
    }

    /// What is known of an object that an exemption rests on; `None` until somebody has looked at it.
    pub fn live_object(&self, key: &LiveObjectKey) -> Option<&LiveObject> {
        self.live_objects.get(key)
    }

    /// Every name that a namespace's label gives as its tenant's, and its namespaces.
    pub fn namespaces_by_tenant_label(&self) -> impl Iterator<Item = (&str, &BTreeSet<Arc<str>>)> {
        self.namespaces_by_tenant.iter().map(|(tenant, namespaces)| (tenant.as_str(), namespaces))
    }

    /// The tenant's namespaces whose pods the others trust: neither before the baseline stands there, nor once they go.
    pub fn ready_namespaces_of(&self, tenant: &str) -> impl Iterator<Item = &str> {
        let is_trusted =
            |name: &&str| self.namespace(name).is_some_and(|known| known.ready && !known.terminating);
        self.namespaces_of(tenant).filter(is_trusted)
    }

    /// The namespaces that carry the tenant's label, by name.
    pub fn namespaces_of(&self, tenant: &str) -> impl Iterator<Item = &str> {
        self.namespaces_by_tenant.get(tenant).into_iter().flatten().map(Arc::as_ref)
    }
}
