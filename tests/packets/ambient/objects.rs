//! The objects of the cluster.

use serde_json::{Value, json};
use support::objects::{self, authorization_policy, labelled_namespace, list, object};

pub(super) use crate::calls::{ACME, BETA, MORE, SHARED};

/// Further namespaces of the platform.
pub(super) const OUTSIDE: &str = "pkt-outside";
pub(super) const INGRESS: &str = "istio-ingress";
pub(super) const MONITORING: &str = "monitoring";

/// Every pod by its namespace, its name and its account. The injector makes sidecars and gateways of those in
/// [`INGRESS`] and [`MONITORING`], ztunnel would capture the others but the one in [`OUTSIDE`].
pub(super) const PODS: &[[&str; 3]] = &[
    [ACME, "web", "default"],
    [ACME, "neighbour", "default"],
    [MORE, "sibling", "default"],
    [BETA, "another", "default"],
    [OUTSIDE, "outsider", "default"],
    [INGRESS, "public", "public"],
    [INGRESS, "private", "private"],
    [MONITORING, "scraper", "scraper"],
    [SHARED, "log-collector", "log-collector"],
    [SHARED, "auditor", "auditor"],
];

/// The waypoint of a tenant's namespace, with the name that the settings list by default.
pub(super) const WAYPOINT: &str = "waypoint";
/// The waypoint that the baseline has for the shared service with HTTP.
pub(super) const SHARED_WAYPOINT: &str = "bulkhead-log-collector-waypoint";

/// The name of the tenant's service outside the cluster.
pub(super) const PUBLIC_NAME: &str = "web.example.com";

pub(super) fn host(service: &str, namespace: &str) -> String {
    format!("{service}.{namespace}.svc.cluster.local")
}

/// The platform's namespaces, and the accounts in them.
pub(super) fn platform() -> Value {
    let injected = [INGRESS, MONITORING].map(|name| (name, json!({ "istio-injection": "enabled" })));
    let captured = (SHARED, json!({ "istio.io/dataplane-mode": "ambient" }));
    let namespaces = injected.into_iter().chain([captured, (OUTSIDE, json!({}))]);
    let namespaces = namespaces.map(|(name, labels)| labelled_namespace(name, &labels));
    let accounts = PODS.iter().filter(|[_, _, account]| *account != "default");
    let accounts = accounts.map(|[namespace, _, name]| {
        json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": name, "namespace": namespace },
        })
    });
    list(namespaces.chain(accounts))
}

/// The shared services: the first serves HTTP, the second TCP and calls both tenants.
pub(super) fn shared_services() -> Value {
    let ingest = json!({
        "port": 8080, "protocol": "HTTP", "methods": ["POST"], "paths": ["/ingest/{tenant}/*"],
        "headers": { "x-tenant-id": "{tenant}" },
    });
    let collector = json!({ "namespace": SHARED, "selector": { "app": "log-collector" }, "ports": [ingest] });
    let auditor = json!({
        "namespace": SHARED, "selector": { "app": "auditor" }, "ports": [{ "port": 9090 }],
        "callsTenants": ["pkt-acme", "pkt-beta"],
    });
    list(
        [("log-collector", collector), ("auditor", auditor)]
            .map(|(name, spec)| objects::shared_service(name, &spec)),
    )
}

/// The grants of one tenant; the other has none.
pub(super) fn grants() -> Value {
    json!({ "spec": { "grants": {
        "serve": { "gateways": ["istio-ingress/public"] },
        "reach": { "sharedServices": ["auditor", "log-collector"] },
        "callers": [{ "namespace": MONITORING, "serviceAccount": "scraper", "ports": [9090] }],
    } } })
}

/// The pods, the Services, and the routes of the gateways.
pub(super) fn workloads() -> Value {
    let pods = PODS.iter().map(|[namespace, name, account]| pod(namespace, name, account));
    let services =
        [service(ACME, "web", "web", 80), service(BETA, "another", "another", 80), shared_http_service()];
    let gateways = PODS.iter().filter(|[namespace, ..]| *namespace == INGRESS);
    let routes = gateways.flat_map(|[namespace, name, _]| routes(namespace, name));
    list(pods.chain(services).chain(routes))
}

