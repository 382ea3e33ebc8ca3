//! The watches, and the conversion of each object to what the snapshot keeps of it.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::DeserializeGuard;
use kube::runtime::watcher::{Error, Event};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource, ResourceExt};

use crate::api;
use crate::keys::{MESH_LABELS, PLAIN_TENANT_LABEL, POD_SECURITY_LABEL, TENANT_LABEL};
use crate::snapshot::{
    BASELINE_READY, Exemption, Namespace, PROXY_REFERENCES_CONFIG_MAP, ProxyReferences, ReservedNames,
    SharedService, Tenant, ready_for,
};
use crate::sources::store::{WatchEvent, watch_event};
use crate::sources::watch_backoff::watch_backoff;

#[expect(clippy::large_enum_variant, reason = "a watch holds one event at a time")]
pub(super) enum ResourceEvent {
    Namespace(WatchEvent<Arc<str>, Namespace>),
    Tenant(WatchEvent<Arc<str>, Tenant>),
    SharedService(WatchEvent<Arc<str>, SharedService>),
    Exemption(WatchEvent<Arc<str>, Exemption>),
    ReservedNames(WatchEvent<Arc<str>, ReservedNames>),
    ProxyReferences(WatchEvent<Arc<str>, ProxyReferences>),
    ApiServers(WatchEvent<Arc<str>, BTreeSet<(IpAddr, u16)>>),
    Dns(WatchEvent<Arc<str>, BTreeSet<IpAddr>>),
}

/// Reduces an event of a watch whose objects have different names.
fn named_event<K: Resource, T>(
    event: Result<Event<K>, Error>,
    read: impl Fn(K) -> (String, Result<T, String>),
) -> WatchEvent<Arc<str>, T> {
    watch_event(event, |object| {
        let (name, value) = read(object);
        (name.into(), value)
    })
}

pub(super) fn watch_namespaces(client: Client) -> impl Stream<Item = ResourceEvent> {
    watcher(Api::<core::Namespace>::all(client), watcher::Config::default())
        .backoff(watch_backoff())
        .map(|event| ResourceEvent::Namespace(namespace_event(event)))
}

pub(super) fn namespace_event(
    event: Result<Event<core::Namespace>, Error>,
) -> WatchEvent<Arc<str>, Namespace> {
    named_event(event, |namespace| (namespace.name_any(), Ok(read_namespace(&namespace))))
}

/// True if the baseline may set a label with this key, apart from the tenant label.
fn is_baseline_label(key: &str) -> bool {
    [PLAIN_TENANT_LABEL, POD_SECURITY_LABEL].contains(&key) || MESH_LABELS.contains(&key)
}

fn owned((key, value): (&String, &String)) -> (Box<str>, Box<str>) {
    (key.as_str().into(), value.as_str().into())
}

/// Converts a Namespace to the snapshot's type.
pub fn read_namespace(namespace: &core::Namespace) -> Namespace {
    let tenant = namespace.labels().get(TENANT_LABEL).cloned();
    let ready_message = tenant.as_deref().map(ready_for);
    let conditions = namespace.status.iter().flat_map(|status| status.conditions.iter().flatten());
    // The API server stores several conditions of one type, which must agree.
    let conditions: Vec<_> = conditions.filter(|known| known.type_ == BASELINE_READY).collect();
    let is_ready =
        |known: &&core::NamespaceCondition| known.status == "True" && known.message == ready_message;
    Namespace {
        tenant,
        labels: namespace.labels().iter().filter(|(key, _)| is_baseline_label(key)).map(owned).collect(),
        uid: namespace.uid().unwrap_or_default(),
        created: created(&namespace.metadata),
        ready: !conditions.is_empty() && conditions.iter().all(is_ready),
        ready_revoked: conditions.iter().any(|known| known.status == "False"),
        terminating: namespace.metadata.deletion_timestamp.is_some(),
    }
}

/// Returns the creation time in seconds since 1970.
pub(crate) fn created(metadata: &ObjectMeta) -> i64 {
    metadata.creation_timestamp.as_ref().map_or(0, |time| time.0.as_second())
}

pub(super) fn watch_tenants(client: Client) -> impl Stream<Item = ResourceEvent> {
    watcher(Api::<DeserializeGuard<api::Tenant>>::all(client), watcher::Config::default())
        .backoff(watch_backoff())
        .map(|event| ResourceEvent::Tenant(named_event(event, read_tenant)))
}

/// Converts a Tenant to the snapshot's type.
pub fn read_tenant(tenant: DeserializeGuard<api::Tenant>) -> (String, Result<Tenant, String>) {
    read_named(tenant, |tenant| {
        let terminating = tenant.metadata.deletion_timestamp.is_some();
        let known = Tenant::new(tenant.name_any(), created(&tenant.metadata), tenant.spec);
        Ok(Tenant { terminating, ..known })
    })
}

/// Returns the name of an object, and the object if it can be read.
fn read_named<K: ResourceExt, T>(
    DeserializeGuard(object): DeserializeGuard<K>,
    read: impl FnOnce(K) -> Result<T, String>,
) -> (String, Result<T, String>) {
    match object {
        Ok(object) => (object.name_any(), read(object)),
        Err(invalid) => (invalid.metadata.name.unwrap_or_default(), Err(invalid.error)),
    }
}

