//! Routes of the Gateway API. The real istiod shows where they lead the callers of another tenant's Service or gateway in
//! a cluster without Bulkhead; with Bulkhead the API server refuses them.

use bulkhead_harness::cluster::Cluster;
use bulkhead_harness::discovery::{Proxy, listeners, routes};
use bulkhead_harness::istio::Istio;
use serde_json::{Value, json};
use support::cluster::{new_namespace, new_tenant, shared};
use support::objects::{changed, labelled_namespace, list, object};
use support::refusal::{Violation, expect_admitted, expect_refused, expect_refused_by, refused};
use support::wait::until;

const GROUP: &str = "gateway.networking.k8s.io";
/// The namespace of the platform's gateway, and the value of its label `app`.
const EDGE: (&str, &str) = ("istio-ingress", "public");

fn route(kind: &str, namespace: &str, spec: &Value) -> Value {
    object(&format!("{GROUP}/v1"), kind, namespace, "attack", spec)
}

fn service(namespace: Option<&str>, name: &str) -> Value {
    match namespace {
        Some(namespace) => json!({ "group": "", "kind": "Service", "name": name, "namespace": namespace }),
        None => json!({ "group": "", "kind": "Service", "name": name }),
    }
}

fn rules(namespace: &str, name: &str, port: u16) -> Value {
    json!([{ "backendRefs": [{ "name": name, "namespace": namespace, "port": port }] }])
}

/// The part of a proxy's configuration that changes.
#[derive(Clone, Copy)]
enum Seen {
    Routes,
    Listeners,
    /// Routes of the platform's gateway.
    Gateway,
}

/// A route of the attacker, in the namespace `mine`, that the callers of others obey.
struct Attack {
    object: Value,
    violations: Vec<Violation<'static>>,
    /// A cluster that the configuration has only because of the route.
    cluster: String,
    seen: Seen,
}

fn attacks(mine: &str, theirs: &str) -> Vec<Attack> {
    let led_to_me = |port: u16, name: &str| format!("outbound|{port}||{name}.{mine}.svc.cluster.local");
    let attack = |kind: &str, spec: Value, violations: &[Violation<'static>], cluster: String, seen: Seen| {
        Attack { object: route(kind, mine, &spec), violations: violations.to_vec(), cluster, seen }
    };
    let edge = json!({ "name": EDGE.1, "namespace": EDGE.0 });
    vec![
        // Istiod gives routes of connections to every caller of the Service.
        attack(
            "TCPRoute",
            json!({ "parentRefs": [service(Some(theirs), "db")], "rules": rules(mine, "evil", 3306) }),
            &[("BH601", "spec.parentRefs[0]")],
            led_to_me(3306, "evil"),
            Seen::Listeners,
        ),
        attack(
            "TLSRoute",
            json!({
                "parentRefs": [service(Some(theirs), "vault")], "hostnames": ["vault.example.com"],
                "rules": rules(mine, "another", 443),
            }),
            &[("BH601", "spec.hostnames[0]"), ("BH601", "spec.parentRefs[0]")],
            led_to_me(443, "another"),
            Seen::Listeners,
        ),
        // For a Service as the parent, istiod asks for no ReferenceGrant.
        attack(
            "HTTPRoute",
            json!({ "parentRefs": [service(None, "another")], "rules": rules(theirs, "web", 80) }),
            &[("BH602", "spec.rules[0].backendRefs[0]")],
            format!("outbound|80||web.{theirs}.svc.cluster.local"),
            Seen::Routes,
        ),
        // A host has no namespace that a ReferenceGrant could name.
        attack(
            "HTTPRoute",
            json!({ "parentRefs": [edge], "hostnames": ["other.example.com"], "rules": [{ "backendRefs": [{
                "group": "networking.istio.io", "kind": "Hostname", "port": 80,
                "name": format!("web.{theirs}.svc.cluster.local"),
            }] }] }),
            &[
                ("BH601", "spec.hostnames[0]"),
                ("BH602", "spec.rules[0].backendRefs[0]"),
                ("BH604", "spec.parentRefs[0]"),
            ],
            format!("outbound|80||web.{theirs}.svc.cluster.local"),
            Seen::Gateway,
        ),
        attack(
            "HTTPRoute",
            json!({ "parentRefs": [edge], "rules": rules(mine, "another", 80) }),
            &[("BH604", "spec.parentRefs[0]")],
            led_to_me(80, "another"),
            Seen::Gateway,
        ),
    ]
}

fn services(mine: &str, theirs: &str) -> Value {
    let service = |namespace: &str, name: &str, ports: Value| {
        object("v1", "Service", namespace, name, &json!({ "selector": { "app": name }, "ports": ports }))
    };
    let mysql = json!([{ "name": "tcp-db", "port": 3306 }]);
    let both = json!([{ "name": "http", "port": 80 }, { "name": "tls-web", "port": 443 }]);
    list([
        service(mine, "another", both.clone()),
        service(mine, "evil", mysql.clone()),
        service(theirs, "web", both.clone()),
        service(theirs, "vault", both),
        service(theirs, "db", mysql),
    ])
}

