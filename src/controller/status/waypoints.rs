//! The waypoints of an ambient mesh, and the Services that use one, as the API server has them.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::DynamicObject;
use kube::runtime::reflector::store::Writer;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use serde::Deserialize;
use serde_json::Value;
use tracing::warn;

use crate::baseline::is_waypoint;
use crate::keys::{USE_WAYPOINT_LABEL, USE_WAYPOINT_NAMESPACE_LABEL, WAYPOINT_BOUND_CONDITION};
use crate::kinds::Kind;
use crate::sources::api_resource;
use crate::sources::watch_backoff::watch_backoff;

/// The waypoints, and the Services that name one in a label, each by its namespace and name.
#[derive(Debug, Default)]
pub(super) struct Waypoints {
    waypoints: BTreeMap<(String, String), Programmed>,
    services: BTreeMap<(String, String), AttachedService>,
}

/// The state of a waypoint: `Err` with the reason if istiod sends it no traffic yet.
pub(super) type Programmed = Result<(), String>;

/// A Service that names a waypoint.
#[derive(Debug)]
pub(super) struct AttachedService {
    /// The namespace and the name of the waypoint.
    waypoint: (String, String),
    /// `Err` with istiod's reason if calls go past the waypoint.
    pub(super) bound: Result<(), String>,
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
        self.waypoints.get(&(namespace.to_owned(), name.to_owned()))
    }

    /// Returns the waypoints of a namespace, each with its name.
    pub(super) fn waypoints_in<'n>(
        &'n self,
        namespace: &'n str,
    ) -> impl Iterator<Item = (&'n str, &'n Programmed)> {
        let of_namespace = self.waypoints.iter().filter(move |((home, _), _)| home == namespace);
        of_namespace.map(|((_, name), state)| (name.as_str(), state))
    }

    /// Returns the Services of a namespace that name a waypoint, each with its name.
    pub(super) fn services_in<'n>(
        &'n self,
        namespace: &'n str,
    ) -> impl Iterator<Item = (&'n str, &'n AttachedService)> {
        let of_namespace = self.services.iter().filter(move |((home, _), _)| home == namespace);
        of_namespace.map(|((_, name), service)| (name.as_str(), service))
    }

    pub(super) fn service(&self, namespace: &str, name: &str) -> Option<&AttachedService> {
        self.services.get(&(namespace.to_owned(), name.to_owned()))
    }

    fn new(gateways: &[Arc<DynamicObject>], services: &[Arc<DynamicObject>]) -> Self {
        let key = |object: &DynamicObject| (object.namespace().unwrap_or_default(), object.name_any());
        let waypoints = gateways.iter().filter_map(|gateway| Some((key(gateway), read_waypoint(gateway)?)));
        let services = services.iter().filter_map(|service| Some((key(service), read_service(service)?)));
        Self { waypoints: waypoints.collect(), services: services.collect() }
    }
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

/// Returns the state of a Gateway; `None` if it is no waypoint.
fn read_waypoint(gateway: &DynamicObject) -> Option<Programmed> {
    let spec = gateway.data.get("spec")?;
    let text =
        |value: &Value, field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let listeners = spec.get("listeners").and_then(Value::as_array);
    let protocols: Vec<String> =
        listeners.into_iter().flatten().map(|listener| text(listener, "protocol")).collect();
    is_waypoint(&text(spec, "gatewayClassName"), protocols.iter().map(String::as_str))
        .then(|| condition_holds(gateway, "Programmed"))
}

fn read_service(service: &DynamicObject) -> Option<AttachedService> {
    let labels = service.labels();
    let name = labels.get(USE_WAYPOINT_LABEL)?.clone();
    let home = labels.get(USE_WAYPOINT_NAMESPACE_LABEL).cloned().or_else(|| service.namespace())?;
    let ports = service.data.pointer("/spec/ports").cloned().unwrap_or_default();
    Some(AttachedService {
        waypoint: (home, name),
        bound: condition_holds(service, WAYPOINT_BOUND_CONDITION),
        ports: serde_json::from_value(ports).unwrap_or_default(),
    })
}

/// Fails with the message of the condition unless it is true.
fn condition_holds(object: &DynamicObject, name: &str) -> Result<(), String> {
    let conditions = object.data.pointer("/status/conditions").cloned().unwrap_or_default();
    let conditions: Vec<Condition> = serde_json::from_value(conditions).unwrap_or_default();
    match conditions.into_iter().find(|condition| condition.type_ == name) {
        Some(condition) if condition.status == "True" => Ok(()),
        Some(condition) => Err(condition.message),
        None => Err(format!("istiod has not set the condition `{name}`")),
    }
}

/// Watches the Gateways and the Services that name a waypoint.
pub(super) struct WaypointWatch {
    gateways: Watched,
    services: Watched,
}

/// The objects of one watch.
struct Watched {
    events: BoxStream<'static, watcher::Result<watcher::Event<DynamicObject>>>,
    store: Writer<DynamicObject>,
    kind: Kind,
    /// True once the API server has listed the objects, or has failed to.
    is_tried: bool,
}

impl WaypointWatch {
    pub(super) fn start(client: &Client) -> Self {
        let labelled = watcher::Config::default().labels(USE_WAYPOINT_LABEL);
        Self {
            gateways: Watched::start(client, Kind::KubernetesGateway, watcher::Config::default()),
            services: Watched::start(client, Kind::Service, labelled),
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
        let is_complete = self.gateways.is_tried && self.services.is_tried;
        let objects = |watched: &Watched| watched.store.as_reader().state();
        is_complete.then(|| Waypoints::new(&objects(&self.gateways), &objects(&self.services)))
    }
}

impl Watched {
    fn start(client: &Client, kind: Kind, config: watcher::Config) -> Self {
        let resource = api_resource(kind);
        let api = Api::<DynamicObject>::all_with(client.clone(), &resource);
        let events = watcher(api, config).backoff(watch_backoff()).boxed();
        Self { events, store: Writer::new(resource), kind, is_tried: false }
    }

    async fn changed(&mut self) {
        let mut next = self.events.next().await;
        while let Some(event) = next {
            match event {
                Ok(event) => {
                    self.is_tried |= matches!(event, watcher::Event::InitDone);
                    self.store.apply_watcher_event(&event);
                }
                Err(error) => {
                    self.is_tried = true;
                    warn!(kind = self.kind.name(), %error, "the watch failed; retrying");
                }
            }
            next = self.events.next().now_or_never().flatten();
        }
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
