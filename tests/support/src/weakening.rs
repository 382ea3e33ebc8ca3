//! Objects that weaken a baseline from beside it, each with the violations for which it is refused.

use serde_json::{Value, json};

use crate::objects::{
    authorization_policy, network_policy, object, peer_authentication, sidecar, telemetry, with_entry,
};
use crate::refusal::Violation;

/// An object, and every violation in it.
pub type Refused = (Value, Vec<Violation<'static>>);

/// The namespace selector `selector` as the second peer of an ingress rule.
fn from(selector: &Value) -> Value {
    json!([{ "from": [{ "podSelector": {} }, { "namespaceSelector": selector, "podSelector": {} }] }])
}

/// The pods of a namespace with these labels, as a peer.
pub fn pods(namespace: &str, labels: &Value) -> Value {
    json!({
        "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": namespace } },
        "podSelector": { "matchLabels": labels },
    })
}

/// Network policies that open a namespace of the tenant.
pub fn open_networks(namespace: &str, tenant: &str) -> Vec<Refused> {
    let expression = |operator: &str, values: Value| {
        let mut one = json!({ "key": "bulkhead.dev/tenant", "operator": operator });
        if !values.is_null() {
            one["values"] = values;
        }
        from(&json!({ "matchExpressions": [one] }))
    };
    let to = |peer: Value| json!({ "egress": [{ "to": [peer] }] });
    let block = |cidr: &str| json!({ "ipBlock": { "cidr": cidr } });
    let ingress = |rules: Value| json!({ "ingress": rules });
    let to_ports = |peer: &Value, ports: Value| json!({ "egress": [{ "to": [peer], "ports": ports }] });
    let istiod = pods("istio-system", &json!({ "app": "istiod" }));
    let dns = pods("kube-system", &json!({ "k8s-app": "kube-dns" }));
    let any_of = |label: &str| {
        let mut peer = dns.clone();
        peer["podSelector"] = json!({ "matchExpressions": [{ "key": label, "operator": "In", "values": ["kube-dns", "mine"] }] });
        peer
    };
    let collector = pods("shared-services", &json!({ "app": "log-collector" }));
    let whole = json!({ "namespaceSelector": dns["namespaceSelector"] });
    let destination = ("BH502", "spec.egress[0].to[0].namespaceSelector");
    let namespaces = "spec.ingress[0].from[1].namespaceSelector";
    let cidr = "spec.egress[0].to[0].ipBlock.cidr";
    let specs = [
        (ingress(json!([{}])), ("BH501", "spec.ingress[0]")),
        (ingress(json!([{ "from": null }])), ("BH501", "spec.ingress[0]")),
        (ingress(json!([{ "ports": [{ "port": "http" }] }])), ("BH501", "spec.ingress[0]")),
        (json!({ "policyTypes": ["Ingress"], "egress": [{}] }), ("BH501", "spec.egress[0]")),
        (ingress(from(&json!({}))), ("BH501", namespaces)),
        (ingress(from(&json!({ "matchLabels": null }))), ("BH501", namespaces)),
        (ingress(from(&json!({ "matchLabels": { "tenant": tenant } }))), ("BH501", namespaces)),
        (ingress(expression("Exists", Value::Null)), ("BH501", namespaces)),
        (ingress(expression("NotIn", json!(["another"]))), ("BH501", namespaces)),
        (ingress(expression("In", json!([tenant, "another"]))), ("BH502", namespaces)),
        (
            ingress(from(&json!({ "matchLabels": { "kubernetes.io/metadata.name": "default" } }))),
            ("BH502", namespaces),
        ),
        (
            json!({ "egress": [{ "to": [{ "podSelector": {} }] }, { "to": [block("0.0.0.0/0")] }] }),
            ("BH501", "spec.egress[1].to[0].ipBlock.cidr"),
        ),
        (
            to(json!({ "ipBlock": { "cidr": "0.0.0.0/0", "except": ["10.0.0.0/8", "172.16.0.0/12"] } })),
            ("BH501", cidr),
        ),
        (to(block("128.0.0.0/1")), ("BH501", cidr)),
        (to(block("::/0")), ("BH501", cidr)),
        (to(block("10.0.0.0/8")), ("BH502", cidr)),
        (to(block("169.254.169.254/32")), ("BH502", cidr)),
        // The address of the API server, on any port.
        (to(block("192.0.2.10/32")), ("BH502", cidr)),
        (
            ingress(json!([{ "from": [block("203.0.113.7/32")] }])),
            ("BH502", "spec.ingress[0].from[0].ipBlock.cidr"),
        ),
        // Granted pods on other ports, and the granted port of other pods.
        (to(istiod.clone()), destination),
        (to(dns.clone()), destination),
        (to(collector), destination),
        (to_ports(&istiod, json!([{ "port": 15012 }, { "port": 15010 }])), destination),
        (to_ports(&istiod, json!([{ "port": 15010, "endPort": 15012 }])), destination),
        (to_ports(&istiod, json!([{ "port": 15012, "protocol": "UDP" }])), destination),
        (to_ports(&istiod, json!([{ "port": "grpc-xds" }])), destination),
        (to_ports(&dns, json!([{ "port": 53, "protocol": "SCTP" }])), destination),
        (to_ports(&dns, json!([{ "port": 9153 }])), destination),
        (to_ports(&whole, json!([{ "port": 53, "protocol": "UDP" }, { "port": 9153 }])), destination),
        (to_ports(&any_of("k8s-app"), json!([{ "port": 53, "protocol": "UDP" }])), destination),
    ];
    let refused = |(spec, violation)| (network_policy(namespace, "beside", &spec), vec![violation]);
    specs.into_iter().map(refused).collect()
}

