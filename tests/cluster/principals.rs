//! Principals, client TLS and keys in the mesh's kinds. The real istiod shows the effect of each attack, in a cluster without
//! Bulkhead: other tenants' proxies obey it, or istiod itself fetches a URL. With Bulkhead the API server refuses it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use bulkhead_harness::cluster::Cluster;
use bulkhead_harness::discovery::{Proxy, clusters, listeners};
use bulkhead_harness::istio::Istio;
use serde_json::{Value, json};
use support::cluster::{new_namespace, new_tenant, shared};
use support::objects::{authorization_policy, changed, labelled_namespace, object};
use support::refusal::{Violation, expect_admitted, expect_refused, refused};
use support::wait::until;

const NETWORKING: &str = "networking.istio.io/v1";
const SECURITY: &str = "security.istio.io/v1";
/// A file of the platform's gateway.
const KEY: &str = "/etc/istio/ingressgateway-certs/tls.key";
/// The answer at an address that only istiod reaches.
const SECRET: &str = "credentials-of-the-node";

fn destination_rule(namespace: &str, host: &str, policy: &Value) -> Value {
    let spec = json!({ "host": host, "trafficPolicy": policy });
    object(NETWORKING, "DestinationRule", namespace, "attack", &spec)
}

fn request_authentication(namespace: &str, rule: &Value) -> Value {
    let spec = json!({ "selector": { "matchLabels": { "app": "asking" } }, "jwtRules": [rule] });
    object(SECURITY, "RequestAuthentication", namespace, "attack", &spec)
}

/// TLS settings with which callers of the host show another certificate.
fn mutual() -> Value {
    json!({ "mode": "MUTUAL", "clientCertificate": "/etc/istio/ingressgateway-certs/tls.crt", "privateKey": KEY,
        "caCertificates": "/etc/istio/ingressgateway-certs/ca.crt" })
}

/// An address on loopback that answers with a secret, and the requests to it.
fn metadata_server() -> (String, Receiver<String>) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/latest/meta-data", server.local_addr().unwrap());
    let (asked, requests) = channel();
    thread::spawn(move || {
        for stream in server.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).unwrap();
            let body = json!({ "keys": [], "secret": SECRET }).to_string();
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all((head + &body).as_bytes()).unwrap();
            if asked.send(String::from_utf8_lossy(&request[..length]).into_owned()).is_err() {
                return;
            }
        }
    });
    (url, requests)
}

#[test]
fn tls_keys_and_principals_of_a_tenant_are_obeyed_without_bulkhead() {
    let cluster = Cluster::start().unwrap();
    let istio = Istio::start(&cluster).unwrap();
    let admin = cluster.admin().unwrap();
    let (mine, caller) = ("tenant-mine", "tenant-caller");
    for name in [mine, caller] {
        admin.apply(&labelled_namespace(name, &json!({ "istio-injection": "enabled" })).to_string()).unwrap();
    }
    let ports = json!([{ "name": "http", "port": 80 }]);
    let web = object("v1", "Service", mine, "web", &json!({ "selector": { "app": "web" }, "ports": ports }));
    admin.apply(&web.to_string()).unwrap();

    // Callers in other namespaces.
    let seen = || clusters(istio.plaintext, Proxy::Sidecar(caller)).unwrap();
    let mtls = "outbound_.80_._.web.tenant-mine.svc.cluster.local";
    until(|| seen().contains(mtls));
    admin
        .apply(&destination_rule(mine, "web", &json!({ "tls": { "mode": "DISABLE" } })).to_string())
        .unwrap();
    until(|| !seen().contains(mtls));
    admin.apply(&destination_rule(mine, "web", &json!({ "tls": mutual() })).to_string()).unwrap();
    until(|| seen().contains(KEY));
    // Only the tenant's own pods.
    let private = changed(destination_rule(mine, "web", &json!({ "tls": mutual() })), |rule| {
        rule["spec"]["exportTo"] = json!(["."]);
    });
    admin.apply(&private.to_string()).unwrap();
    until(|| seen().contains(mtls) && !seen().contains(KEY));

    let inbound = || listeners(istio.plaintext, Proxy::Sidecar(mine)).unwrap();
    let principal = "cluster.local/ns/tenant-caller/sa/web";
    let allowed = json!({ "rules": [{ "from": [{ "source": { "principals": [principal] } }] }] });
    admin.apply(&authorization_policy(mine, "attack", &allowed).to_string()).unwrap();
    until(|| inbound().contains(principal));

    let (url, requests) = metadata_server();
    let rule = json!({ "issuer": "attacker", "jwksUri": url });
    admin.apply(&request_authentication(mine, &rule).to_string()).unwrap();
    until(|| inbound().contains(SECRET));
    assert!(requests.recv().unwrap().starts_with("GET /latest/meta-data "));
    // The issuer alone is a URL too.
    let issuer = url.strip_suffix("/latest/meta-data").unwrap();
    admin.apply(&request_authentication(mine, &json!({ "issuer": issuer })).to_string()).unwrap();
    until(|| {
        inbound();
        requests.try_iter().any(|request| request.starts_with("GET /.well-known/openid-configuration "))
    });
}