/// A pod with a workload on 8080 (HTTP) and 9090 (TCP), as istio-cni leaves it if ztunnel captures it.
fn pod(namespace: &str, name: &str, account: &str) -> Value {
    let annotations = match namespace {
        INGRESS => json!({ "inject.istio.io/templates": "gateway" }),
        MONITORING | OUTSIDE => json!({}),
        _ => json!({ "ambient.istio.io/redirection": "enabled" }),
    };
    let workload = json!({
        "name": "app", "image": "registry.example.com/app:1",
        "ports": [{ "name": "http", "containerPort": 8080 }, { "name": "tcp", "containerPort": 9090 }],
    });
    let gateway = json!({ "name": "istio-proxy", "image": "auto" });
    let container = if namespace == INGRESS { gateway } else { workload };
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name, "namespace": namespace, "labels": { "app": name }, "annotations": annotations,
        },
        "spec": { "serviceAccountName": account, "containers": [container] },
    })
}

/// A Service for the pods of an app, whose port for HTTP has this number. Callers in the mesh use the waypoint.
pub(super) fn service(namespace: &str, name: &str, app: &str, http: u16) -> Value {
    let waypoint = match namespace {
        ACME => json!({ "istio.io/use-waypoint": WAYPOINT }),
        SHARED => json!({ "istio.io/use-waypoint": SHARED_WAYPOINT }),
        _ => json!({}),
    };
    let mut ports = vec![json!({ "name": "http", "port": http, "targetPort": 8080 })];
    if http != 9090 {
        ports.push(json!({ "name": "tcp", "port": 9090 }));
    }
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": { "name": name, "namespace": namespace, "labels": waypoint },
        "spec": { "selector": { "app": app }, "ports": ports },
    })
}

/// The Service of the shared service with HTTP, on the port of its pods.
fn shared_http_service() -> Value {
    service(SHARED, "log-collector", "log-collector", 8080)
}

/// The routes of a gateway to the tenant's service: by its public name, and on 9090.
fn routes(namespace: &str, name: &str) -> [Value; 3] {
    let object =
        |kind: &str, name: &str, spec: Value| object("networking.istio.io/v1", kind, namespace, name, &spec);
    let to =
        |port: u16| json!([{ "destination": { "host": host("web", ACME), "port": { "number": port } } }]);
    let servers = json!([
        { "port": { "number": 8080, "name": "http", "protocol": "HTTP" }, "hosts": [PUBLIC_NAME] },
        { "port": { "number": 9090, "name": "tcp", "protocol": "TCP" }, "hosts": ["*"] },
    ]);
    let http = json!({ "hosts": [PUBLIC_NAME], "gateways": [name], "http": [{ "route": to(80) }] });
    let tcp = json!({
        "hosts": ["*"], "gateways": [name], "tcp": [{ "match": [{ "port": 9090 }], "route": to(9090) }],
    });
    [
        object("Gateway", name, json!({ "selector": { "app": name }, "servers": servers })),
        object("VirtualService", &format!("{name}-http"), http),
        object("VirtualService", &format!("{name}-tcp"), tcp),
    ]
}

/// The waypoint for the Services of a namespace.
pub(super) fn waypoint(namespace: &str) -> Value {
    let gateway = json!({
        "gatewayClassName": "istio-waypoint",
        "listeners": [{ "name": "mesh", "port": 15008, "protocol": "HBONE" }],
    });
    let mut object = object("gateway.networking.k8s.io/v1", "Gateway", namespace, WAYPOINT, &gateway);
    object["metadata"]["labels"] = json!({ "istio.io/waypoint-for": "service" });
    object
}

/// A policy of the tenant that allows every call.
pub(super) fn all_allowed() -> Value {
    authorization_policy(ACME, "all-allowed", &json!({ "action": "ALLOW", "rules": [{}] }))
}
