//! The objects of the clusters: the same in both.

use std::net::IpAddr;

use serde_json::{Value, json};
use support::objects::{self, labelled_namespace, list, object};

pub(super) use crate::calls::{ACME, BETA, MORE, SHARED};

/// Further namespaces of the platform.
pub(super) const OUTSIDE: &str = "pkt-outside";
pub(super) const INGRESS: &str = "istio-ingress";
pub(super) const MONITORING: &str = "monitoring";

/// Every pod by its namespace, its name and its account.
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

/// The pods that are services' endpoints, by their namespaces and the names of both.
pub(super) const SERVICES: [[&str; 2]; 3] = [[ACME, "web"], [BETA, "another"], [SHARED, "log-collector"]];

/// The name of the tenant's service outside the cluster.
pub(super) const PUBLIC_NAME: &str = "web.example.com";

pub(super) fn host(service: &str, namespace: &str) -> String {
    format!("{service}.{namespace}.svc.cluster.local")
}

/// Objects that are created before the pods run, and after the tenants' namespaces.
pub(super) fn all() -> Value {
    let pods = PODS.iter().map(|[namespace, name, account]| match *namespace {
        INGRESS => router(namespace, name, account),
        _ => pod(namespace, name, account),
    });
    let services = SERVICES.iter().map(|[namespace, name]| service(namespace, name));
    let gateways = PODS.iter().filter(|[namespace, ..]| *namespace == INGRESS);
    let gateways = gateways.flat_map(|[namespace, name, _]| gateway(namespace, name));
    list(pods.chain(services).chain(gateways))
}

/// The platform's namespaces and the accounts in them.
pub(super) fn platform() -> Value {
    let account = |namespace: &str, name: &str| {
        json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": name, "namespace": namespace },
        })
    };
    let own = PODS.iter().filter(|[_, _, account]| *account != "default");
    let accounts = own.map(|[namespace, _, name]| account(namespace, name));
    let meshed = [INGRESS, MONITORING, SHARED].map(|name| namespace(name, "enabled"));
    list(meshed.into_iter().chain([namespace(OUTSIDE, "disabled")]).chain(accounts))
}

/// The shared services of the cluster with Bulkhead: tenants call the collector, each in its own name; the auditor calls
/// both tenants.
pub(super) fn shared_services() -> Value {
    let ingest = json!({
        "port": 8080, "protocol": "HTTP", "methods": ["POST"], "paths": ["/ingest/{tenant}/*"],
        "headers": { "x-tenant-id": "{tenant}" },
    });
    let collector = json!({
        "namespace": SHARED, "selector": { "app": "log-collector" }, "ports": [ingest],
    });
    let auditor = json!({
        "namespace": SHARED, "selector": { "app": "auditor" }, "ports": [{ "port": 9090 }],
        "callsTenants": ["pkt-acme", "pkt-beta"],
    });
    let service = objects::shared_service;
    list([service("log-collector", &collector), service("auditor", &auditor)])
}

/// The grants of one tenant; the other has none.
pub(super) fn grants() -> Value {
    json!({ "spec": { "grants": {
        "serve": { "gateways": ["istio-ingress/public"] },
        "reach": { "sharedServices": ["log-collector"] },
        "callers": [{ "namespace": MONITORING, "serviceAccount": "scraper", "ports": [9090] }],
    } } })
}

pub(super) fn namespace(name: &str, injection: &str) -> Value {
    labelled_namespace(name, &json!({ "istio-injection": injection }))
}

/// A pod with a workload on 8080 (HTTP) and 9090 (TCP).
pub(super) fn pod(namespace: &str, name: &str, account: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": name, "namespace": namespace, "labels": { "app": name } },
        "spec": { "serviceAccountName": account, "containers": [{
            "name": "app", "image": "registry.example.com/app:1",
            "ports": [{ "name": "http", "containerPort": 8080 }, { "name": "tcp", "containerPort": 9090 }],
        }] },
    })
}

/// A pod that the injector turns into a gateway.
fn router(namespace: &str, name: &str, account: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name, "namespace": namespace, "labels": { "app": name },
            "annotations": { "inject.istio.io/templates": "gateway" },
        },
        "spec": {
            "serviceAccountName": account, "containers": [{ "name": "istio-proxy", "image": "auto" }],
        },
    })
}

/// The routes of a gateway to the tenant's service: by its public name, and on 9090.
fn gateway(namespace: &str, name: &str) -> [Value; 3] {
    let object =
        |kind: &str, name: &str, spec: Value| object("networking.istio.io/v1", kind, namespace, name, &spec);
    let to =
        |port: u16| json!([{ "destination": { "host": host("web", ACME), "port": { "number": port } } }]);
    [
        object(
            "Gateway",
            name,
            json!({ "selector": { "app": name }, "servers": [
            { "port": { "number": 8080, "name": "http", "protocol": "HTTP" }, "hosts": [PUBLIC_NAME] },
            { "port": { "number": 9090, "name": "tcp", "protocol": "TCP" }, "hosts": ["*"] },
        ] }),
        ),
        object(
            "VirtualService",
            &format!("{name}-http"),
            json!({
                "hosts": [PUBLIC_NAME], "gateways": [name], "http": [{ "route": to(80) }],
            }),
        ),
        object(
            "VirtualService",
            &format!("{name}-tcp"),
            json!({
                "hosts": ["*"], "gateways": [name], "tcp": [{ "match": [{ "port": 9090 }], "route": to(9090) }],
            }),
        ),
    ]
}

/// A Service, whose address the API server chooses.
pub(super) fn service(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": name, "namespace": namespace },
        "spec": { "ports": [
            { "name": "http", "port": 80, "targetPort": 8080 }, { "name": "tcp", "port": 9090 },
        ] },
    })
}

/// The EndpointSlice for the pod of that name, which no controller creates here.
pub(super) fn endpoint(namespace: &str, name: &str, address: IpAddr) -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": { "name": name, "namespace": namespace, "labels": { "kubernetes.io/service-name": name } },
        "endpoints": [{
            "addresses": [address], "conditions": { "ready": true },
            "targetRef": { "kind": "Pod", "name": name, "namespace": namespace },
        }],
        "ports": [{ "name": "http", "port": 8080 }, { "name": "tcp", "port": 9090 }],
    })
}

/// A route of the other tenant that leads calls of the tenant's service to its own pod.
pub(super) fn route_taken() -> Value {
    route("taken", &[host("web", ACME)])
}

/// The same route, for a host of the other tenant too.
pub(super) fn route_shared() -> Value {
    route("shared", &[host("another", BETA), host("web", ACME)])
}

fn route(name: &str, hosts: &[String]) -> Value {
    let another = json!({ "destination": { "host": host("another", BETA), "port": { "number": 80 } } });
    let spec = json!({ "hosts": hosts, "exportTo": ["*"], "http": [{ "route": [another] }] });
    object("networking.istio.io/v1", "VirtualService", BETA, name, &spec)
}

/// A policy of the tenant that allows every call.
pub(super) fn all_allowed() -> Value {
    objects::authorization_policy(ACME, "all-allowed", &json!({ "action": "ALLOW", "rules": [{}] }))
}