/// Objects of a tenant in the namespace `mine`, each with its violations.
fn attacks(mine: &str, theirs: &str) -> Vec<(Value, Vec<Violation<'static>>)> {
    let rule = |policy: Value| destination_rule(mine, "web", &policy);
    let tls = |tls: Value| rule(json!({ "tls": tls }));
    let at_port = json!({ "portLevelSettings": [{ "port": { "number": 80 }, "tls": { "mode": "SIMPLE" } }] });
    let subset = |policy: Value| {
        let subsets = json!([{ "name": "v1", "labels": { "version": "v1" }, "trafficPolicy": policy }]);
        object(NETWORKING, "DestinationRule", mine, "attack", &json!({ "host": "web", "subsets": subsets }))
    };
    let exported = changed(tls(json!({ "mode": "DISABLE" })), |rule| {
        rule["spec"]["exportTo"] = json!([".", "istio-ingress"]);
    });
    let keys = |rule: Value| request_authentication(mine, &rule);
    let allow = |rule: Value| authorization_policy(mine, "attack", &json!({ "rules": [rule] }));
    let from = |source: Value| allow(json!({ "from": [{ "source": source }] }));
    let account = format!("cluster.local/ns/{theirs}/sa/web");
    let principal = "spec.rules[0].from[0].source.principals[0]";
    vec![
        (tls(json!({ "mode": "DISABLE" })), vec![("BH606", "spec.trafficPolicy.tls.mode")]),
        (tls(json!({ "mode": "SIMPLE" })), vec![("BH606", "spec.trafficPolicy.tls.mode")]),
        (tls(mutual()), vec![("BH606", "spec.trafficPolicy.tls.mode")]),
        (tls(json!({})), vec![("BH606", "spec.trafficPolicy.tls")]),
        (tls(json!({ "mode": "ISTIO_MUTUAL", "sni": "x" })), vec![("BH606", "spec.trafficPolicy.tls.sni")]),
        (
            tls(json!({ "mode": "ISTIO_MUTUAL", "insecureSkipVerify": true })),
            vec![("BH606", "spec.trafficPolicy.tls.insecureSkipVerify")],
        ),
        (rule(at_port.clone()), vec![("BH606", "spec.trafficPolicy.portLevelSettings[0].tls.mode")]),
        (
            subset(json!({ "tls": { "mode": "DISABLE" } })),
            vec![("BH606", "spec.subsets[0].trafficPolicy.tls.mode")],
        ),
        (subset(at_port), vec![("BH606", "spec.subsets[0].trafficPolicy.portLevelSettings[0].tls.mode")]),
        (exported, vec![("BH606", "spec.trafficPolicy.tls.mode")]),
        (
            keys(json!({ "issuer": "a", "jwksUri": "http://169.254.169.254/latest/meta-data" })),
            vec![("BH705", "spec.jwtRules[0].jwksUri")],
        ),
        (
            keys(json!({ "issuer": "a", "jwksUri": "https://web.default.svc/keys" })),
            vec![("BH705", "spec.jwtRules[0].jwksUri")],
        ),
        (keys(json!({ "issuer": "https://127.0.0.1" })), vec![("BH705", "spec.jwtRules[0].issuer")]),
        (
            keys(
                json!({ "issuer": "a", "jwks": "{\"keys\":[]}", "outputPayloadToHeader": "x-tenant-identity",
                "outputClaimToHeaders": [{ "header": "X-Forwarded-Client-Cert", "claim": "sub" }] }),
            ),
            vec![
                ("BH605", "spec.jwtRules[0].outputClaimToHeaders[0].header"),
                ("BH605", "spec.jwtRules[0].outputPayloadToHeader"),
            ],
        ),
        (from(json!({ "principals": [account] })), vec![("BH703", principal)]),
        (from(json!({ "principals": [format!("*/ns/{theirs}/sa/web")] })), vec![("BH703", principal)]),
        (from(json!({ "principals": ["spiffe://cluster.local/ns/a/sa/b"] })), vec![("BH703", principal)]),
        (
            from(json!({ "namespaces": [theirs] })),
            vec![("BH703", "spec.rules[0].from[0].source.namespaces[0]")],
        ),
        (
            from(json!({ "serviceAccounts": [format!("{theirs}/web")] })),
            vec![("BH703", "spec.rules[0].from[0].source.serviceAccounts[0]")],
        ),
        (
            allow(json!({ "when": [{ "key": "source.principal", "values": [account] }] })),
            vec![("BH703", "spec.rules[0].when[0].values[0]")],
        ),
    ]
}

