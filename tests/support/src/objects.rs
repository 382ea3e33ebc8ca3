//! Builders of Kubernetes objects: the smallest that the API server accepts, for a test to add to.

use serde_json::{Value, json};

/// An object with a spec.
pub fn object(api_version: &str, kind: &str, namespace: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": api_version, "kind": kind, "metadata": { "name": name, "namespace": namespace }, "spec": spec,
    })
}

/// The object after a change.
pub fn changed(mut object: Value, change: impl FnOnce(&mut Value)) -> Value {
    change(&mut object);
    object
}

/// The object with this entry, and no other, in `metadata.labels` or `metadata.annotations`.
pub fn with_entry(object: Value, map: &str, key: &str, value: &str) -> Value {
    changed(object, |object| object["metadata"][map] = json!({ key: value }))
}

/// A list, which kubectl applies item by item.
pub fn list(items: impl IntoIterator<Item = Value>) -> Value {
    let items: Vec<Value> = items.into_iter().collect();
    json!({ "apiVersion": "v1", "kind": "List", "items": items })
}

pub fn labelled_namespace(name: &str, labels: &Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name, "labels": labels } })
}

/// A tenant, which has no namespace in its metadata.
pub fn tenant(name: &str, spec: &Value) -> Value {
    cluster_object("Tenant", name, spec)
}

pub fn shared_service(name: &str, spec: &Value) -> Value {
    cluster_object("SharedService", name, spec)
}

fn cluster_object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({ "apiVersion": "bulkhead.dev/v1alpha1", "kind": kind, "metadata": { "name": name }, "spec": spec })
}

/// A pod `app` with a container `app`.
pub fn pod(namespace: &str) -> Value {
    let container = json!({ "name": "app", "image": "registry.example.com/app:1" });
    object(
        "v1",
        "Pod",
        namespace,
        "app",
        &json!({ "automountServiceAccountToken": false, "containers": [container] }),
    )
}

/// A Deployment whose pods have a container `app`, and its own name as the label `app`.
pub fn deployment(namespace: &str, name: &str) -> Value {
    let container = json!({ "name": "app", "image": "registry.example.com/app:1" });
    let spec = json!({
        "selector": { "matchLabels": { "app": name } },
        "template": { "metadata": { "labels": { "app": name } }, "spec": { "containers": [container] } },
    });
    object("apps/v1", "Deployment", namespace, name, &spec)
}

/// A Secret for a token of the account `default`.
pub fn token_secret(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": {
            "name": name, "namespace": namespace,
            "annotations": { "kubernetes.io/service-account.name": "default" },
        },
    })
}

/// A NetworkPolicy for the pods with the label `app: web`.
pub fn network_policy(namespace: &str, name: &str, spec: &Value) -> Value {
    let policy = object("networking.k8s.io/v1", "NetworkPolicy", namespace, name, spec);
    changed(policy, |policy| policy["spec"]["podSelector"] = json!({ "matchLabels": { "app": "web" } }))
}

pub fn authorization_policy(namespace: &str, name: &str, spec: &Value) -> Value {
    object("security.istio.io/v1", "AuthorizationPolicy", namespace, name, spec)
}

pub fn peer_authentication(namespace: &str, name: &str, spec: &Value) -> Value {
    object("security.istio.io/v1", "PeerAuthentication", namespace, name, spec)
}

/// A Sidecar that no rule refuses: each of its three fields can be given in `spec`, or left out by `false`.
pub fn sidecar(namespace: &str, name: &str, spec: &Value) -> Value {
    let mut sidecar = object("networking.istio.io/v1", "Sidecar", namespace, name, spec);
    let web = json!({ "labels": { "app": "web" } });
    for (field, usual) in [
        ("workloadSelector", web),
        ("outboundTrafficPolicy", json!({ "mode": "REGISTRY_ONLY" })),
        ("egress", json!([{ "hosts": ["./*"] }])),
    ] {
        match &spec[field] {
            Value::Null => sidecar["spec"][field] = usual,
            Value::Bool(false) => drop(sidecar["spec"].as_object_mut().unwrap().remove(field)),
            _ => {}
        }
    }
    sidecar
}

pub fn telemetry(namespace: &str, name: &str, spec: &Value) -> Value {
    object("telemetry.istio.io/v1", "Telemetry", namespace, name, spec)
}

/// A CRD of a namespaced kind with any fields.
pub fn schemaless_crd(group: &str, version: &str, kind: &str) -> Value {
    let singular = kind.to_lowercase();
    let plural =
        singular.strip_suffix('y').map_or_else(|| format!("{singular}s"), |stem| format!("{stem}ies"));
    let schema = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("{plural}.{group}") },
        "spec": {
            "group": group, "scope": "Namespaced",
            "names": { "kind": kind, "plural": plural, "singular": singular },
            "versions": [{
                "name": version, "served": true, "storage": true,
                "schema": { "openAPIV3Schema": schema },
            }],
        },
    })
}
