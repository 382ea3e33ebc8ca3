//! # BH303 `mesh-metadata`
//!
//! ## What it refuses
//! Refuses Istio labels and annotations that weaken a pod's sidecar.
//!
//! Every key of `istio.io` and its subdomains on a pod, a template or a binding must be known, and its value must
//! leave the proxy as the mesh configures it. The keys and their values are listed in docs/keys.md.
//! Values that Istio copies into Envoy's bootstrap, such as `sidecar.istio.io/statsInclusionPrefixes`, may hold only
//! letters, digits and the signs of patterns. `proxy.istio.io/config` may set `concurrency`, drain durations,
//! `holdApplicationUntilProxyStarts`, sampling, statistics and harmless `proxyMetadata`.
//!
//! With the data plane `Ambient` only its own keys are judged: `ambient.istio.io/…` and `istio.io/use-waypoint…`. A pod
//! may use a waypoint of its own namespace that the setting `mesh.waypoints` names.
//!
//! A pod must keep `sidecar.istio.io/status`, `istio.io/rev` and `security.istio.io/tlsMode` as the injector wrote them, also
//! through `pods/status`. With `mesh.istioCni` in the settings a pod must have `sidecar.istio.io/status`. The network in
//! `topology.istio.io/network` must be the one that the injector writes.
//!
//! ## Why
//! The injector obeys these keys, and so do the proxy's agent and istio-cni, which read them from the live pod. A
//! `sidecar.istio.io/discoveryAddress` hands the proxy to another control plane, and no field of the pod's containers
//! shows it. `traffic.sidecar.istio.io/excludeInboundPorts` leaves a port without any policy.
//!
//! ## What to write instead
//! Remove the key, or write one of the values above.
//!
//! ## How to get it allowed
//! The platform lists further keys in the setting `mesh.allowedPodKeys`. For one workload, ask the platform for an
//! Exemption of BH303.
//! The rule only warns for tenants with `enforcement: Observe`, for objects that already violated it while the fields
//! that it reads stay unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: led-astray, namespace: tenant-acme }
//! spec:
//!   template:
//!     metadata:
//!       labels:
//!         istio.io/rev: canary # BH303
//!         topology.istio.io/network: theirs # BH303
//!       annotations:
//!         sidecar.istio.io/discoveryAddress: "mine:15012" # BH303
//!         sidecar.istio.io/statsInclusionPrefixes: 'a"}' # BH303
//!         traffic.sidecar.istio.io/excludeInboundPorts: "8080" # BH303
//!         proxy.istio.io/config: "proxyMetadata: { DRY_RUN: 'true' }" # BH303
//!     spec:
//!       containers:
//!         - { name: app, image: registry.example.com/app:1 }
//! ```
//! In an ambient mesh:
//! ```yaml as alice in acme-developers, in snapshot ambient
//! apiVersion: v1
//! kind: Pod
//! metadata:
//!   name: uncaptured
//!   namespace: tenant-acme
//!   labels:
//!     istio.io/use-waypoint: none # BH303
//!     istio.io/use-waypoint-namespace: tenant-beta # BH303
//!   annotations:
//!     ambient.istio.io/bypass-inbound-capture: "true" # BH303
//!     ambient.istio.io/dns-capture: "false" # BH303
//!     istio.io/reroute-virtual-interfaces: eth0 # BH303
//!     sidecar.istio.io/status: '{}' # BH303
//! spec:
//!   containers:
//!     - { name: app, image: registry.example.com/app:1 }
//! ```
//! ```yaml
//! apiVersion: v1
//! kind: Binding
//! metadata:
//!   name: web-0
//!   namespace: tenant-acme
//!   annotations:
//!     traffic.sidecar.istio.io/excludeInterfaces: eth0 # BH303
//!     sidecar.istio.io/status: '{}' # BH303
//! target: { kind: Node, name: worker-1 } # BH311
//! ```
//!
//! ## Admitted
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: tuned, namespace: tenant-acme }
//! spec:
//!   template:
//!     metadata:
//!       labels: { app: tuned, istio.io/rev: default, service.istio.io/canonical-name: tuned }
//!       annotations:
//!         sidecar.istio.io/proxyCPU: 200m
//!         sidecar.istio.io/logLevel: debug
//!         proxy.istio.io/config: |
//!           concurrency: 2
//!           holdApplicationUntilProxyStarts: true
//!           proxyMetadata: { ISTIO_META_DNS_CAPTURE: "true" }
//!           proxyStatsMatcher: { inclusionRegexps: [".*retry.*"] }
//!     spec:
//!       containers:
//!         - { name: app, image: registry.example.com/app:1 }
//! ```
//!
//! ## Limits
//! Metrics annotations (`prometheus.io/…`) can make the proxy read a path of its own pod.

