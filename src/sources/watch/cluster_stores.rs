use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::watches::ResourceEvent;
use crate::settings::Settings;
use crate::snapshot::{
    ClusterEndpoints, ClusterState, Exemption, LiveObject, LiveObjectKey, Namespace, ProxyReferences,
    ReservedNames, SharedService, Tenant,
};
use crate::sources::store::{Store, replace};
use crate::telemetry::WatchState;

/// The state of everything that is watched.
pub(super) struct ClusterStores {
    pub(super) exemptions: Store<Arc<str>, Exemption>,
    /// Objects that Exemptions depend on, as far as they have been looked up.
    pub(super) live_objects: BTreeMap<LiveObjectKey, LiveObject>,
    pub(super) reserved_names: Store<Arc<str>, ReservedNames>,
    pub(super) proxy_references: Store<Arc<str>, ProxyReferences>,
    /// References that this process has learned by itself.
    pub(super) learned_references: ProxyReferences,
    pub(super) namespaces: Store<Arc<str>, Namespace>,
    pub(super) tenants: Store<Arc<str>, Tenant>,
    pub(super) shared_services: Store<Arc<str>, SharedService>,
    pub(super) api_servers: Store<Arc<str>, BTreeSet<(IpAddr, u16)>>,
    pub(super) dns: Store<Arc<str>, BTreeSet<IpAddr>>,
}

impl Default for ClusterStores {
    fn default() -> Self {
        Self {
            exemptions: Store::new("exemptions"),
            live_objects: BTreeMap::new(),
            reserved_names: Store::new("configmaps/bulkhead-retired"),
            proxy_references: Store::new("configmaps/bulkhead-proxy-references"),
            learned_references: ProxyReferences::default(),
            namespaces: Store::new("namespaces"),
            tenants: Store::new("tenants"),
            shared_services: Store::new("sharedservices"),
            api_servers: Store::new("endpointslices"),
            dns: Store::new("services"),
        }
    }
}

impl ClusterStores {
    /// Applies an event. Returns true if anything has changed.
    pub(super) fn apply(&mut self, resource_event: ResourceEvent) -> bool {
        let change = match resource_event {
            ResourceEvent::Namespace(event) => {
                self.namespaces.apply(event, Namespace::keep_ready_until_recreated)
            }
            ResourceEvent::Tenant(event) => self.tenants.apply(event, replace),
            ResourceEvent::SharedService(event) => self.shared_services.apply(event, replace),
            ResourceEvent::Exemption(event) => self.exemptions.apply(event, replace),
            ResourceEvent::ReservedNames(event) => self.reserved_names.apply(event, replace),
            ResourceEvent::ProxyReferences(event) => self.proxy_references.apply(event, replace),
            ResourceEvent::ApiServers(event) => self.api_servers.apply(event, replace),
            ResourceEvent::Dns(event) => self.dns.apply(event, replace),
        };
        change.is_visible()
    }

    /// Returns the state of each list.
    pub(super) fn watch_states(&self) -> [WatchState; 8] {
        fn of<T: PartialEq>(store: &Store<Arc<str>, T>) -> WatchState {
            WatchState {
                resource: store.resource,
                is_synced: store.has_synced(),
                objects: store.objects().len(),
                failure: store.failure,
            }
        }
        [
            of(&self.namespaces),
            of(&self.tenants),
            of(&self.shared_services),
            of(&self.exemptions),
            of(&self.reserved_names),
            of(&self.proxy_references),
            of(&self.api_servers),
            of(&self.dns),
        ]
    }

    pub(super) fn state(&self, settings: &Settings) -> ClusterState {
        let is_dns = |name: &str| settings.dns.services.contains(name);
        let dns = self.dns.objects().iter().filter(|(name, _)| is_dns(name));
        ClusterState {
            exemptions: self.exemptions.objects().values().map(|known| Exemption::clone(known)).collect(),
            live_objects: self.live_objects.clone(),
            reserved_names: self.reserved_names.objects().values().fold(
                ReservedNames::default(),
                |mut names, known| {
                    names.extend(ReservedNames::clone(known));
                    names
                },
            ),
            proxy_references: self.all_proxy_references(),
            tenants: self.tenants.objects().values().cloned().collect(),
            shared_services: self
                .shared_services
                .objects()
                .values()
                .map(|known| SharedService::clone(known))
                .collect(),
            namespaces: self.namespaces.objects().clone().into_iter().collect(),
            endpoints: ClusterEndpoints {
                api_servers: self
                    .api_servers
                    .objects()
                    .values()
                    .flat_map(|known| known.iter().copied())
                    .collect(),
                dns: dns.flat_map(|(_, known)| known.iter().copied()).collect(),
            },
        }
    }

    /// Returns the published references, and those that this process has learned by itself.
    fn all_proxy_references(&self) -> ProxyReferences {
        let published = self.proxy_references.objects().values().next();
        let mut references = published.map(|known| ProxyReferences::clone(known)).unwrap_or_default();
        references.extend(&self.learned_references);
        references
    }
}
