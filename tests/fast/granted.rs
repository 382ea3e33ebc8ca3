//! What a tenant may write beside its baseline because it was granted: judged by the command, in a world of its own.

use serde_json::{Value, json};

use crate::check::bulkhead;
use crate::weakening::objects::{mtls, network, sidecar, with};

const GRANTED: &str = "
apiVersion: bulkhead.dev/v1alpha1
kind: Settings
mesh: { revision: canary, outbound: ALLOW_ANY }
gateways: [{ name: edge/public, serviceAccount: public, selector: { app: public } }]
egressGateway: { namespace: out, service: out, selector: { app: out } }
---
apiVersion: bulkhead.dev/v1alpha1
kind: Tenant
metadata: { name: gamma }
spec:
  grants:
    serve: { gateways: [edge/public] }
    reach:
      hosts: [api.example.com]
      cidrs: [{ cidr: 203.0.113.0/24, ports: [443, 8443] }]
    apiServerCallbacks: [{ selector: { app: operator }, port: 9443 }]
---
apiVersion: v1
kind: Namespace
metadata: { name: tenant-gamma, labels: { bulkhead.dev/tenant: gamma } }
---
";

/// The codes that are reported of `object`, in a world with these grants and settings.
fn codes(object: &Value) -> Vec<String> {
    let arguments = ["check", "-o", "json", "-"];
    let (code, out, said) = bulkhead(&arguments, &format!("{GRANTED}{object}\n"));
    assert!(code < 2, "{object}: {out}{said}");
    let findings: Value = serde_json::from_str(&out).unwrap();
    findings.as_array().unwrap().iter().map(|found| found["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_granted_may_be_said_again_and_no_more() {
    let home = "tenant-gamma";
    let into = |peer: Value| network(home, "a", &json!({ "ingress": [{ "from": [peer] }] }));
    let out = |peer: Value, ports: Value| {
        network(home, "a", &json!({ "egress": [{ "to": [peer], "ports": ports }] }))
    };
    let named = |name: &str| json!({ "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": name } } });
    let pods = |name: &str, app: &str| {
        let mut peer = named(name);
        peer["podSelector"] = json!({ "matchLabels": { "app": app } });
        peer
    };
    let block = |cidr: &str| json!({ "ipBlock": { "cidr": cidr } });
    let operator = |app: &str, port: &str, mode: &str| {
        let selector = json!({ "matchLabels": { "app": app, "part": "webhook" } });
        mtls(home, "a", &json!({ "selector": selector, "portLevelMtls": { port: { "mode": mode } } }))
    };
    let none: [&str; 0] = [];
    for (object, expected) in [
        (into(named("edge")), &none[..]),
        (into(pods("edge", "public")), &[]),
        (out(named("edge"), json!([])), &["BH502"]),
        (out(pods("out", "out"), json!([])), &[]),
        (out(named("out"), json!([])), &["BH502"]),
        (out(block("203.0.113.0/24"), json!([{ "port": 443 }])), &[]),
        (out(block("203.0.113.128/25"), json!([{ "port": 8443, "protocol": "TCP" }, { "port": 443 }])), &[]),
        (out(block("203.0.113.0/24"), json!([])), &["BH502"]),
        (out(block("203.0.113.0/24"), json!([{ "port": 443, "protocol": "UDP" }])), &["BH502"]),
        (out(block("203.0.113.0/24"), json!([{ "port": 443, "endPort": 8443 }])), &["BH502"]),
        (out(block("203.0.113.0/24"), json!([{ "port": "https" }])), &["BH502"]),
        (out(block("203.0.112.0/23"), json!([{ "port": 443 }])), &["BH502"]),
        (out(block("::ffff:203.0.113.0/120"), json!([{ "port": 443 }])), &["BH502"]),
        (out(block("203.0.113.00/24"), json!([{ "port": 443 }])), &["BH502"]),
        (operator("operator", "9443", "PERMISSIVE"), &[]),
        (operator("operator", "9443", "DISABLE"), &["BH701"]),
        (operator("operator", "9444", "PERMISSIVE"), &["BH701"]),
        (operator("web", "9443", "PERMISSIVE"), &["BH701"]),
        (sidecar(home, "a", &json!({ "outboundTrafficPolicy": { "mode": "ALLOW_ANY" } })), &[]),
        (sidecar(home, "a", &json!({ "outboundTrafficPolicy": false })), &[]),
        (
            sidecar(
                home,
                "a",
                &json!({ "egress": [{ "hosts": ["kube-system/kube-dns.kube-system.svc.cluster.local"] }] }),
            ),
            &[],
        ),
        (sidecar(home, "a", &json!({ "egress": [{ "hosts": ["kube-system/*"] }] })), &["BH608"]),
        (with(sidecar(home, "a", &json!({})), "labels", "istio.io/rev", "canary"), &[]),
        (with(sidecar(home, "a", &json!({})), "labels", "istio.io/rev", "stable"), &["BH704"]),
    ] {
        assert_eq!(codes(&object), expected, "{object}");
    }
}

/// A member that is no more than its name is as good as one that is not there.
#[test]
fn what_cannot_be_read_is_refused() {
    let peer = |peer: Value| network("tenant-gamma", "a", &json!({ "ingress": [{ "from": [peer] }] }));
    for unreadable in [
        peer(json!({ "namespaceSelector": "everywhere" })),
        peer(json!({ "ipBlock": {} })),
        peer(json!({ "namespaceSelector": { "matchExpressions": [{ "key": "a" }] } })),
        network("tenant-gamma", "a", &json!({ "ingress": {} })),
        mtls("tenant-gamma", "a", &json!({ "mtls": { "mode": 2 } })),
    ] {
        let (code, out, _) = bulkhead(&["check", "-"], &format!("{GRANTED}{unreadable}\n"));
        assert!(code == 3 && out.contains("cannot be read"), "{unreadable}: {code} {out}");
    }
    for open in [json!({}), json!({ "namespaceSelector": null }), json!({ "somethingNew": { "a": "b" } })] {
        assert_eq!(codes(&peer(open)), ["BH501"]);
    }
}