use super::{Check, Kind, Kinds, Operation, Request, Rule, RuleReport, quote};
use crate::keys::{
    Map, NETWORK_LABEL, OVERRIDES_ANNOTATION, REVISION_LABEL, STATUS_ANNOTATION, TLS_MODE_LABEL,
    is_ambient_key, is_mesh_key,
};
use crate::policy::object::{Metadata, MetadataAt, Object, Stage};
use crate::policy::proxy::metadata::{Judgement, judge};
use crate::settings::Dataplane;
use crate::snapshot::ProxyReference;

pub(super) const RULE: Rule =
    Rule::new(Check::Metadata(check)).kinds(&[Kinds::Workloads, Kinds::Only(&[Kind::Binding])]);

fn check(request: &Request<'_>, metadata: MetadataAt<'_>, report: &mut RuleReport) {
    let settings = &request.snapshot.settings;
    // A binding does not say if its pod has a sidecar.
    let is_ambient = request.dataplane() == Dataplane::Ambient && request.kind != Kind::Binding;
    let is_injected =
        matches!(request.object, Object::Workload(workload) if workload.stage != Stage::Authored);
    let is_own_network = |key: &str, value: &str| {
        let mut networks = request.proxy_references().filter_map(ProxyReference::network);
        is_injected && key == NETWORK_LABEL && networks.any(|network| network == value)
    };
    for map in Map::ALL {
        let acts_on = |key: &str| if is_ambient { is_ambient_key(key) } else { is_mesh_key(key) };
        // BH304 judges these in pods, as far as there is an injector.
        let is_injectors = |key: &str| {
            (is_ambient || request.kind == Kind::Binding)
                && [STATUS_ANNOTATION, OVERRIDES_ANNOTATION].contains(&key)
        };
        for (key, value) in metadata.metadata.entries(map).iter().filter(|(key, _)| acts_on(key)) {
            let judgement =
                if is_injectors(key) { Judgement::Never } else { judge(map, key, value, settings) };
            let (message, fix) = match judgement {
                Judgement::Harmless => continue,
                Judgement::Never if is_own_network(key, value) => continue,
                Judgement::Never => (
                    format!("{} weakens the capture by the mesh, whatever its value is", quote(key)),
                    "remove it.",
                ),
                Judgement::Value => (
                    format!(
                        "{} is a value of {} that weakens the capture by the mesh",
                        quote(value),
                        quote(key)
                    ),
                    "remove it, or write a value that `bulkhead explain BH303` allows.",
                ),
                Judgement::Unknown => (
                    format!("Bulkhead does not know the key {}, and Istio may act on it", quote(key)),
                    "remove it, or ask the platform to list it in the setting `mesh.allowedPodKeys`.",
                ),
            };
            report.add(&metadata.path(map, key), message, fix);
        }
    }
    let is_missing =
        settings.istio_cni && !is_ambient && is_injected && metadata.annotation(STATUS_ANNOTATION).is_none();
    if is_missing {
        let path = metadata.path(Map::Annotations, STATUS_ANNOTATION);
        let finding = "istio-cni does not capture the traffic of a pod without this annotation";
        report.add(&path, finding, "leave it as the injector wrote it.");
    }
    for (map, key) in changed_keys(request, metadata.metadata).filter(|_| !is_missing) {
        let finding = "only the injector writes this key, and the mesh treats the pod by it";
        report.add(&metadata.path(map, key), finding, "leave it as the injector wrote it.");
    }
}

/// Keys that the injector writes and that the mesh reads from a running pod.
const INJECTED_KEYS: [(Map, &str); 3] = [
    (Map::Annotations, REVISION_LABEL),
    (Map::Annotations, STATUS_ANNOTATION),
    (Map::Labels, TLS_MODE_LABEL),
];

/// Returns the injector's keys that an update of a pod adds, changes or removes.
fn changed_keys(request: &Request<'_>, new: &Metadata<'_>) -> impl Iterator<Item = (Map, &'static str)> {
    let is_update = request.kind == Kind::Pod && request.operation == Operation::Update;
    let old = is_update.then(|| request.old_metadata()).flatten();
    INJECTED_KEYS.into_iter().filter(move |(map, key)| {
        old.is_some_and(|old| old.entries(*map).get(key) != new.entries(*map).get(key))
    })
}
