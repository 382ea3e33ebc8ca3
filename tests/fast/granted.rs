//! A tenant's own policies within its grants, and beyond them: judged by `bulkhead check`, with grants and settings of
//! its own.

use serde_json::{Value, json};
use support::command::bulkhead;
use support::objects::{network_policy as network, peer_authentication as mtls, sidecar, with_entry as with};

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

/// The exit code of `check` for `object` with these grants and settings, and the findings.
fn checked(object: &Value) -> (i32, Vec<Value>) {
    let (code, out, note) = bulkhead(&["check", "-o", "json", "-"], &format!("{GRANTED}{object}\n"));
    (code, serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {object}: {out}{note}")))
}

/// The codes and the paths of the violations in `object`, with these grants and settings.
fn violations(object: &Value) -> Vec<(String, String)> {
    let (_, findings) = checked(object);
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    findings.iter().map(|finding| (text(finding, "code"), text(finding, "field"))).collect()
}

#[test]
fn policy_within_the_grants_is_admitted_and_a_wider_one_is_not() {
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
    let foreign_namespace = ("BH502", "spec.egress[0].to[0].namespaceSelector");
    let foreign_block = ("BH502", "spec.egress[0].to[0].ipBlock.cidr");
    for (object, expected) in [
        (into(named("edge")), None),
        (into(pods("edge", "public")), None),
        (out(named("edge"), json!([])), Some(foreign_namespace)),
        (out(pods("out", "out"), json!([])), None),
        (out(named("out"), json!([])), Some(foreign_namespace)),
        (out(block("203.0.113.0/24"), json!([{ "port": 443 }])), None),
        (out(block("203.0.113.128/25"), json!([{ "port": 8443, "protocol": "TCP" }, { "port": 443 }])), None),
        (out(block("203.0.113.0/24"), json!([])), Some(foreign_block)),
        (out(block("203.0.113.0/24"), json!([{ "port": 443, "protocol": "UDP" }])), Some(foreign_block)),
        (out(block("203.0.113.0/24"), json!([{ "port": 443, "endPort": 8443 }])), Some(foreign_block)),
        (out(block("203.0.113.0/24"), json!([{ "port": "https" }])), Some(foreign_block)),
        (out(block("203.0.112.0/23"), json!([{ "port": 443 }])), Some(foreign_block)),
        (out(block("::ffff:203.0.113.0/120"), json!([{ "port": 443 }])), Some(foreign_block)),
        (out(block("203.0.113.00/24"), json!([{ "port": 443 }])), Some(foreign_block)),
        (operator("operator", "9443", "PERMISSIVE"), None),
        (operator("operator", "9443", "DISABLE"), Some(("BH701", "spec.portLevelMtls[9443].mode"))),
        (operator("operator", "9444", "PERMISSIVE"), Some(("BH701", "spec.portLevelMtls[9444].mode"))),
        (operator("web", "9443", "PERMISSIVE"), Some(("BH701", "spec.portLevelMtls[9443].mode"))),
        (sidecar(home, "a", &json!({ "outboundTrafficPolicy": { "mode": "ALLOW_ANY" } })), None),
        (sidecar(home, "a", &json!({ "outboundTrafficPolicy": false })), None),
        (
            sidecar(
                home,
                "a",
                &json!({ "egress": [{ "hosts": ["kube-system/kube-dns.kube-system.svc.cluster.local"] }] }),
            ),
            None,
        ),
        (
            sidecar(home, "a", &json!({ "egress": [{ "hosts": ["kube-system/*"] }] })),
            Some(("BH608", "spec.egress[0].hosts[0]")),
        ),
        (with(sidecar(home, "a", &json!({})), "labels", "istio.io/rev", "canary"), None),
        (
            with(sidecar(home, "a", &json!({})), "labels", "istio.io/rev", "stable"),
            Some(("BH704", "metadata.labels[istio.io/rev]")),
        ),
    ] {
        let expected = expected.map(|(code, path)| (code.to_owned(), path.to_owned()));
        assert_eq!(violations(&object), Vec::from_iter(expected), "{object}");
    }
}

/// A peer that is only a name, or a name that is not known, selects nothing in particular.
#[test]
fn policy_that_cannot_be_read_is_not_clean() {
    let peer = |peer: Value| network("tenant-gamma", "a", &json!({ "ingress": [{ "from": [peer] }] }));
    for unreadable in [
        peer(json!({ "namespaceSelector": "everywhere" })),
        peer(json!({ "ipBlock": {} })),
        peer(json!({ "namespaceSelector": { "matchExpressions": [{ "key": "a" }] } })),
        network("tenant-gamma", "a", &json!({ "ingress": {} })),
        mtls("tenant-gamma", "a", &json!({ "mtls": { "mode": 2 } })),
    ] {
        let (code, findings) = checked(&unreadable);
        let [finding] = findings.as_slice() else { panic!("{findings:?}") };
        assert!(code == 3 && finding["unjudged"].is_string(), "{unreadable}: {code} {finding}");
    }
    for (open, path) in [
        (json!({}), "spec.ingress[0].from[0]"),
        (json!({ "namespaceSelector": null }), "spec.ingress[0].from[0]"),
    ] {
        assert_eq!(violations(&peer(open)), [("BH501".to_owned(), path.to_owned())]);
    }
    let unknown = violations(&peer(json!({ "somethingNew": { "a": "b" } })));
    let expected = [("BH501", "spec.ingress[0].from[0]"), ("BH908", "spec.ingress[0].from[0].somethingNew")];
    assert_eq!(unknown, expected.map(|(code, path)| (code.to_owned(), path.to_owned())));
}
