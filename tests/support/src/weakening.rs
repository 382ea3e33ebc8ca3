//! What somebody writes beside a baseline, and what opens it, with what is said of that.

use serde_json::{Value, json};

pub(crate) fn object(version: &str, kind: &str, namespace: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": version, "kind": kind, "metadata": { "name": name, "namespace": namespace }, "spec": spec,
    })
}

pub(crate) fn network(namespace: &str, name: &str, spec: &Value) -> Value {
    let mut policy = object("networking.k8s.io/v1", "NetworkPolicy", namespace, name, spec);
    policy["spec"]["podSelector"] = json!({ "matchLabels": { "app": "web" } });
    policy
}

pub(crate) fn mtls(namespace: &str, name: &str, spec: &Value) -> Value {
    object("security.istio.io/v1", "PeerAuthentication", namespace, name, spec)
}

pub(crate) fn sidecar(namespace: &str, name: &str, spec: &Value) -> Value {
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

pub(crate) fn telemetry(namespace: &str, name: &str, spec: &Value) -> Value {
    object("telemetry.istio.io/v1", "Telemetry", namespace, name, spec)
}

pub(crate) fn with(mut object: Value, map: &str, key: &str, value: &str) -> Value {
    object["metadata"][map] = json!({ key: value });
    object
}

/// The one peer `selector` of namespaces.
fn of(selector: &Value) -> Value {
    json!([{ "from": [{ "podSelector": {} }, { "namespaceSelector": selector, "podSelector": {} }] }])
}

/// What opens the network, each with what is said of it.
pub(crate) fn open_networks(namespace: &str) -> Vec<(Value, &'static str)> {
    let expression = |operator: &str, values: Value| {
        let mut one = json!({ "key": "bulkhead.dev/tenant", "operator": operator });
        if !values.is_null() {
            one["values"] = values;
        }
        of(&json!({ "matchExpressions": [one] }))
    };
    let to = |peer: Value| json!({ "egress": [{ "to": [peer] }] });
    let block = |cidr: &str| json!({ "ipBlock": { "cidr": cidr } });
    let ingress = |rules: Value| json!({ "ingress": rules });
    let specs = [
        (ingress(json!([{}])), "BH501 spec.ingress[0]: "),
        (ingress(json!([{ "from": null }])), "BH501 spec.ingress[0]: "),
        (ingress(json!([{ "ports": [{ "port": "http" }] }])), "BH501 spec.ingress[0]: "),
        (json!({ "policyTypes": ["Ingress"], "egress": [{}] }), "BH501 spec.egress[0]: "),
        (ingress(of(&json!({}))), "BH501 spec.ingress[0].from[1].namespaceSelector: "),
        (ingress(of(&json!({ "matchLabels": null }))), "BH501 "),
        (ingress(of(&json!({ "matchLabels": { "tenant": "wk-open" } }))), "BH501 "),
        (ingress(expression("Exists", Value::Null)), "BH501 "),
        (ingress(expression("NotIn", json!(["another"]))), "BH501 "),
        (ingress(expression("In", json!(["wk-open", "another"]))), "BH502 "),
        (
            ingress(of(&json!({ "matchLabels": { "kubernetes.io/metadata.name": "default" } }))),
            "BH502 spec.ingress[0].from[1].namespaceSelector: `default` is neither of tenant wk-open nor granted",
        ),
        (
            json!({ "egress": [{ "to": [{ "podSelector": {} }] }, { "to": [block("0.0.0.0/0")] }] }),
            "BH501 spec.egress[1].to[0].ipBlock.cidr: ",
        ),
        (
            to(json!({ "ipBlock": { "cidr": "0.0.0.0/0", "except": ["10.0.0.0/8", "172.16.0.0/12"] } })),
            "BH501 ",
        ),
        (to(block("128.0.0.0/1")), "BH501 "),
        (to(block("::/0")), "BH501 "),
        (to(block("10.0.0.0/8")), "BH502 spec.egress[0].to[0].ipBlock.cidr: "),
        (to(block("169.254.169.254/32")), "BH502 "),
        // The API server's own address, on any of its ports.
        (to(block("192.0.2.10/32")), "BH502 "),
        (ingress(json!([{ "from": [block("203.0.113.7/32")] }])), "BH502 "),
    ];
    specs.into_iter().map(|(spec, says)| (network(namespace, "beside", &spec), says)).collect()
}

/// What opens or silences something in the mesh, each with what is said of it.
pub(crate) fn open_mesh(namespace: &str) -> Vec<(Value, &'static str)> {
    let web = json!({ "matchLabels": { "app": "web" } });
    let listener = |more: &Value| {
        let mut one = json!({ "port": { "number": 8080, "protocol": "HTTP", "name": "http" } });
        one.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        sidecar(namespace, "beside", &json!({ "ingress": [one] }))
    };
    let log = |logging: Value| {
        telemetry(namespace, "beside", &json!({ "selector": web, "accessLogging": [logging] }))
    };
    let limits = json!({ "limits": [{ "type": "Container", "default": { "memory": "8Mi" } }] });
    let hosts = |host: &str| sidecar(namespace, "beside", &json!({ "egress": [{ "hosts": ["./*", host] }] }));
    let allow = json!({ "action": "ALLOW", "rules": [{}] });
    let allowing = object("security.istio.io/v1", "AuthorizationPolicy", namespace, "beside", &allow);
    let strict = mtls(namespace, "beside", &json!({ "selector": web, "mtls": { "mode": "STRICT" } }));
    let suppressed = with(strict, "annotations", "galley.istio.io/analyze-suppress", "*");
    vec![
        (mtls(namespace, "beside", &json!({ "mtls": { "mode": "PERMISSIVE" } })), "BH701 spec.mtls.mode: "),
        (mtls(namespace, "beside", &json!({ "mtls": { "mode": "UNSET" } })), "BH701 spec.mtls: "),
        (mtls(namespace, "beside", &json!({ "selector": web, "mtls": { "mode": "DISABLE" } })), "BH701 "),
        (
            mtls(
                namespace,
                "beside",
                &json!({ "selector": web, "portLevelMtls": { "80": { "mode": "STRICT" }, "81": { "mode": "PERMISSIVE" } } }),
            ),
            "BH701 spec.portLevelMtls[81].mode: ",
        ),
        (sidecar(namespace, "beside", &json!({ "workloadSelector": false })), "BH204 spec: "),
        (sidecar(namespace, "beside", &json!({ "egress": false })), "BH608 spec: without `egress`"),
        (sidecar(namespace, "beside", &json!({ "outboundTrafficPolicy": false })), "BH608 spec: without "),
        (
            sidecar(namespace, "beside", &json!({ "outboundTrafficPolicy": { "mode": "ALLOW_ANY" } })),
            "BH608 spec.outboundTrafficPolicy.mode: ",
        ),
        (hosts("*/*"), "BH608 spec.egress[0].hosts[1]: "),
        (hosts("*/api.example.com"), "BH608 "),
        (hosts("default/*"), "BH608 "),
        (listener(&json!({ "captureMode": "NONE" })), "BH609 spec.ingress[0].captureMode: "),
        (listener(&json!({ "defaultEndpoint": "unix:///var/run/app.sock" })), "BH609 "),
        (listener(&json!({ "defaultEndpoint": "127.0.0.1:15000" })), "BH609 "),
        (log(json!({ "disabled": true })), "BH707 spec.accessLogging[0].disabled: "),
        (log(json!({ "filter": { "expression": "false" } })), "BH707 "),
        (log(json!({ "providers": [{ "name": "elsewhere" }] })), "BH707 "),
        (
            telemetry(namespace, "beside", &json!({ "accessLogging": [{ "disabled": true }] })),
            "BH204 spec: for the whole namespace this would count in the place of the baseline's `access-log`",
        ),
        (object("v1", "LimitRange", namespace, "beside", &limits), "BH204 spec: "),
        (with(allowing, "labels", "istio.io/rev", "nobody"), "BH704 metadata.labels[istio.io/rev]: "),
        (suppressed, "BH704 metadata.annotations[galley.istio.io/analyze-suppress]: "),
    ]
}
