//! The snapshot of the cluster in which requests are judged: settings, tenants, namespaces, shared services,
//! exemptions and reserved names. It is immutable, so all rules of one decision see the same state.
//!
//! `sources` watches the cluster and builds each snapshot as a whole; this module performs no I/O.

#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

mod actor;
mod baseline_inputs;
mod exemption;
mod grants;
mod live_object;
mod members;
mod name_reservation;
mod namespace;
mod namespace_names;
mod proxy_reference;
mod reserved_names;
mod shared_service;
mod tenant;
mod user;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

use crate::keys::{INJECTION_LABEL, REVISION_LABEL};
use crate::settings::{Dataplane, Settings};
use members::Members;
use namespace_names::{is_named_for, overlapping_tenant, tenant_with_prefix};

pub use actor::Actor;
pub use baseline_inputs::BaselineInputs;
pub use exemption::Exemption;
pub use grants::covers_host;
pub use live_object::{ControllerRef, LiveObject, LiveObjectKey};
pub use namespace::{BASELINE_READY, Namespace, ready_for};
pub use namespace_names::NAMESPACE_PREFIX;
pub use proxy_reference::{
    DEFAULT_REVISION, InjectedElement, InjectedField, InjectedObject, InjectedPod,
    PROXY_REFERENCES_CONFIG_MAP, ProxyReference, ProxyReferences, Resources,
};
pub use reserved_names::{ReservedName, ReservedNames, has_expired, reserved_names_config_maps};
pub use shared_service::SharedService;
pub use tenant::Tenant;
pub use user::User;

/// The owner of a namespace.
#[derive(Clone, Copy, Debug)]
pub enum NamespaceOwner<'w> {
    Tenant(&'w Tenant),
    /// A namespace that is the platform's because of the settings.
    Platform,
    /// A namespace of shared services.
    SharedService,
    /// The tenant label names a tenant that does not exist.
    Orphaned(&'w str),
    Unowned,
}

/// Addresses that the pods of every tenant must reach; they differ between clusters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ClusterEndpoints {
    /// The API servers' own addresses. A NetworkPolicy is enforced after a packet's Service address is translated.
    pub api_servers: BTreeSet<(IpAddr, u16)>,
    /// The Service addresses of DNS. A DNS cache on the node answers on them without translation.
    pub dns: BTreeSet<IpAddr>,
}

/// Input of a snapshot. Large parts are in `Arc`s, so the next snapshot copies only what changed.
#[derive(Clone, Debug, Default)]
pub struct ClusterState {
    pub tenants: Vec<Arc<Tenant>>,
    pub shared_services: Vec<SharedService>,
    pub exemptions: Vec<Exemption>,
    pub namespaces: Vec<(Arc<str>, Arc<Namespace>)>,
    /// Objects that exemptions depend on, as far as they have been looked up.
    pub live_objects: BTreeMap<LiveObjectKey, LiveObject>,
    pub reserved_names: ReservedNames,
    pub proxy_references: ProxyReferences,
    pub endpoints: ClusterEndpoints,
}