#[test]
fn tls_keys_and_principals_of_others_are_refused_in_every_version() {
    let it = shared();
    let [(member, mine), (_, theirs)] = ["pr-mine", "pr-theirs"].map(|name| {
        let member = new_tenant(&it, name);
        let namespace = new_namespace(&member, name);
        (member, namespace)
    });
    let argo = it.cluster.powerful("system:serviceaccount:pr-argo:controller", "strangers").unwrap();
    for (attack, violations) in attacks(&mine, &theirs) {
        let (group, _) = attack["apiVersion"].as_str().unwrap().split_once('/').unwrap();
        let versions: &[&str] =
            if group == "security.istio.io" { &["v1", "v1beta1"] } else { &["v1", "v1beta1", "v1alpha3"] };
        for version in versions {
            let object = changed(attack.clone(), |object| {
                object["apiVersion"] = json!(format!("{group}/{version}"));
            });
            refused(&member, &["create", "-f", "-"], &object.to_string(), &violations);
        }
        refused(&argo, &["apply", "--server-side", "-f", "-"], &attack.to_string(), &violations);
    }
}

#[test]
fn update_to_tls_keys_or_principals_of_others_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "pr-edit");
    let name = new_namespace(&member, "pr-edit");
    let own = json!({ "issuer": "a", "jwks": "{\"keys\":[]}" });
    for object in [
        changed(destination_rule(&name, "web", &json!({ "tls": { "mode": "DISABLE" } })), |rule| {
            rule["spec"]["exportTo"] = json!(["."]);
        }),
        request_authentication(&name, &own),
        authorization_policy(
            &name,
            "attack",
            &json!({ "action": "DENY", "rules": [{ "from": [{ "source": {
            "namespaces": ["tenant-other"] } }] }] }),
        ),
    ] {
        expect_admitted(&member.feed(&["create", "-f", "-"], &object.to_string()).unwrap());
    }
    for (resource, patch, violation) in [
        (
            "destinationrule",
            r#"[{"op":"remove","path":"/spec/exportTo"}]"#,
            ("BH606", "spec.trafficPolicy.tls.mode"),
        ),
        (
            "requestauthentication",
            r#"[{"op":"remove","path":"/spec/jwtRules/0/jwks"}]"#,
            ("BH705", "spec.jwtRules[0].issuer"),
        ),
        (
            "requestauthentication",
            r#"[{"op":"remove","path":"/spec/jwtRules/0/jwks"},
                {"op":"add","path":"/spec/jwtRules/0/jwksUri","value":"https://localhost"}]"#,
            ("BH705", "spec.jwtRules[0].jwksUri"),
        ),
        (
            "requestauthentication",
            r#"[{"op":"remove","path":"/spec/jwtRules/0/jwks"},
                {"op":"add","path":"/spec/jwtRules/0/jwks_uri","value":"https://localhost"}]"#,
            ("BH705", "spec.jwtRules[0].jwks_uri"),
        ),
        (
            "authorizationpolicies.security.istio.io",
            r#"[{"op":"replace","path":"/spec/action","value":"ALLOW"}]"#,
            ("BH703", "spec.rules[0].from[0].source.namespaces[0]"),
        ),
    ] {
        let said =
            member.run(&["patch", resource, "attack", "-n", &name, "--type=json", "-p", patch]).unwrap();
        expect_refused(&said, &[violation]);
    }
}