/// The platform's gateway, for every host and the routes of every namespace.
fn edge() -> Value {
    let (namespace, name) = EDGE;
    let address = format!("{name}.{namespace}.svc.cluster.local");
    let listener = json!({
        "name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": { "namespaces": { "from": "All" } },
    });
    let gateway = json!({
        "gatewayClassName": "istio", "addresses": [{ "type": "Hostname", "value": address }],
        "listeners": [listener],
    });
    let service = json!({ "selector": { "app": name }, "ports": [{ "name": "http", "port": 80 }] });
    list([
        object("v1", "Service", namespace, name, &service),
        object(&format!("{GROUP}/v1"), "Gateway", namespace, name, &gateway),
    ])
}

#[test]
fn route_leads_callers_of_others_without_bulkhead() {
    let cluster = Cluster::start().unwrap();
    let istio = Istio::start(&cluster).unwrap();
    let admin = cluster.admin().unwrap();
    let (mine, theirs, caller) = ("tenant-mine", "tenant-theirs", "tenant-caller");
    let namespaces = [mine, theirs, caller, EDGE.0].map(|name| labelled_namespace(name, &json!({})));
    admin.apply(&list(namespaces).to_string()).unwrap();
    admin.apply(&services(mine, theirs).to_string()).unwrap();
    admin.apply(&edge().to_string()).unwrap();
    let port = istio.plaintext;
    let count = |seen: Seen, cluster: &str| {
        let configuration = match seen {
            Seen::Routes => routes(port, Proxy::Sidecar(caller), "80"),
            Seen::Listeners => listeners(port, Proxy::Sidecar(caller)),
            Seen::Gateway => routes(port, Proxy::Gateway(EDGE.0, EDGE.1), "http.80"),
        };
        // Istiod refuses routes of a listener that the gateway does not have yet.
        configuration.map_or(0, |configuration| configuration.matches(cluster).count())
    };
    until(|| count(Seen::Routes, &format!("outbound|80||web.{theirs}.svc.cluster.local")) > 0);
    until(|| count(Seen::Listeners, &format!("outbound|3306||db.{theirs}.svc.cluster.local")) > 0);
    for Attack { object, cluster, seen, .. } in attacks(mine, theirs) {
        let before = count(seen, &cluster);
        admin.apply(&object.to_string()).unwrap();
        until(|| count(seen, &cluster) > before);
        admin.feed(&["delete", "-f", "-"], &object.to_string()).unwrap();
        until(|| count(seen, &cluster) == before);
    }

    // A route of requests for a Service of others concerns only callers in its own namespace.
    let spec = json!({ "parentRefs": [service(Some(theirs), "web")], "rules": rules(mine, "another", 80) });
    let led = format!("outbound|80||another.{mine}.svc.cluster.local");
    let of = |namespace: &str| routes(port, Proxy::Sidecar(namespace), "80").unwrap().matches(&led).count();
    let before = (of(mine), of(caller));
    admin.apply(&route("HTTPRoute", mine, &spec).to_string()).unwrap();
    until(|| of(mine) > before.0);
    assert_eq!(of(caller), before.1);
}

#[test]
fn route_of_the_gateway_api_for_others_is_refused_in_every_version() {
    let it = shared();
    let [(member, mine), (_, theirs)] = ["rt-mine", "rt-theirs"].map(|name| {
        let member = new_tenant(&it, name);
        let namespace = new_namespace(&member, name);
        (member, namespace)
    });
    for attack in attacks(&mine, &theirs) {
        let versions: &[&str] = match attack.object["kind"].as_str().unwrap() {
            "HTTPRoute" => &["v1", "v1beta1"],
            "TLSRoute" => &["v1", "v1alpha3", "v1alpha2"],
            _ => &["v1", "v1alpha2"],
        };
        for version in versions {
            let object = changed(attack.object.clone(), |object| {
                object["apiVersion"] = json!(format!("{GROUP}/{version}"));
            });
            refused(&member, &["create", "-f", "-"], &object.to_string(), &attack.violations);
        }
    }
}