/// The state in which a request is judged, from the first rule to the last.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub settings: Arc<Settings>,
    pub endpoints: ClusterEndpoints,
    pub reserved_names: ReservedNames,
    pub proxy_references: ProxyReferences,
    namespaces: HashMap<Arc<str>, Arc<Namespace>>,
    tenants: BTreeMap<String, Arc<Tenant>>,
    /// Inactive tenants, each with the older tenant whose namespaces could have the same names.
    inactive_tenants: BTreeMap<String, String>,
    members: Members,
    environment_hash: u64,
    has_captured_pods: bool,
    shared_services: BTreeMap<String, SharedService>,
    /// The namespaces of the settings, and those of accepted SharedServices.
    shared_namespaces: BTreeSet<String>,
    granted_callers: BTreeMap<String, BTreeSet<String>>,
    /// Exemptions by the namespace of their targets.
    exemptions: BTreeMap<String, Vec<Exemption>>,
    live_objects: BTreeMap<LiveObjectKey, LiveObject>,
    /// Namespaces by the tenant that their label names, whether or not the tenant exists.
    namespaces_by_tenant: BTreeMap<String, BTreeSet<Arc<str>>>,
    /// Namespaces that are named after a tenant and do not have its label, by the tenant.
    taken_names: BTreeMap<String, BTreeSet<Arc<str>>>,
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
        let mut tenants = BTreeMap::new();
        let mut inactive_tenants = BTreeMap::new();
        let mut oldest_first = state.tenants;
        oldest_first.sort_by(|one, other| (one.created, &one.name).cmp(&(other.created, &other.name)));
        for tenant in oldest_first {
            match overlapping_tenant(&tenants, &tenant.name) {
                Some(older) => drop(inactive_tenants.insert(tenant.name.clone(), older.to_owned())),
                None => drop(tenants.insert(tenant.name.clone(), tenant)),
            }
        }
        let mut taken_names: BTreeMap<String, BTreeSet<Arc<str>>> = BTreeMap::new();
        for (name, namespace) in &state.namespaces {
            let tenant =
                name.strip_prefix(NAMESPACE_PREFIX).and_then(|rest| tenant_with_prefix(&tenants, rest));
            if let Some(tenant) = tenant.filter(|tenant| namespace.tenant.as_deref() != Some(*tenant)) {
                taken_names.entry(tenant.to_owned()).or_default().insert(Arc::clone(name));
            }
        }
        let mut exemptions: BTreeMap<String, Vec<Exemption>> = BTreeMap::new();
        for exemption in state.exemptions {
            exemptions.entry(exemption.target.namespace.clone()).or_default().push(exemption);
        }
        let namespaces: HashMap<Arc<str>, Arc<Namespace>> = state.namespaces.into_iter().collect();
        let shared_namespaces = shared_namespaces(&settings, &namespaces, &state.shared_services);
        let granted_callers = granted_callers(&tenants, &namespaces);
        let has_captured_pods = has_captured_pods(&settings, &tenants, &namespaces);
        Self {
            settings,
            reserved_names: state.reserved_names,
            proxy_references: state.proxy_references,
            environment_hash: environment_hash(&state.endpoints, &state.shared_services, has_captured_pods),
            has_captured_pods,
            endpoints: state.endpoints,
            members: Members::from_tenants(tenants.values().map(Arc::as_ref)),
            exemptions,
            live_objects: state.live_objects,
            namespaces,
            tenants,
            inactive_tenants,
            shared_services: state
                .shared_services
                .into_iter()
                .map(|service| (service.name.clone(), service))
                .collect(),
            shared_namespaces,
            granted_callers,
            namespaces_by_tenant,
            taken_names,
        }
    }

    /// True if the namespace is the mesh's root namespace and Bulkhead manages the mesh-wide policies in it.
    pub fn is_managed_root(&self, namespace: &str) -> bool {
        self.settings.mesh_wide.is_some() && namespace == self.settings.mesh_root
    }

    /// Returns the namespaces of shared services: those of the settings, and those of accepted SharedServices.
    pub fn shared_namespaces(&self) -> &BTreeSet<String> {
        &self.shared_namespaces
    }

    /// Returns the accounts outside tenants' namespaces that may call a tenant because of its grants, by namespace.
    pub fn granted_callers(&self) -> &BTreeMap<String, BTreeSet<String>> {
        &self.granted_callers
    }

    /// True if rules or policies trust this account because of its name.
    pub fn trusts_account(&self, namespace: &str, account: &str) -> bool {
        let callers = self.granted_callers.get(namespace);
        self.settings.trusts_account(namespace, account)
            || callers.is_some_and(|accounts| accounts.contains(account))
    }

    /// True if an account of the namespace is trusted by name.
    pub fn has_trusted_accounts(&self, namespace: &str) -> bool {
        self.settings.has_trusted_accounts(namespace) || self.granted_callers.contains_key(namespace)
    }

    /// True if only the platform writes in the namespace: it is the mesh's root, Bulkhead's own, or has shared services.
    pub fn is_protected(&self, namespace: &str) -> bool {
        self.shared_namespaces.contains(namespace) || self.settings.is_protected(namespace)
    }

    /// Returns the owner of the namespace; `None` if the settings do not list it, no SharedService is in it, and the
    /// snapshot does not contain it.
    pub fn owner(&self, namespace: &str) -> Option<NamespaceOwner<'_>> {
        if self.shared_namespaces.contains(namespace) {
            return Some(NamespaceOwner::SharedService);
        }
        if self.settings.is_listed_platform_namespace(namespace) {
            return Some(NamespaceOwner::Platform);
        }
        Some(match self.namespaces.get(namespace)?.tenant.as_deref() {
            None => NamespaceOwner::Unowned,
            Some(name) => self.tenant(name).map_or(NamespaceOwner::Orphaned(name), NamespaceOwner::Tenant),
        })
    }

    /// Returns the namespace. Another version of it has another allocation.
    pub fn namespace(&self, name: &str) -> Option<&Arc<Namespace>> {
        self.namespaces.get(name)
    }

    /// Returns the mesh revision whose injector the pods of a namespace get.
    pub fn mesh_revision(&self, namespace: &str) -> &str {
        let known = self.namespace(namespace);
        let label = |key| known.and_then(|known| known.label(key));
        match label(REVISION_LABEL) {
            _ if label(INJECTION_LABEL).is_some() => DEFAULT_REVISION,
            Some(revision) => revision,
            None => self.default_mesh_revision(),
        }
    }

    /// Returns the dataplane of new pods in a namespace. While it moves to the ambient dataplane, pods get a sidecar as long
    /// as the namespace has the label for it.
    pub fn dataplane(&self, namespace: &str) -> Dataplane {
        let is_injected = self.namespace(namespace).is_some_and(|known| known.is_injected());
        if is_injected { Dataplane::Sidecar } else { self.wanted_dataplane(namespace) }
    }

    fn wanted_dataplane(&self, namespace: &str) -> Dataplane {
        match self.owner(namespace) {
            Some(NamespaceOwner::Tenant(tenant)) => tenant.dataplane(&self.settings),
            _ => self.settings.dataplane,
        }
    }

    /// True if ztunnel captures pods of the namespace, or will: while the namespace moves to another dataplane, it has pods
    /// of both.
    pub fn may_be_captured(&self, namespace: &str) -> bool {
        self.namespace(namespace).is_some_and(|known| known.is_captured())
            || self.wanted_dataplane(namespace) == Dataplane::Ambient
    }

    /// True if any pod of a tenant or of a shared service can be captured by ztunnel, so that calls can arrive through its
    /// tunnels.
    pub const fn has_captured_pods(&self) -> bool {
        self.has_captured_pods
    }

    /// True if any pod of a tenant or of a shared service is to have a sidecar.
    pub fn has_sidecars(&self) -> bool {
        self.settings.dataplane == Dataplane::Sidecar
            || self.tenants().any(|tenant| tenant.dataplane == Some(Dataplane::Sidecar))
    }

    /// Returns the mesh revision of new namespaces.
    pub fn default_mesh_revision(&self) -> &str {
        self.settings.mesh_revision.as_deref().unwrap_or(DEFAULT_REVISION)
    }

    pub fn tenant(&self, name: &str) -> Option<&Tenant> {
        self.tenants.get(name).map(Arc::as_ref)
    }

    /// Returns another tenant whose namespaces could have the same names as those of a tenant `name`.
    pub fn overlapping_tenant(&self, name: &str) -> Option<&str> {
        overlapping_tenant(&self.tenants, name)
    }

    /// Returns the older tenant because of which the tenant `name` is inactive.
    pub fn conflicting_older_tenant(&self, name: &str) -> Option<&str> {
        self.inactive_tenants.get(name).map(String::as_str)
    }

    /// Returns the tenant whose name a namespace of this name has: `tenant-NAME` or `tenant-NAME-…`. Labels are not
    /// read.
    pub fn tenant_by_namespace_name(&self, namespace: &str) -> Option<&Tenant> {
        self.tenant(tenant_with_prefix(&self.tenants, namespace.strip_prefix(NAMESPACE_PREFIX)?)?)
    }

    /// True if `namespace` exceeds its tenant's limit. Older namespaces count first.
    pub fn is_over_limit(&self, namespace: &str) -> bool {
        let age = |name: &str| self.namespaces.get(name).map(|known| (known.created, name.to_owned()));
        let Some((NamespaceOwner::Tenant(tenant), own)) = self.owner(namespace).zip(age(namespace)) else {
            return false;
        };
        let older =
            self.namespaces_of(&tenant.name).filter(|other| age(other).is_some_and(|other| other < own));
        tenant.limit.is_some_and(|limit| older.count() >= limit)
    }

    /// Returns every active tenant, sorted by name.
    pub fn tenants(&self) -> impl Iterator<Item = &Tenant> {
        self.tenants.values().map(Arc::as_ref)
    }

    /// Returns every shared service, sorted by name.
    pub fn shared_services(&self) -> impl Iterator<Item = &SharedService> {
        self.shared_services.values()
    }

    /// True if the service's namespace is protected as one of shared services. In a tenant's namespace, members could run
    /// as its service account. In the platform's other namespaces, other accounts write too.
    pub fn is_accepted(&self, service: &SharedService) -> bool {
        self.shared_namespaces.contains(&service.namespace)
    }

    /// Returns every accepted shared service, sorted by name.
    pub fn accepted_services(&self) -> impl Iterator<Item = &SharedService> {
        self.shared_services().filter(|service| self.is_accepted(service))
    }

    pub fn shared_service(&self, name: &str) -> Option<&SharedService> {
        self.shared_services.get(name)
    }

    /// Returns the exemptions whose targets are in `namespace`.
    pub fn exemptions(&self, namespace: &str) -> impl Iterator<Item = &Exemption> {
        self.exemptions.get(namespace).into_iter().flatten()
    }

    /// Returns the namespaces in which exemptions have their targets.
    pub fn exempted_namespaces(&self) -> impl Iterator<Item = &str> {
        self.exemptions.keys().map(String::as_str)
    }

    pub fn exemption(&self, name: &str) -> Option<&Exemption> {
        self.exemptions.values().flatten().find(|exemption| exemption.name == name)
    }

    /// Returns this snapshot with the objects of `live` added.
    #[must_use]
    pub fn with_live_objects(&self, live_objects: BTreeMap<LiveObjectKey, LiveObject>) -> Self {
        let mut snapshot = self.clone();
        snapshot.live_objects.extend(live_objects);
        snapshot
    }

    /// Returns an object that an exemption depends on; `None` until it has been looked up.
    pub fn live_object(&self, key: &LiveObjectKey) -> Option<&LiveObject> {
        self.live_objects.get(key)
    }

    /// Returns every tenant name that the label of a namespace has, with those namespaces.
    pub fn namespaces_by_tenant_label(&self) -> impl Iterator<Item = (&str, &BTreeSet<Arc<str>>)> {
        self.namespaces_by_tenant.iter().map(|(tenant, namespaces)| (tenant.as_str(), namespaces))
    }

    /// Returns the tenant's namespaces whose pods the others trust: ready ones that are not terminating.
    pub fn ready_namespaces_of(&self, tenant: &str) -> impl Iterator<Item = &str> {
        let is_trusted =
            |name: &&str| self.namespace(name).is_some_and(|known| known.ready && !known.terminating);
        self.namespaces_of(tenant).filter(is_trusted)
    }

    /// Returns every namespace named `tenant-NAME` or `tenant-NAME-…`, whatever its label is.
    pub fn namespaces_named_for(&self, tenant: &str) -> impl Iterator<Item = &str> {
        self.namespaces.keys().map(Arc::as_ref).filter(move |name| is_named_for(name, tenant))
    }

    /// Returns the namespaces that are named after the tenant and are not its own, sorted by name.
    pub fn taken_names(&self, tenant: &str) -> impl Iterator<Item = &str> {
        self.taken_names.get(tenant).into_iter().flatten().map(Arc::as_ref)
    }

    /// Returns the namespaces with the tenant's label, sorted by name.
    pub fn namespaces_of(&self, tenant: &str) -> impl Iterator<Item = &str> {
        self.namespaces_by_tenant.get(tenant).into_iter().flatten().map(Arc::as_ref)
    }
}

