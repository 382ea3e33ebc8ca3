//! Hosts of the mesh's kinds. The real istiod shows where a route of another tenant leads the callers of a Service, in a
//! cluster without Bulkhead; with Bulkhead the API server refuses the route.

use std::iter::once;

use bulkhead_harness::cluster::Cluster;
use bulkhead_harness::discovery::{Proxy, clusters, routes};
use bulkhead_harness::istio::Istio;
use bulkhead_harness::kubectl::Kubectl;
use serde_json::{Value, json};
use support::cluster::{new_namespace, new_tenant, shared};
use support::conditions::condition;
use support::objects::{changed, labelled_namespace, list, object};
use support::refusal::{Violation, expect_admitted, expect_refused, expect_refused_by, refused};
use support::wait::until;

const NETWORKING: &str = "networking.istio.io/v1";

fn virtual_service(namespace: &str, spec: &Value) -> Value {
    object(NETWORKING, "VirtualService", namespace, "attack", spec)
}

fn full(name: &str, namespace: &str) -> String {
    format!("{name}.{namespace}.svc.cluster.local")
}

/// An HTTP route to this host.
fn to(host: &str) -> Value {
    json!([{ "route": [{ "destination": { "host": host, "port": { "number": 80 } } }] }])
}

/// An object of the attacker, in the namespace `mine`, that the callers of `web` in the namespace `theirs` obey.
struct Attack {
    object: Value,
    violations: Vec<Violation<'static>>,
    /// A cluster in the routes of another tenant's proxy, which it has only because of the object.
    seen: String,
}

fn attacks(mine: &str, theirs: &str) -> Vec<Attack> {
    let web = full("web", theirs);
    let led_to_me = format!("outbound|80||{}", full("another", mine));
    let entry = |hosts: Value| {
        let ports = json!([{ "number": 80, "name": "http", "protocol": "HTTP" }]);
        object(
            NETWORKING,
            "ServiceEntry",
            mine,
            "attack",
            &json!({ "hosts": hosts, "ports": ports, "resolution": "DNS" }),
        )
    };
    let route = |hosts: Value, to: Value| {
        virtual_service(mine, &json!({ "hosts": hosts, "exportTo": ["*"], "http": to }))
    };
    let another = full("another", mine);
    vec![
        Attack {
            object: route(json!([web]), to(&another)),
            violations: vec![("BH601", "spec.hosts[0]")],
            seen: led_to_me.clone(),
        },
        // A proxy answers to this form too.
        Attack {
            object: route(json!([format!("web.{theirs}")]), to(&another)),
            violations: vec![("BH601", "spec.hosts[0]")],
            seen: led_to_me.clone(),
        },
        Attack {
            object: route(json!(["*.svc.cluster.local"]), to(&another)),
            violations: vec![("BH601", "spec.hosts[0]")],
            seen: led_to_me,
        },
        // Callers of the attacker's own Service are led to the victim's, with their own identities.
        Attack {
            object: route(json!([another]), to(&web)),
            violations: vec![("BH602", "spec.http[0].route[0].destination.host")],
            seen: format!("outbound|80||{web}"),
        },
        Attack {
            object: entry(json!(["api.example.com"])),
            violations: vec![("BH601", "spec.hosts[0]"), ("BH603", "spec")],
            seen: "outbound|80||api.example.com".to_owned(),
        },
    ]
}

/// Services of both tenants.
fn services(mine: &str, theirs: &str) -> Value {
    let service = |namespace: &str, name: &str| {
        let spec = json!({ "selector": { "app": name }, "ports": [{ "name": "http", "port": 80 }] });
        object("v1", "Service", namespace, name, &spec)
    };
    list([service(mine, "another"), service(theirs, "web")])
}

/// The number of times that the name of this cluster is in the routes.
fn count(port: u16, proxy: Proxy<'_>, cluster: &str) -> usize {
    routes(port, proxy, "80").unwrap().matches(cluster).count()
}

#[test]
fn route_for_another_tenants_host_reaches_its_callers_without_bulkhead() {
    let cluster = Cluster::start().unwrap();
    let istio = Istio::start(&cluster).unwrap();
    let admin = cluster.admin().unwrap();
    let (mine, theirs, caller) = ("tenant-mine", "tenant-theirs", "tenant-caller");
    let injected = json!({ "istio-injection": "enabled" });
    let namespaces = [mine, theirs, caller].map(|name| labelled_namespace(name, &injected));
    admin.apply(&list(namespaces).to_string()).unwrap();
    admin.apply(&services(mine, theirs).to_string()).unwrap();
    let seen = |cluster: &str| count(istio.plaintext, Proxy::Sidecar(caller), cluster);
    until(|| seen(&format!("outbound|80||{}", full("web", theirs))) > 0);
    until(|| seen(&format!("outbound|80||{}", full("another", mine))) > 0);
    for attack in attacks(mine, theirs) {
        let before = seen(&attack.seen);
        admin.apply(&attack.object.to_string()).unwrap();
        until(|| seen(&attack.seen) > before);
        admin.feed(&["delete", "-f", "-"], &attack.object.to_string()).unwrap();
        until(|| seen(&attack.seen) == before);
    }
}

