//! The waypoints of an ambient mesh, and the Services that use one, as the API server has them.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;

use kube::api::DynamicObject;
use kube::runtime::watcher;
use kube::{Client, ResourceExt};
use serde::Deserialize;
use serde_json::Value;

use super::watched_store::WatchedStore;
use crate::keys::{USE_WAYPOINT_LABEL, USE_WAYPOINT_NAMESPACE_LABEL};
use crate::kinds::Kind;
use crate::sources::api_resource;
use crate::sources::waypoint::{Programmed, service_state, waypoint_state};

/// The waypoints, and the Services that name one in a label.
#[derive(Debug, Default)]
pub(super) struct Waypoints {
    waypoints: ByNamespace<Programmed>,
    services: ByNamespace<AttachedService>,
}

/// Objects by their namespace, then by their name.
type ByNamespace<T> = BTreeMap<String, BTreeMap<String, T>>;

/// A Service that names a waypoint.
#[derive(Debug)]
pub(super) struct AttachedService {
    /// The namespace and the name of the waypoint.
    waypoint: (String, String),
    pub(super) bound: Programmed,
    ports: Vec<ServicePort>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServicePort {
    port: u16,
    /// A port of the pods, by number or by name.
    target_port: Option<Value>,
}

impl Waypoints {
    /// Returns the state of a waypoint; `None` if it does not exist.
    pub(super) fn waypoint(&self, namespace: &str, name: &str) -> Option<&Programmed> {
        self.waypoints.get(namespace)?.get(name)
    }

    /// Returns a Service that names a waypoint; `None` if it names none or does not exist.
    pub(super) fn service(&self, namespace: &str, name: &str) -> Option<&AttachedService> {
        self.services.get(namespace)?.get(name)
    }

    /// Returns the waypoints of a namespace, each with its name.
    pub(super) fn waypoints_in(&self, namespace: &str) -> impl Iterator<Item = (&str, &Programmed)> {
        named(self.waypoints.get(namespace))
    }

    /// Returns the Services of a namespace that name a waypoint, each with its name.
    pub(super) fn services_in(&self, namespace: &str) -> impl Iterator<Item = (&str, &AttachedService)> {
        named(self.services.get(namespace))
    }

    fn new(gateways: &[Arc<DynamicObject>], services: &[Arc<DynamicObject>]) -> Self {
        Self {
            waypoints: by_namespace(gateways, waypoint_state),
            services: by_namespace(services, read_service),
        }
    }
}

fn named<T>(objects: Option<&BTreeMap<String, T>>) -> impl Iterator<Item = (&str, &T)> {
    objects.into_iter().flatten().map(|(name, object)| (name.as_str(), object))
}

fn by_namespace<T>(
    objects: &[Arc<DynamicObject>],
    read: impl Fn(&DynamicObject) -> Option<T>,
) -> ByNamespace<T> {
    let mut by_namespace = ByNamespace::new();
    for object in objects {
        if let Some(read) = read(object) {
            let namespace = by_namespace.entry(object.namespace().unwrap_or_default()).or_default();
            namespace.insert(object.name_any(), read);
        }
    }
    by_namespace
}

impl AttachedService {
    /// True if it names this waypoint.
    pub(super) fn uses(&self, namespace: &str, waypoint: &str) -> bool {
        self.waypoint.0 == namespace && self.waypoint.1 == waypoint
    }

    /// True if its port `number` leads to this port of the pods, or to one with a name.
    pub(super) fn leads(&self, number: u16, pod_port: u16) -> bool {
        let port = self.ports.iter().find(|port| port.port == number);
        port.is_some_and(|port| match &port.target_port {
            None => number == pod_port,
            Some(target) => target.as_u64().is_none_or(|target| target == u64::from(pod_port)),
        })
    }
}

fn read_service(service: &DynamicObject) -> Option<AttachedService> {
    let labels = service.labels();
    let name = labels.get(USE_WAYPOINT_LABEL)?.clone();
    let home = labels.get(USE_WAYPOINT_NAMESPACE_LABEL).cloned().or_else(|| service.namespace())?;
    let ports = service.data.pointer("/spec/ports").cloned().unwrap_or_default();
    Some(AttachedService {
        waypoint: (home, name),
        bound: service_state(service),
        ports: serde_json::from_value(ports).unwrap_or_default(),
    })
}

/// Watches the Gateways and the Services that name a waypoint.
pub(super) struct WaypointWatch {
    gateways: WatchedStore,
    services: WatchedStore,
}

impl WaypointWatch {
    pub(super) fn start(client: &Client) -> Self {
        let watch = |kind, config| WatchedStore::watch(client, api_resource(kind), config);
        Self {
            gateways: watch(Kind::KubernetesGateway, watcher::Config::default()),
            services: watch(Kind::Service, watcher::Config::default().labels(USE_WAYPOINT_LABEL)),
        }
    }

    /// Waits for a change. Nothing is lost if the caller stops waiting. Never returns without a watch.
    pub(super) async fn changed(watch: Option<&mut Self>) {
        let Some(Self { gateways, services }) = watch else { return pending().await };
        tokio::select! {
            () = gateways.changed() => {}
            () = services.changed() => {}
        }
    }

    /// Returns the current state; `None` until both kinds have been listed, or cannot be.
    pub(super) fn current(&self) -> Option<Waypoints> {
        let Self { gateways, services } = self;
        (gateways.is_tried && services.is_tried)
            .then(|| Waypoints::new(&gateways.objects(), &services.objects()))
    }
}

#[cfg(test)]
impl Waypoints {
    /// Returns the state of a cluster with these objects.
    pub(super) fn of(objects: &[DynamicObject]) -> Self {
        let of_kind = |kind: Kind| -> Vec<Arc<DynamicObject>> {
            let is_it = |object: &&DynamicObject| {
                object.types.as_ref().is_some_and(|types| types.kind == kind.name())
            };
            objects.iter().filter(is_it).cloned().map(Arc::new).collect()
        };
        Self::new(&of_kind(Kind::KubernetesGateway), &of_kind(Kind::Service))
    }
}