/// Returns the namespaces of the settings, and of the SharedServices outside tenants' and the platform's namespaces.
fn shared_namespaces(
    settings: &Settings,
    namespaces: &HashMap<Arc<str>, Arc<Namespace>>,
    services: &[SharedService],
) -> BTreeSet<String> {
    let names = services.iter().map(|service| &service.namespace);
    let accepted = names
        .filter(|name| !settings.is_listed_platform_namespace(name) && !has_tenant_label(namespaces, name));
    settings.shared_namespaces.iter().chain(accepted).cloned().collect()
}

/// Returns the accounts in the tenants' grants, by namespace. Those in a tenant's namespace are that tenant's own.
fn granted_callers(
    tenants: &BTreeMap<String, Arc<Tenant>>,
    namespaces: &HashMap<Arc<str>, Arc<Namespace>>,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut granted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let callers = tenants.values().flat_map(|tenant| &tenant.grants.callers);
    for caller in callers.filter(|caller| !has_tenant_label(namespaces, &caller.namespace)) {
        granted.entry(caller.namespace.clone()).or_default().insert(caller.service_account.clone());
    }
    granted
}

fn has_tenant_label(namespaces: &HashMap<Arc<str>, Arc<Namespace>>, name: &str) -> bool {
    namespaces.get(name).is_some_and(|known| known.tenant.is_some())
}

fn has_captured_pods(
    settings: &Settings,
    tenants: &BTreeMap<String, Arc<Tenant>>,
    namespaces: &HashMap<Arc<str>, Arc<Namespace>>,
) -> bool {
    let is_owned =
        |known: &Namespace| known.tenant.as_ref().is_some_and(|tenant| tenants.contains_key(tenant));
    settings.dataplane == Dataplane::Ambient
        || tenants.values().any(|tenant| tenant.dataplane == Some(Dataplane::Ambient))
        || namespaces.values().any(|known| known.is_captured() && is_owned(known))
}

/// Returns a hash of the inputs that the baselines of all tenants share.
fn environment_hash(
    endpoints: &ClusterEndpoints,
    services: &[SharedService],
    has_captured_pods: bool,
) -> u64 {
    let mut hasher = DefaultHasher::new();
    (endpoints, services, has_captured_pods).hash(&mut hasher);
    hasher.finish()
}