/// A tenant may write an entry of its own for a granted host, beside the baseline's in the same namespace.
#[test]
fn entries_of_a_namespace_for_the_same_host_are_merged() {
    let cluster = Cluster::start().unwrap();
    let istio = Istio::start(&cluster).unwrap();
    let admin = cluster.admin().unwrap();
    let name = "tenant-mine";
    admin.apply(&labelled_namespace(name, &json!({ "istio-injection": "enabled" })).to_string()).unwrap();
    let entry = |writer: &str, host: &str, ports: &[u16]| {
        let port =
            |number: &u16| json!({ "name": format!("tls-{number}"), "number": number, "protocol": "TLS" });
        let ports: Vec<Value> = ports.iter().map(port).collect();
        let spec = json!({
            "hosts": [host], "exportTo": ["."], "location": "MESH_EXTERNAL", "resolution": "DNS", "ports": ports,
            "endpoints": [{ "address": format!("{writer}.{host}") }],
        });
        object(NETWORKING, "ServiceEntry", name, &format!("{writer}-{host}"), &spec).to_string()
    };
    // The cluster of a port, with the addresses of its endpoints.
    let has = |host: &str, port: u16, writer: &str| {
        let clusters = clusters(istio.plaintext, Proxy::Sidecar(name)).unwrap();
        let mut of_port =
            clusters.split("outbound|").filter(|part| part.starts_with(&format!("{port}||{host}")));
        of_port.any(|part| part.contains(&format!("{writer}.{host}")))
    };
    for (host, [older, younger]) in
        [("a.example.net", ["baseline", "mine"]), ("b.example.net", ["mine", "baseline"])]
    {
        admin.apply(&entry(older, host, &[443])).unwrap();
        until(|| has(host, 443, older));
        admin.apply(&entry(younger, host, &[443, 8443])).unwrap();
        until(|| has(host, 443, younger) && has(host, 8443, younger));
        assert!(has(host, 443, older) && !has(host, 8443, older), "{host}");
    }
}

#[test]
fn host_of_another_tenant_is_refused_in_every_version() {
    let it = shared();
    let [(member, mine), (_, theirs)] = ["ho-mine", "ho-theirs"].map(|name| {
        let member = new_tenant(&it, name);
        let namespace = new_namespace(&member, name);
        (member, namespace)
    });
    let argo = it.cluster.powerful("system:serviceaccount:ho-argo:controller", "strangers").unwrap();
    for attack in attacks(&mine, &theirs) {
        for version in ["v1", "v1beta1", "v1alpha3"] {
            let object = changed(attack.object.clone(), |object| {
                object["apiVersion"] = json!(format!("networking.istio.io/{version}"));
            });
            refused(&member, &["create", "-f", "-"], &object.to_string(), &attack.violations);
        }
        refused(
            &argo,
            &["apply", "--server-side", "-f", "-"],
            &attack.object.to_string(),
            &attack.violations,
        );
    }
}

#[test]
fn update_that_names_a_foreign_host_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "ho-edit");
    let name = new_namespace(&member, "ho-edit");
    let own = virtual_service(&name, &json!({ "hosts": ["web"], "http": to("web") }));
    member.apply(&own.to_string()).unwrap();
    for (patch, violation) in [
        (r#"[{"op":"add","path":"/spec/hosts/-","value":"web.tenant-other"}]"#, ("BH601", "spec.hosts[1]")),
        (
            r#"[{"op":"add","path":"/spec/http/0/mirror","value":{"host":"web.tenant-other.svc"}}]"#,
            ("BH602", "spec.http[0].mirror.host"),
        ),
        (
            r#"[{"op":"replace","path":"/spec/http/0/route/0/destination/host","value":"kubernetes.default.svc"}]"#,
            ("BH603", "spec"),
        ),
        (
            r#"[{"op":"add","path":"/spec/gateways","value":["mesh","istio-ingress/public"]}]"#,
            ("BH604", "spec.gateways[1]"),
        ),
        (
            r#"[{"op":"add","path":"/spec/http/-","value":{"delegate":{"name":"a","namespace":"default"}}}]"#,
            ("BH610", "spec.http[1].delegate.namespace"),
        ),
    ] {
        let said = member
            .run(&["patch", "virtualservice", "attack", "-n", &name, "--type=json", "-p", patch])
            .unwrap();
        expect_refused(&said, &[violation]);
    }
}

