//! A tenant's own policies within its grants, and beyond them: judged by `bulkhead check`, with grants and settings of
//! its own.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use support::command::bulkhead;
use support::objects::{
    list, network_policy as network, peer_authentication as mtls, sidecar, with_entry as with,
};

const GRANTED: &str = "
apiVersion: bulkhead.dev/v1alpha1
kind: Settings
mesh: { revision: canary, outbound: ALLOW_ANY }
gateways: [{ name: edge/public, serviceAccount: public, selector: { app: public } }]
platform: { sharedNamespaces: [shared] }
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
      sharedServices: [collector, mirror]
      cidrs:
        - { cidr: 203.0.113.0/24, ports: [443, 8443] }
        - { cidr: 203.0.113.0/24, ports: [9443], protocol: UDP }
    apiServerCallbacks: [{ selector: { app: operator }, port: 9443 }]
    callers:
      - { namespace: watchers, serviceAccount: scraper, ports: [15020] }
      - { namespace: watchers, serviceAccount: prober, ports: [8080] }
      - { namespace: visitors, serviceAccount: any }
---
apiVersion: bulkhead.dev/v1alpha1
kind: SharedService
metadata: { name: collector }
spec: { namespace: shared, selector: { app: collector, tier: front }, ports: [{ port: 4317, protocol: TCP }] }
---
apiVersion: bulkhead.dev/v1alpha1
kind: SharedService
metadata: { name: mirror }
spec: { namespace: shared, selector: { app: mirror }, ports: [{ port: 5000, protocol: TCP }, { port: 5001, protocol: TCP }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: kubernetes, namespace: default }
addressType: IPv4
endpoints: [{ addresses: [192.0.2.10] }]
ports: [{ name: https, port: 6443, protocol: TCP }]
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
        (out(pods("out", "out"), json!([{ "port": 8443 }])), None),
        (out(pods("out", "out"), json!([])), Some(foreign_namespace)),
        (out(pods("out", "out"), json!([{ "port": 15020 }])), Some(foreign_namespace)),
        (out(named("out"), json!([])), Some(foreign_namespace)),
        (out(block("203.0.113.0/24"), json!([{ "port": 443 }])), None),
        (out(block("203.0.113.128/25"), json!([{ "port": 8443, "protocol": "TCP" }, { "port": 443 }])), None),
        (out(block("203.0.113.0/24"), json!([])), Some(foreign_block)),
        (out(block("203.0.113.0/24"), json!([{ "port": 9443, "protocol": "UDP" }])), None),
        (out(block("203.0.113.0/24"), json!([{ "port": 9443 }])), Some(foreign_block)),
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

/// Each pair of a peer and a port that the baseline's own network policies allow in this direction. The port is `null`
/// if all are allowed.
fn baseline_allows(direction: &str, list: &str) -> Vec<(Value, Value)> {
    let (code, out, note) = bulkhead(&["render", "--tenant", "gamma", "--snapshot", "-"], GRANTED);
    assert_eq!(code, 0, "{note}");
    let documents: Vec<Value> = serde_saphyr::from_multiple(&out).unwrap();
    let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut allowed = Vec::new();
    for policy in documents.iter().filter(|document| document["kind"] == "NetworkPolicy") {
        for rule in items(&policy["spec"][direction]) {
            let mut ports = items(&rule["ports"]);
            if ports.is_empty() {
                ports.push(Value::Null);
            }
            for peer in items(&rule[list]) {
                allowed.extend(ports.iter().map(|port| (peer.clone(), port.clone())));
            }
        }
    }
    allowed
}

/// BH502 admits a foreign peer on a port exactly if the baseline allows both together. DNS and istiod need no labels.
#[test]
fn destinations_are_admitted_exactly_as_the_baseline_allows_them() {
    let namespaces = ["kube-system", "istio-system", "shared", "out", "edge", "watchers", "default"];
    let named = |name: &str| json!({ "matchLabels": { "kubernetes.io/metadata.name": name } });
    let labels = [
        Value::Null,
        json!({}),
        json!({ "k8s-app": "kube-dns" }),
        json!({ "app": "istiod" }),
        json!({ "app": "collector" }),
        json!({ "app": "collector", "tier": "front" }),
        json!({ "app": "mirror" }),
        json!({ "app": "out" }),
        json!({ "app": "public" }),
    ];
    let mut peers = Vec::new();
    for namespace in namespaces {
        for labels in &labels {
            let mut peer = json!({ "namespaceSelector": named(namespace) });
            if !labels.is_null() {
                peer["podSelector"] = json!({ "matchLabels": labels });
            }
            peers.push(peer);
        }
    }
    for cidr in ["192.0.2.10/32", "192.0.2.11/32", "169.254.20.10/32", "203.0.113.0/24"] {
        peers.push(json!({ "ipBlock": { "cidr": cidr } }));
    }
    let numbers = [53, 443, 4317, 5000, 5001, 6443, 8080, 8443, 9443, 15010, 15012, 15017, 15020];
    let mut ports = vec![Value::Null];
    for number in numbers {
        ports.extend(["TCP", "UDP", "SCTP"].map(|protocol| json!({ "protocol": protocol, "port": number })));
    }
    let allowed = baseline_allows("egress", "to");
    let pairs = peers.iter().flat_map(|peer| ports.iter().map(move |port| (peer.clone(), port.clone())));
    let pairs: Vec<(Value, Value)> = pairs.collect();
    let policies = pairs.iter().enumerate().map(|(index, (peer, port))| {
        let ports = if port.is_null() { json!([]) } else { json!([port]) };
        let rule = json!({ "to": [peer], "ports": ports });
        network("tenant-gamma", &format!("p{index}"), &json!({ "egress": [rule] }))
    });
    let manifests = list(policies);
    let (_, out, note) = bulkhead(&["check", "-o", "json", "-"], &format!("{GRANTED}{manifests}\n"));
    let findings: Vec<Value> = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {note}"));
    let refused: BTreeSet<&str> = findings.iter().map(|finding| finding["name"].as_str().unwrap()).collect();
    let mut admitted = 0;
    for (index, pair) in pairs.iter().enumerate() {
        let is_admitted = !refused.contains(format!("p{index}").as_str());
        // DNS and istiod need no labels.
        let (peer, port) = pair;
        let is_of = |namespace: &str, ports: &[Value]| {
            *peer == json!({ "namespaceSelector": named(namespace) }) && ports.contains(port)
        };
        let dns = ["TCP", "UDP"].map(|protocol| json!({ "protocol": protocol, "port": 53 }));
        let istiod = [json!({ "protocol": "TCP", "port": 15012 })];
        let is_unlabelled = is_of("kube-system", &dns) || is_of("istio-system", &istiod);
        assert_eq!(is_admitted, allowed.contains(pair) || is_unlabelled, "{pair:?}");
        admitted += usize::from(is_admitted);
    }
    // DNS and istiod by namespace, DNS by pods and by the node's cache, istiod by pods, the API server, three ports of shared services, the egress gateway,
    // and three ports of a range.
    assert_eq!(admitted, 2 + 1 + 2 + 2 + 1 + 1 + 3 + 1 + 3);
    assert!(findings.iter().all(|finding| finding["code"] == "BH502"), "{findings:?}");
}

/// Sources are admitted by their namespace, and on no other ports than the grant has.
#[test]
fn sources_are_admitted_on_granted_ports_only() {
    let named = |name: &str| json!({ "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": name } } });
    let server = json!({ "ipBlock": { "cidr": "192.0.2.10/32" } });
    let from = |app: &str, peer: &Value, ports: Value| {
        let mut policy =
            network("tenant-gamma", "a", &json!({ "ingress": [{ "from": [peer], "ports": ports }] }));
        policy["spec"]["podSelector"]["matchLabels"] = json!({ "app": app });
        policy
    };
    let port = |number: u16| json!([{ "port": number }]);
    let foreign = Some("spec.ingress[0].from[0].namespaceSelector");
    let block = Some("spec.ingress[0].from[0].ipBlock.cidr");
    for (object, expected) in [
        (from("web", &named("watchers"), port(15020)), None),
        (from("web", &named("watchers"), json!([{ "port": 15020 }, { "port": 8080 }])), None),
        (from("web", &named("watchers"), json!([])), foreign),
        (from("web", &named("watchers"), port(9090)), foreign),
        (from("web", &named("watchers"), json!([{ "port": 15020, "protocol": "UDP" }])), foreign),
        (from("web", &named("visitors"), json!([])), None),
        (from("web", &named("edge"), json!([])), None),
        (from("operator", &server, port(9443)), None),
        (from("operator", &server, json!([])), block),
        (from("operator", &server, port(8080)), block),
        (from("web", &server, port(9443)), block),
    ] {
        let expected = expected.map(|path| ("BH502".to_owned(), path.to_owned()));
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
