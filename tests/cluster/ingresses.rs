//! Ingresses. The real istiod shows where they lead the callers of another tenant's host in a cluster without Bulkhead; with
//! Bulkhead the API server refuses them.

use bulkhead_harness::cluster::Cluster;
use bulkhead_harness::discovery::{Proxy, routes};
use bulkhead_harness::istio::Istio;
use serde_json::{Value, json};
use support::cluster::{new_namespace, new_tenant, shared};
use support::objects::{changed, labelled_namespace, list, object};
use support::refusal::{Violation, expect_admitted, expect_refused, expect_refused_by, refused};
use support::wait::until;

const CLASS: &str = "kubernetes.io/ingress.class";

fn ingress(namespace: &str, spec: &Value) -> Value {
    changed(object("networking.k8s.io/v1", "Ingress", namespace, "attack", spec), |ingress| {
        ingress["metadata"]["annotations"] = json!({ CLASS: "istio" });
    })
}

fn paths() -> Value {
    let backend = json!({ "service": { "name": "another", "port": { "number": 80 } } });
    json!({ "paths": [{ "path": "/", "pathType": "Prefix", "backend": backend }] })
}

/// Ingresses that take calls for the host of another tenant, `shop.example.com`.
fn attacks() -> Vec<(Value, Vec<Violation<'static>>)> {
    let backend = json!({ "service": { "name": "another", "port": { "number": 80 } } });
    vec![
        (
            json!({ "rules": [{ "host": "shop.example.com", "http": paths() }] }),
            vec![("BH601", "spec.rules[0].host")],
        ),
        (
            json!({ "rules": [{ "host": "*.example.com", "http": paths() }] }),
            vec![("BH601", "spec.rules[0].host")],
        ),
        (json!({ "rules": [{ "http": paths() }] }), vec![("BH807", "spec.rules[0]")]),
        (json!({ "defaultBackend": backend }), vec![("BH807", "spec.defaultBackend")]),
    ]
}

#[test]
fn ingress_takes_hosts_of_others_without_bulkhead() {
    let cluster = Cluster::start().unwrap();
    let istio = Istio::start(&cluster).unwrap();
    let admin = cluster.admin().unwrap();
    let mine = "tenant-mine";
    admin.apply(&labelled_namespace(mine, &json!({})).to_string()).unwrap();
    let ports = json!([{ "name": "http", "port": 80 }]);
    let service = |namespace: &str, name: &str| {
        object("v1", "Service", namespace, name, &json!({ "selector": { "app": name }, "ports": ports }))
    };
    let services = [service(mine, "another"), service("istio-system", "ingressgateway")];
    admin.apply(&list(services).to_string()).unwrap();
    let led = format!("outbound|80||another.{mine}.svc.cluster.local");
    let gateway = Proxy::Gateway("istio-system", "ingressgateway");
    let count = || {
        let routes = routes(istio.plaintext, gateway, "http.80");
        routes.map_or(0, |routes| routes.matches(&led).count())
    };
    // Istiod ignores `defaultBackend`, and other controllers do not.
    for (spec, _) in attacks().into_iter().filter(|(spec, _)| spec["rules"].is_array()) {
        let attack = ingress(mine, &spec).to_string();
        admin.apply(&attack).unwrap();
        until(|| count() > 0);
        admin.feed(&["delete", "-f", "-"], &attack).unwrap();
        until(|| count() == 0);
    }
}

#[test]
fn ingress_for_hosts_of_others_is_refused() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let member = new_tenant(&it, "in-mine");
    let name = new_namespace(&member, "in-mine");
    for (spec, violations) in attacks() {
        refused(&member, &["create", "-f", "-"], &ingress(&name, &spec).to_string(), &violations);
    }
    let called = "api.in-mine.example.net";
    let grants = json!({ "spec": { "grants": {
        "serve": { "hosts": ["*.in-mine.example.com"] }, "reach": { "hosts": [called] },
    } } })
    .to_string();
    admin.ok(&["patch", "tenant", "in-mine", "--type=merge", "-p", &grants]).unwrap();
    let host = "www.in-mine.example.com";
    let spec = json!({
        "ingressClassName": "istio", "tls": [{ "hosts": [host], "secretName": "certificate" }],
        "rules": [{ "host": host, "http": paths() }],
    });
    let own = changed(ingress(&name, &spec), |own| own["metadata"]["annotations"] = json!({})).to_string();
    until(|| member.feed(&["apply", "-f", "-"], &own).unwrap().success);
    let snippet = "nginx.ingress.kubernetes.io/server-snippet";
    for (patch, violation) in [
        (json!({ "spec": { "rules": [{ "host": "www.example.com" }] } }), ("BH601", "spec.rules[0].host")),
        (json!({ "spec": { "rules": [{ "host": called }] } }), ("BH601", "spec.rules[0].host")),
        (json!({ "spec": { "tls": [{ "hosts": ["example.com"] }] } }), ("BH601", "spec.tls[0].hosts[0]")),
        (
            json!({ "metadata": { "annotations": { snippet: "return 200;" } } }),
            ("BH808", "metadata.annotations[nginx.ingress.kubernetes.io/server-snippet]"),
        ),
    ] {
        let patch = patch.to_string();
        let said =
            member.run(&["patch", "ingress", "attack", "-n", &name, "--type=merge", "-p", &patch]).unwrap();
        expect_refused(&said, &[violation]);
    }
    let resize = r#"{"metadata":{"annotations":{"nginx.ingress.kubernetes.io/proxy-body-size":"8m"}}}"#;
    let said =
        member.run(&["patch", "ingress", "attack", "-n", &name, "--type=merge", "-p", resize]).unwrap();
    expect_admitted(&said);

    let sandbox = "in-sandbox";
    admin.ok(&["create", "namespace", sandbox]).unwrap();
    let stranger = it.cluster.powerful("in-stranger", "strangers").unwrap();
    let taken = ingress(sandbox, &json!({ "rules": [{ "host": host, "http": paths() }] })).to_string();
    let said = stranger.feed(&["create", "-f", "-"], &taken).unwrap();
    expect_refused_by("unowned", &said, &[("BH611", "spec.rules[0].host")]);
}