#[test]
fn gateway_that_can_select_the_platforms_pods_is_refused() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let member = new_tenant(&it, "ho-edge");
    let name = new_namespace(&member, "ho-edge");
    let gateway = |version: &str, selector: Value| {
        let port = json!({ "number": 80, "name": "http", "protocol": "HTTP" });
        let spec = json!({ "selector": selector, "servers": [{ "port": port, "hosts": ["*"] }] });
        object(&format!("networking.istio.io/{version}"), "Gateway", &name, "edge", &spec).to_string()
    };
    for version in ["v1", "v1beta1", "v1alpha3"] {
        let own = gateway(version, json!({ "app": "edge" }));
        refused(&member, &["create", "-f", "-"], &own, &[("BH612", "spec")]);
    }
    let grant = json!([{ "namespace": name, "serviceAccount": "edge" }]);
    let grant = json!({ "spec": { "grants": { "gatewayPods": grant } } }).to_string();
    admin.ok(&["patch", "tenant", "ho-edge", "--type=merge", "-p", &grant]).unwrap();
    until(|| member.feed(&["apply", "-f", "-"], &gateway("v1", json!({ "app": "edge" }))).unwrap().success);
    for (selector, path) in [
        (json!({}), "spec"),
        (json!({ "istio": "ingressgateway" }), "spec.selector"),
        (json!({ "app": "public" }), "spec.selector"),
    ] {
        refused(&member, &["apply", "-f", "-"], &gateway("v1", selector), &[("BH612", path)]);
    }
}

#[test]
fn workload_outside_the_cluster_is_refused_to_tenants() {
    let it = shared();
    let member = new_tenant(&it, "ho-machine");
    let name = new_namespace(&member, "ho-machine");
    let entry = |version: &str| {
        let spec = json!({ "address": "10.0.0.7", "labels": { "app": "web" }, "serviceAccount": "web" });
        object(&format!("networking.istio.io/{version}"), "WorkloadEntry", &name, "machine", &spec)
            .to_string()
    };
    let group =
        object(NETWORKING, "WorkloadGroup", &name, "machines", &json!({ "template": {} })).to_string();
    for object in [&entry("v1"), &entry("v1alpha3"), &group] {
        refused(&member, &["create", "-f", "-"], object, &[("BH902", "kind")]);
    }
    expect_admitted(&it.cluster.admin().unwrap().feed(&["create", "-f", "-"], &group).unwrap());
    let istiod = it.cluster.powerful("system:serviceaccount:istio-system:istiod", "ho-istiod").unwrap();
    expect_admitted(&istiod.feed(&["create", "-f", "-"], &entry("v1")).unwrap());
    member.ok(&["delete", "workloadentry,workloadgroup", "--all", "-n", &name]).unwrap();
}

#[test]
fn younger_tenant_with_a_host_of_an_older_one_has_a_condition() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let serve = |name: &str, hosts: Value| {
        let grants = json!({ "spec": { "grants": { "serve": { "hosts": hosts } } } }).to_string();
        admin.ok(&["patch", "tenant", name, "--type=merge", "-p", &grants]).unwrap();
    };
    let resolved = |name: &str| condition(&admin, "tenant", name, "GrantsResolved").reason;
    new_tenant(&it, "ho-older");
    serve("ho-older", json!(["*.taken.example.com"]));
    // Their ages differ by a second at least.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    new_tenant(&it, "ho-young");
    serve("ho-young", json!(["free.example.com", "shop.taken.example.com"]));
    until(|| resolved("ho-young") == "HostTaken");
    assert_eq!(resolved("ho-older"), "Resolved");
    serve("ho-young", json!(["free.example.com"]));
    until(|| resolved("ho-young") == "Resolved");
}