#[test]
fn update_of_a_route_of_the_gateway_api_is_judged() {
    let it = shared();
    let member = new_tenant(&it, "rt-edit");
    let name = new_namespace(&member, "rt-edit");
    let called = "api.rt-edit.example.net";
    let grants = json!({ "spec": { "grants": {
        "serve": { "hosts": ["*.rt-edit.example.com"] }, "reach": { "hosts": [called] },
    } } })
    .to_string();
    it.cluster.admin().unwrap().ok(&["patch", "tenant", "rt-edit", "--type=merge", "-p", &grants]).unwrap();
    let header = |name: &str| {
        let set = json!({ "set": [{ "name": name, "value": "a" }] });
        json!({ "type": "RequestHeaderModifier", "requestHeaderModifier": set })
    };
    let spec = json!({
        "parentRefs": [{ "name": "edge" }, service(None, "web")], "hostnames": ["shop.rt-edit.example.com"],
        "rules": [{
            "filters": [header("x-version")],
            "backendRefs": [{ "name": "web", "port": 80, "weight": 9 }, { "name": "web-v2", "port": 80, "weight": 1 }],
        }],
    });
    let own = route("HTTPRoute", &name, &spec).to_string();
    until(|| member.feed(&["apply", "-f", "-"], &own).unwrap().success);
    let filter = |value: Value| json!([{ "op": "add", "path": "/spec/rules/0/filters/-", "value": value }]);
    let mirror = json!({ "name": "web", "namespace": "default", "port": 80 });
    for (patch, violation) in [
        (
            json!([{ "op": "add", "path": "/spec/hostnames/-", "value": "*.example.com" }]),
            ("BH601", "spec.hostnames[1]"),
        ),
        (
            json!([{ "op": "add", "path": "/spec/hostnames/-", "value": called }]),
            ("BH601", "spec.hostnames[1]"),
        ),
        (
            json!([{ "op": "add", "path": "/spec/parentRefs/0/namespace", "value": "istio-ingress" }]),
            ("BH604", "spec.parentRefs[0]"),
        ),
        (
            json!([{ "op": "replace", "path": "/spec/rules/0/filters/0", "value": header("X-Envoy-Original-Host") }]),
            ("BH605", "spec.rules[0].filters[0].requestHeaderModifier.set[0].name"),
        ),
        (
            filter(json!({ "type": "RequestMirror", "requestMirror": { "backendRef": mirror } })),
            ("BH602", "spec.rules[0].filters[1].requestMirror.backendRef"),
        ),
        (
            filter(json!({ "type": "URLRewrite", "urlRewrite": { "hostname": "web.tenant-other.svc" } })),
            ("BH602", "spec.rules[0].filters[1].urlRewrite.hostname"),
        ),
    ] {
        let patch = patch.to_string();
        let said =
            member.run(&["patch", "httproute", "attack", "-n", &name, "--type=json", "-p", &patch]).unwrap();
        expect_refused(&said, &[violation]);
    }
}

#[test]
fn route_for_a_tenants_service_is_refused_in_a_namespace_of_no_tenant() {
    let it = shared();
    let theirs = new_namespace(&new_tenant(&it, "rt-unowned"), "rt-unowned");
    let sandbox = "rt-sandbox";
    it.cluster.admin().unwrap().ok(&["create", "namespace", sandbox]).unwrap();
    let stranger = it.cluster.powerful("rt-stranger", "strangers").unwrap();
    let write = |kind: &str| {
        let spec =
            json!({ "parentRefs": [service(Some(&theirs), "db")], "rules": rules(sandbox, "db", 3306) });
        stranger.feed(&["create", "-f", "-"], &route(kind, sandbox, &spec).to_string()).unwrap()
    };
    for kind in ["TCPRoute", "UDPRoute"] {
        expect_refused_by("unowned", &write(kind), &[("BH611", "spec.parentRefs[0]")]);
    }
    // It concerns only callers in its own namespace.
    expect_admitted(&write("HTTPRoute"));
}

#[test]
fn gateway_of_a_tenant_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "rt-gateway");
    let name = new_namespace(&member, "rt-gateway");
    let listeners = json!([{ "name": "http", "port": 80, "protocol": "HTTP" }]);
    let gateway = json!({ "gatewayClassName": "istio", "listeners": listeners });
    let grant = json!({
        "from": [{ "group": GROUP, "kind": "HTTPRoute", "namespace": "default" }],
        "to": [{ "group": "", "kind": "Secret" }],
    });
    let added = json!({ "parentRef": { "name": EDGE.1, "namespace": EDGE.0 }, "listeners": listeners });
    let policy = json!({
        "targetRefs": [{ "group": "", "kind": "Service", "name": "web" }],
        "validation": { "hostname": "web.example.com", "wellKnownCACertificates": "System" },
    });
    for (version, kind, spec) in [
        ("v1", "Gateway", &gateway),
        ("v1beta1", "Gateway", &gateway),
        ("v1", "ReferenceGrant", &grant),
        ("v1beta1", "ReferenceGrant", &grant),
        ("v1", "ListenerSet", &added),
        ("v1", "BackendTLSPolicy", &policy),
        ("v1alpha3", "BackendTLSPolicy", &policy),
    ] {
        let object = object(&format!("{GROUP}/{version}"), kind, &name, "attack", spec).to_string();
        refused(&member, &["create", "-f", "-"], &object, &[("BH906", "kind")]);
        let admin = it.cluster.admin().unwrap();
        expect_admitted(&admin.feed(&["create", "--dry-run=server", "-f", "-"], &object).unwrap());
    }
}