pub(super) fn watch_shared_services(client: Client) -> impl Stream<Item = ResourceEvent> {
    watcher(Api::<DeserializeGuard<api::SharedService>>::all(client), watcher::Config::default())
        .backoff(watch_backoff())
        .map(|event| ResourceEvent::SharedService(named_event(event, read_shared_service)))
}

/// Converts a SharedService to the snapshot's type.
pub fn read_shared_service(
    service: DeserializeGuard<api::SharedService>,
) -> (String, Result<SharedService, String>) {
    read_named(service, |service| Ok(SharedService::new(service.name_any(), service.spec)))
}

pub(super) fn watch_exemptions(client: Client) -> impl Stream<Item = ResourceEvent> {
    watcher(Api::<DeserializeGuard<api::Exemption>>::all(client), watcher::Config::default())
        .backoff(watch_backoff())
        .map(|event| ResourceEvent::Exemption(named_event(event, read_exemption)))
}

/// Converts an Exemption to the snapshot's type.
pub fn read_exemption(exemption: DeserializeGuard<api::Exemption>) -> (String, Result<Exemption, String>) {
    read_named(exemption, |exemption| Exemption::new(exemption.name_any(), exemption.spec))
}

/// Watches the ConfigMaps of reserved names in Bulkhead's namespace. Other ConfigMaps there count as empty.
pub(super) fn watch_reserved_names(
    client: Client,
    namespace: &str,
) -> impl Stream<Item = ResourceEvent> + use<> {
    let read = |map: core::ConfigMap| {
        let name = map.name_any();
        let data = map.data.filter(|_| ReservedNames::is_stored_in(&name)).unwrap_or_default();
        (name, Ok(ReservedNames::from_data(&data)))
    };
    watcher(Api::<core::ConfigMap>::namespaced(client, namespace), watcher::Config::default())
        .backoff(watch_backoff())
        .map(move |event| ResourceEvent::ReservedNames(named_event(event, read)))
}

/// Watches the ConfigMap of proxy references in Bulkhead's namespace.
pub(super) fn watch_proxy_references(
    client: Client,
    namespace: &str,
) -> impl Stream<Item = ResourceEvent> + use<> {
    let read =
        |map: core::ConfigMap| (map.name_any(), ProxyReferences::from_data(&map.data.unwrap_or_default()));
    let config = watcher::Config::default().fields(&format!("metadata.name={PROXY_REFERENCES_CONFIG_MAP}"));
    watcher(Api::<core::ConfigMap>::namespaced(client, namespace), config)
        .backoff(watch_backoff())
        .map(move |event| ResourceEvent::ProxyReferences(named_event(event, read)))
}

/// Watches the addresses of the API servers, which are behind the Service `kubernetes`.
pub(super) fn watch_api_servers(client: Client) -> impl Stream<Item = ResourceEvent> {
    let read = |slice: EndpointSlice| (slice.name_any(), Ok(read_api_servers(&slice)));
    // The selection is by name, which the API servers themselves maintain, and not by label, which other users can
    // set.
    let config = watcher::Config::default().fields(&format!("metadata.name={}", API_SERVERS.1));
    watcher(Api::<EndpointSlice>::namespaced(client, API_SERVERS.0), config)
        .backoff(watch_backoff())
        .map(move |event| ResourceEvent::ApiServers(named_event(event, read)))
}

/// The namespace and the name of the EndpointSlice in which the API servers keep their own addresses.
pub const API_SERVERS: (&str, &str) = ("default", "kubernetes");

/// Returns the addresses and ports of an EndpointSlice.
pub fn read_api_servers(slice: &EndpointSlice) -> BTreeSet<(IpAddr, u16)> {
    let ports = slice.ports.iter().flatten().filter_map(|port| u16::try_from(port.port?).ok());
    let ports: Vec<u16> = ports.collect();
    let addresses = slice.endpoints.iter().flatten().flat_map(|endpoint| &endpoint.addresses);
    let addresses = addresses.filter_map(|address| address.parse::<IpAddr>().ok());
    addresses.flat_map(|address| ports.iter().map(move |port| (address, *port))).collect()
}

/// Watches the Services in the namespace of the cluster's DNS.
pub(super) fn watch_dns(client: Client, namespace: &str) -> impl Stream<Item = ResourceEvent> + use<> {
    let read = |service: core::Service| (service.name_any(), Ok(read_addresses(&service)));
    watcher(Api::<core::Service>::namespaced(client, namespace), watcher::Config::default())
        .backoff(watch_backoff())
        .map(move |event| ResourceEvent::Dns(named_event(event, read)))
}

/// Returns the cluster IPs of a Service.
pub fn read_addresses(service: &core::Service) -> BTreeSet<IpAddr> {
    let addresses = service.spec.iter().flat_map(|spec| spec.cluster_ips.iter().flatten());
    addresses.filter_map(|address| address.parse().ok()).collect()
}