/// The shapes of Istio's documented tasks, limited to the tenant.
fn tasks(namespace: &str) -> Vec<Value> {
    let allow = |name: &str, rule: Value| {
        let spec =
            json!({ "selector": { "matchLabels": { "app": name } }, "action": "ALLOW", "rules": [rule] });
        authorization_policy(namespace, name, &spec)
    };
    let source = |source: Value| json!([{ "source": source }]);
    let get = json!([{ "operation": { "methods": ["GET"] } }]);
    let account = format!("cluster.local/ns/{namespace}/sa/bookinfo-productpage");
    let keys = json!({ "issuer": "testing@secure.istio.io", "jwks": "{\"keys\":[]}", "fromHeaders": [{ "name": "x-jwt" }],
        "outputClaimToHeaders": [{ "header": "x-jwt-claim-foo", "claim": "foo" }] });
    vec![
        authorization_policy(namespace, "allow-nothing", &json!({})),
        allow("productpage", json!({ "to": get })),
        allow("details", json!({ "from": source(json!({ "principals": [account] })), "to": get })),
        allow("httpbin", json!({ "from": source(json!({ "namespaces": [namespace] })) })),
        allow(
            "jwt",
            json!({ "from": source(json!({ "requestPrincipals": ["testing@secure.istio.io/testing@secure.istio.io"] })),
                "when": [{ "key": "request.auth.claims[groups]", "values": ["group1"] }] }),
        ),
        allow(
            "gateway",
            json!({ "from": source(json!({ "principals": ["cluster.local/ns/istio-ingress/sa/public"] })) }),
        ),
        authorization_policy(
            namespace,
            "deny",
            &json!({ "action": "DENY", "rules": [
            { "from": source(json!({ "notRequestPrincipals": ["*"] })), "to": get },
            { "from": source(json!({ "notNamespaces": [namespace] })) },
        ] }),
        ),
        authorization_policy(
            namespace,
            "external",
            &json!({ "action": "CUSTOM", "provider": { "name": "oauth2" },
            "rules": [{ "to": [{ "operation": { "paths": ["/admin"] } }] }] }),
        ),
        request_authentication(namespace, &keys),
        request_authentication(
            namespace,
            &json!({ "issuer": "https://id.example.net", "jwksUri": "https://id.example.net/keys" }),
        ),
        destination_rule(namespace, "reviews", &json!({ "tls": { "mode": "ISTIO_MUTUAL" } })),
        destination_rule(
            namespace,
            "id.example.net",
            &json!({ "portLevelSettings": [
            { "port": { "number": 80 }, "tls": { "mode": "SIMPLE" } }] }),
        ),
    ]
}

#[test]
fn documented_security_tasks_within_the_tenant_are_admitted() {
    let it = shared();
    let member = new_tenant(&it, "pr-tasks");
    let name = new_namespace(&member, "pr-tasks");
    let granted = json!({ "spec": { "grants": {
        "serve": { "gateways": ["istio-ingress/public"] }, "reach": { "hosts": ["id.example.net"] },
    } } });
    let admin = it.cluster.admin().unwrap();
    admin.ok(&["patch", "tenant", "pr-tasks", "--type=merge", "-p", &granted.to_string()]).unwrap();
    for object in tasks(&name) {
        expect_admitted(&member.feed(&["apply", "-f", "-"], &object.to_string()).unwrap());
    }
}