/// Objects that open the mesh to a namespace's pods, silence their access log, or have limits of their own.
pub fn open_mesh(namespace: &str) -> Vec<Refused> {
    let web = json!({ "matchLabels": { "app": "web" } });
    let mtls = |spec: Value| peer_authentication(namespace, "beside", &spec);
    let sidecar = |spec: Value| sidecar(namespace, "beside", &spec);
    let listener = |more: &Value| {
        let mut one = json!({ "port": { "number": 8080, "protocol": "HTTP", "name": "http" } });
        one.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        sidecar(json!({ "ingress": [one] }))
    };
    let log = |logging: Value| {
        telemetry(namespace, "beside", &json!({ "selector": web, "accessLogging": [logging] }))
    };
    let hosts = |host: &str| sidecar(json!({ "egress": [{ "hosts": ["./*", host] }] }));
    let limits = json!({ "limits": [{ "type": "Container", "default": { "memory": "8Mi" } }] });
    let allowing = authorization_policy(namespace, "beside", &json!({ "action": "ALLOW", "rules": [{}] }));
    let strict = mtls(json!({ "selector": web, "mtls": { "mode": "STRICT" } }));
    let ports = json!({ "80": { "mode": "STRICT" }, "81": { "mode": "PERMISSIVE" } });
    let log_for_all = json!({ "accessLogging": [{ "disabled": true }] });
    vec![
        (mtls(json!({ "mtls": { "mode": "PERMISSIVE" } })), vec![("BH701", "spec.mtls.mode")]),
        (mtls(json!({ "mtls": { "mode": "UNSET" } })), vec![("BH701", "spec.mtls")]),
        (mtls(json!({ "selector": web, "mtls": { "mode": "DISABLE" } })), vec![("BH701", "spec.mtls.mode")]),
        (
            mtls(json!({ "selector": web, "portLevelMtls": ports })),
            vec![("BH701", "spec.portLevelMtls[81].mode")],
        ),
        (sidecar(json!({ "workloadSelector": false })), vec![("BH204", "spec")]),
        (sidecar(json!({ "egress": false })), vec![("BH608", "spec")]),
        (sidecar(json!({ "outboundTrafficPolicy": false })), vec![("BH608", "spec")]),
        (
            sidecar(json!({ "outboundTrafficPolicy": { "mode": "ALLOW_ANY" } })),
            vec![("BH608", "spec.outboundTrafficPolicy.mode")],
        ),
        (hosts("*/*"), vec![("BH608", "spec.egress[0].hosts[1]")]),
        (hosts("*/api.example.com"), vec![("BH608", "spec.egress[0].hosts[1]")]),
        (hosts("default/*"), vec![("BH608", "spec.egress[0].hosts[1]")]),
        (listener(&json!({ "captureMode": "NONE" })), vec![("BH609", "spec.ingress[0].captureMode")]),
        (
            listener(&json!({ "defaultEndpoint": "unix:///var/run/app.sock" })),
            vec![("BH609", "spec.ingress[0].defaultEndpoint")],
        ),
        (
            listener(&json!({ "defaultEndpoint": "127.0.0.1:15000" })),
            vec![("BH609", "spec.ingress[0].defaultEndpoint")],
        ),
        (log(json!({ "disabled": true })), vec![("BH707", "spec.accessLogging[0].disabled")]),
        (
            log(json!({ "filter": { "expression": "false" } })),
            vec![("BH707", "spec.accessLogging[0].filter")],
        ),
        (
            log(json!({ "providers": [{ "name": "elsewhere" }] })),
            vec![("BH707", "spec.accessLogging[0].providers")],
        ),
        (
            telemetry(namespace, "beside", &log_for_all),
            vec![("BH204", "spec"), ("BH707", "spec.accessLogging[0].disabled")],
        ),
        (object("v1", "LimitRange", namespace, "beside", &limits), vec![("BH204", "spec")]),
        (
            with_entry(allowing, "labels", "istio.io/rev", "nobody"),
            vec![("BH704", "metadata.labels[istio.io/rev]")],
        ),
        (
            with_entry(strict, "annotations", "galley.istio.io/analyze-suppress", "*"),
            vec![("BH704", "metadata.annotations[galley.istio.io/analyze-suppress]")],
        ),
    ]
}