/// A namespace with neither the tenant label nor a place in the settings.
#[test]
fn host_of_a_tenant_is_refused_in_a_namespace_of_no_tenant() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let theirs = new_namespace(&new_tenant(&it, "ho-unowned"), "ho-unowned");
    let sandbox = "ho-sandbox";
    admin.ok(&["create", "namespace", sandbox]).unwrap();
    let stranger = it.cluster.powerful("ho-stranger", "strangers").unwrap();
    let route = |host: &str, export: &str| {
        let spec = json!({ "hosts": [host], "exportTo": [export], "http": to("another") });
        virtual_service(sandbox, &spec).to_string()
    };
    let web = full("web", &theirs);
    for host in [web.clone(), format!("web.{theirs}"), "*.svc.cluster.local".to_owned()] {
        let said = stranger.feed(&["create", "-f", "-"], &route(&host, "*")).unwrap();
        expect_refused_by("unowned", &said, &[("BH611", "spec.hosts[0]")]);
    }
    for (host, export) in [(&*web, "."), ("another", "*"), ("www.example.com", "*")] {
        expect_admitted(&stranger.feed(&["apply", "-f", "-"], &route(host, export)).unwrap());
    }
    let patch = format!(r#"[{{"op":"add","path":"/spec/hosts/-","value":"{web}"}}]"#);
    let patch = ["patch", "virtualservice", "attack", "-n", sandbox, "--type=json", "-p", &patch];
    expect_refused_by("unowned", &stranger.run(&patch).unwrap(), &[("BH611", "spec.hosts[1]")]);
    expect_admitted(&admin.run(&patch).unwrap());
}

/// The shapes of Istio's documented tasks, limited to the tenant's own hosts.
fn tasks(namespace: &str) -> Vec<Value> {
    let route = |name: &str, spec: Value| object(NETWORKING, "VirtualService", namespace, name, &spec);
    let rule = |name: &str, spec: Value| object(NETWORKING, "DestinationRule", namespace, name, &spec);
    let subset = |name: &str| json!({ "host": "reviews", "subset": name });
    vec![
        rule(
            "reviews",
            json!({
                "host": "reviews", "trafficPolicy": { "loadBalancer": { "simple": "RANDOM" } },
                "subsets": [{ "name": "v1", "labels": { "version": "v1" } }, { "name": "v2", "labels": { "version": "v2" } }],
            }),
        ),
        route(
            "shifted",
            json!({ "hosts": ["reviews"], "http": [{ "route": [
                { "destination": subset("v1"), "weight": 90 }, { "destination": subset("v2"), "weight": 10 },
            ] }] }),
        ),
        route(
            "faulty",
            json!({ "hosts": [full("ratings", namespace)], "http": [{
                "match": [{ "headers": { "end-user": { "exact": "jason" } } }],
                "fault": { "delay": { "percentage": { "value": 100.0 }, "fixedDelay": "7s" } },
                "route": [{ "destination": { "host": "ratings" } }],
            }] }),
        ),
        route(
            "mirrored",
            json!({ "hosts": ["details"], "http": [{
                "route": [{ "destination": { "host": "details" } }], "mirror": { "host": "details-v2" },
                "mirrorPercentage": { "value": 50.0 },
            }] }),
        ),
        route(
            "tcp",
            json!({ "hosts": ["tcp-echo"], "tcp": [{
                "match": [{ "port": 31400 }],
                "route": [{ "destination": { "host": "tcp-echo", "port": { "number": 9000 } } }],
            }] }),
        ),
        rule(
            "circuit-breaker",
            json!({ "host": full("httpbin", namespace), "trafficPolicy": {
                "connectionPool": { "http": { "http1MaxPendingRequests": 1 } },
                "outlierDetection": { "consecutive5xxErrors": 1 },
            } }),
        ),
    ]
}

#[test]
fn documented_tasks_within_the_tenant_are_admitted() {
    let it = shared();
    let member: Kubectl = new_tenant(&it, "ho-tasks");
    let name = new_namespace(&member, "ho-tasks");
    let granted = json!({ "spec": { "grants": {
        "serve": { "hosts": ["shop.example.com"] }, "reach": { "hosts": ["api.example.net"] },
    } } });
    let admin = it.cluster.admin().unwrap();
    admin.ok(&["patch", "tenant", "ho-tasks", "--type=merge", "-p", &granted.to_string()]).unwrap();
    let egress = object(
        NETWORKING,
        "ServiceEntry",
        &name,
        "api",
        &json!({
            "hosts": ["api.example.net"], "exportTo": ["."], "resolution": "DNS",
            "ports": [{ "number": 443, "name": "tls", "protocol": "TLS" }],
        }),
    );
    let served = virtual_service(
        &name,
        &json!({ "hosts": ["shop.example.com"], "gateways": ["edge"], "http": to("web") }),
    );
    for object in tasks(&name).into_iter().chain(once(egress)).chain([served]) {
        expect_admitted(&member.feed(&["create", "-f", "-"], &object.to_string()).unwrap());
    }
}
