//! Attacks on the proxy of a tenant's own pod, through the real API server and the real injector. Each is admitted in
//! a namespace without Bulkhead, refused in a tenant's for the reason it is an attack, and has a harmless twin.

use serde_json::{Value, json};

use support::cluster::{new_injected_namespace, new_namespace, new_tenant, shared};
use support::objects;
use support::refusal::{dry_run, expect_refused, violations};
use support::wait::until;

const SHELL: &str = "registry.example.com/shell:1";

/// A pod of one container, with these annotations, and this laid over its spec.
fn pod(name: &str, annotations: &Value, spec: &Value) -> Value {
    let mut pod = objects::pod("");
    pod["metadata"] = json!({ "name": name, "annotations": annotations });
    for (field, value) in spec.as_object().unwrap() {
        pod["spec"][field] = value.clone();
    }
    pod
}

/// Each attack is refused in the tenant's namespace for exactly these reasons, and admitted outside.
fn refused_for(name: &str, attacks: &[(Value, &[(&str, &str)])]) {
    let it = shared();
    let member = new_tenant(&it, name);
    let inside = new_namespace(&member, name);
    let admin = it.cluster.admin().unwrap();
    let elsewhere = format!("outside-{name}");
    new_injected_namespace(&admin, &elsewhere);
    for (manifest, expected) in attacks {
        let (success, said) = dry_run(&admin, &elsewhere, manifest);
        assert!(success, "without Bulkhead: {said}\n{manifest}");
        for attacker in [&member, &admin] {
            let (success, said) = dry_run(attacker, &inside, manifest);
            assert_eq!((success, violations(&said).as_slice()), (false, *expected), "{said}\n{manifest}");
        }
    }
}

/// Each is admitted in a tenant's namespace.
fn admitted(name: &str, manifests: &[Value]) {
    let it = shared();
    let member = new_tenant(&it, name);
    let namespace = new_namespace(&member, name);
    for manifest in manifests {
        let (success, said) = dry_run(&member, &namespace, manifest);
        assert!(success, "{said}\n{manifest}");
    }
}

fn mesh_container(name: &str, fields: &Value) -> Value {
    let mut container = json!({ "name": name, "image": "auto" });
    for (field, value) in fields.as_object().unwrap() {
        container[field] = value.clone();
    }
    json!([container])
}

/// The injector keeps what a pod that claims to be injected already says of the mesh's containers.
#[test]
fn pod_that_claims_to_be_injected_keeps_no_field_of_its_own() {
    let claimed = json!({ "sidecar.istio.io/status": "{}" });
    let init = |fields: Value| {
        pod("claimed", &claimed, &json!({ "initContainers": mesh_container("istio-init", &fields) }))
    };
    let proxy = |fields: Value| {
        pod("claimed", &claimed, &json!({ "initContainers": mesh_container("istio-proxy", &fields) }))
    };
    let mounted = |list: Value| {
        let volumes = json!([{ "name": "m", "image": { "reference": "registry.example.com/mine:1" } }]);
        pod("claimed", &claimed, &json!({ "initContainers": list, "volumes": volumes }))
    };
    let mount = json!({ "volumeMounts": [{ "name": "m", "mountPath": "/usr/local/bin" }] });
    let dry = init(
        json!({ "env": [{ "name": "DRY_RUN", "value": "true" }, { "name": "CLEANUP_ONLY", "value": "true" }] }),
    );
    let boot =
        proxy(json!({ "env": [{ "name": "ISTIO_BOOTSTRAP_OVERRIDE", "value": "/mine/bootstrap.json" }] }));
    let istiod = proxy(json!({ "env": [{ "name": "CA_ADDR", "value": "istiod.elsewhere.svc:15012" }] }));
    refused_for(
        "proxy-claim",
        &[
            (dry, &[("BH304", "spec.initContainers[0].env[0]"), ("BH304", "spec.initContainers[0].env[1]")]),
            (boot, &[("BH304", "spec.initContainers[1].env[20]")]),
            (istiod, &[("BH304", "spec.initContainers[1].env[1]")]),
            (
                mounted(mesh_container("istio-init", &mount)),
                &[("BH304", "spec.initContainers[0].volumeMounts[0]")],
            ),
            (
                mounted(mesh_container("istio-proxy", &mount)),
                &[("BH304", "spec.initContainers[1].volumeMounts[9]")],
            ),
            (
                init(json!({ "command": ["sleep", "infinity"] })),
                &[("BH304", "spec.initContainers[0].command")],
            ),
            (
                init(json!({ "envFrom": [{ "configMapRef": { "name": "m" } }] })),
                &[("BH304", "spec.initContainers[0].envFrom")],
            ),
            (
                proxy(json!({ "stdin": true, "tty": true })),
                &[("BH304", "spec.initContainers[1].stdin"), ("BH304", "spec.initContainers[1].tty")],
            ),
            (
                init(
                    json!({ "securityContext": { "seccompProfile": { "type": "Localhost", "localhostProfile": "m.json" } } }),
                ),
                &[("BH304", "spec.initContainers[0].securityContext")],
            ),
            (
                init(json!({ "securityContext": { "appArmorProfile": { "type": "Unconfined" } } })),
                &[("BH304", "spec.initContainers[0].securityContext")],
            ),
        ],
    );
}

/// Istio's own annotations write into the same containers, and the agent reads some of them when it starts.
#[test]
fn annotation_that_weakens_the_proxy_is_refused() {
    let annotated = |key: &str, value: &str| pod("annotated", &json!({ key: value }), &json!({}));
    let weakening = |key: &str, value: &str, containers: &[&str]| {
        let mut expected = vec![("BH303".to_owned(), format!("metadata.annotations[{key}]"))];
        expected
            .extend(containers.iter().map(|path| ("BH304".to_owned(), format!("spec.initContainers{path}"))));
        (annotated(key, value), expected)
    };
    let attacks = [
        weakening(
            "proxy.istio.io/config",
            "proxyMetadata: { DRY_RUN: \"true\" }",
            &["[0].env[0]", "[1].env[8]", "[1].env[20]"],
        ),
        weakening("proxy.istio.io/config", "discoveryAddress: istiod.elsewhere.svc:15012", &["[1].env[8]"]),
        weakening("sidecar.istio.io/bootstrapOverride", "mine", &["[1].env[18]", "[1].volumeMounts[6]"]),
        weakening(
            "sidecar.istio.io/userVolumeMount",
            "{\"istio-data\": {\"mountPath\": \"/usr/local/bin\"}}",
            &["[1].volumeMounts[9]"],
        ),
        weakening("sidecar.istio.io/discoveryAddress", "mine.elsewhere.svc:15012", &[]),
        weakening("sidecar.istio.io/statsInclusionPrefixes", "a\"}, \"b", &[]),
        weakening("traffic.sidecar.istio.io/excludeInboundPorts", "8080", &["[0].args[16]"]),
        weakening("next.istio.io/version", "1", &[]),
    ];
    let attacks: Vec<_> = attacks
        .iter()
        .map(|(pod, expected)| {
            let expected: Vec<_> =
                expected.iter().map(|(code, path)| (code.as_str(), path.as_str())).collect();
            (pod.clone(), expected)
        })
        .collect();
    let attacks: Vec<_> = attacks.iter().map(|(pod, expected)| (pod.clone(), expected.as_slice())).collect();
    refused_for("proxy-config", &attacks);
}

/// The agent and istio-cni read the live pod, which a scheduling gate holds for as long as its author likes.
#[test]
fn annotation_added_to_a_running_pod_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "proxy-later");
    let namespace = new_namespace(&member, "proxy-later");
    let held = pod("held", &json!({}), &json!({ "schedulingGates": [{ "name": "example.com/wait" }] }));
    member.feed(&["create", "-n", &namespace, "-f", "-"], &held.to_string()).unwrap();
    until(|| member.run(&["get", "pod", "held", "-n", &namespace]).unwrap().success);
    for (key, value) in
        [("sidecar.istio.io/discoveryAddress", "mine:15012"), ("proxy.istio.io/config", "binaryPath: /mine")]
    {
        let patch = json!({ "metadata": { "annotations": { key: value } } }).to_string();
        for subresource in ["", "status"] {
            let write =
                ["patch", "pod", "held", "-n", &namespace, "--subresource", subresource, "-p", &patch];
            let said = member.run(&write).unwrap();
            let annotation = format!("metadata.annotations[{key}]");
            expect_refused(&said, &[("BH303", annotation.as_str())]);
        }
    }
    for (map, key) in [
        ("labels", "security.istio.io/tlsMode"),
        ("annotations", "istio.io/rev"),
        ("annotations", "sidecar.istio.io/status"),
    ] {
        let patch = json!({ "metadata": { map: { key: null } } }).to_string();
        let said = member.run(&["patch", "pod", "held", "-n", &namespace, "-p", &patch]).unwrap();
        expect_refused(&said, &[("BH303", &format!("metadata.{map}[{key}]"))]);
    }
    let patch =
        json!({ "metadata": { "annotations": { "sidecar.istio.io/logLevel": "debug" } } }).to_string();
    member.ok(&["patch", "pod", "held", "-n", &namespace, "-p", &patch]).unwrap();
}

#[test]
fn proxy_with_harmless_annotations_is_admitted() {
    let annotated = |annotations: Value| pod("annotated", &annotations, &json!({}));
    admitted(
        "proxy-harmless",
        &[
            annotated(json!({})),
            annotated(
                json!({ "proxy.istio.io/config": "concurrency: 2\nholdApplicationUntilProxyStarts: true\ndrainDuration: 20s" }),
            ),
            annotated(
                json!({ "proxy.istio.io/config": "proxyMetadata: { ISTIO_META_DNS_CAPTURE: \"true\", EXIT_ON_ZERO_ACTIVE_CONNECTIONS: \"true\" }" }),
            ),
            annotated(
                json!({ "proxy.istio.io/config": "tracing: { sampling: 10 }\nproxyStatsMatcher: { inclusionRegexps: [\".*retry.*\"] }" }),
            ),
            annotated(
                json!({ "sidecar.istio.io/proxyCPU": "200m", "sidecar.istio.io/proxyMemoryLimit": "512Mi", "sidecar.istio.io/logLevel": "debug" }),
            ),
            annotated(
                json!({ "sidecar.istio.io/nativeSidecar": "false", "proxy.istio.io/config": "holdApplicationUntilProxyStarts: true" }),
            ),
            annotated(
                json!({ "readiness.status.sidecar.istio.io/periodSeconds": "5", "prometheus.io/scrape": "true", "prometheus.io/port": "8080" }),
            ),
        ],
    );
}

#[test]
fn init_container_before_the_redirection_is_refused() {
    let classic = json!({ "sidecar.istio.io/nativeSidecar": "false" });
    let init = json!([{ "name": "free", "image": SHELL, "command": ["sleep", "infinity"] }]);
    let native = json!([{ "name": "free", "image": SHELL, "restartPolicy": "Always" }]);
    let template = json!({
        "metadata": { "labels": { "app": "free" }, "annotations": classic },
        "spec": { "initContainers": init, "containers": [{ "name": "app", "image": SHELL }], "restartPolicy": "Never" },
    });
    let job = json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": "free" }, "spec": { "template": template } });
    let of_template = "spec.template.metadata.annotations[sidecar.istio.io/nativeSidecar]";
    refused_for(
        "proxy-init",
        &[
            (
                pod("free", &classic, &json!({ "initContainers": init })),
                &[("BH316", "spec.initContainers[0]")],
            ),
            (
                pod("free", &classic, &json!({ "initContainers": native })),
                &[("BH316", "spec.initContainers[0]")],
            ),
            (job, &[("BH316", of_template)]),
        ],
    );
    admitted(
        "proxy-order",
        &[
            pod("migrated", &json!({}), &json!({ "initContainers": init })),
            pod("helped", &json!({}), &json!({ "initContainers": native })),
            pod("classic", &classic, &json!({})),
        ],
    );
}

fn token(audience: &str) -> Value {
    json!({
        "name": "mine",
        "projected": { "sources": [{ "serviceAccountToken": { "audience": audience, "path": "token", "expirationSeconds": 3600 } }] },
    })
}

#[test]
fn volume_with_the_proxys_credentials_is_refused_to_an_application() {
    let mounting = |mounts: Value| {
        let app = json!([{ "name": "app", "image": SHELL, "volumeMounts": mounts }]);
        pod("token", &json!({}), &json!({ "containers": app }))
    };
    let with_volume = |volume: Value| pod("token", &json!({}), &json!({ "volumes": [volume] }));
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "token" },
        "spec": {
            "selector": { "matchLabels": { "app": "token" } },
            "template": {
                "metadata": { "labels": { "app": "token" } },
                "spec": { "containers": [{ "name": "app", "image": SHELL }], "volumes": [token("istio-ca")] },
            },
        },
    });
    let audience = "projected.sources[0].serviceAccountToken.audience";
    refused_for(
        "proxy-token",
        &[
            (
                mounting(
                    json!([{ "name": "istio-token", "mountPath": "/theirs" }, { "name": "workload-socket", "mountPath": "/sds" }]),
                ),
                &[
                    ("BH310", "spec.containers[0].volumeMounts[0]"),
                    ("BH310", "spec.containers[0].volumeMounts[1]"),
                ],
            ),
            (with_volume(token("istio-ca")), &[("BH310", &format!("spec.volumes[9].{audience}"))]),
            (deployment, &[("BH310", &format!("spec.template.spec.volumes[0].{audience}"))]),
            (
                with_volume(
                    json!({ "name": "workload-certs", "emptyDir": {}, "configMap": { "name": "mine" } }),
                ),
                &[("BH310", "spec.volumes[2]")],
            ),
        ],
    );
    admitted("proxy-vault", &[with_volume(token("vault"))]);
}

/// A container to debug with comes later, and through a resource of its own.
#[test]
fn debug_container_with_the_proxys_volume_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "proxy-debug");
    let namespace = new_namespace(&member, "proxy-debug");
    let app = pod("app", &json!({}), &json!({}));
    member.feed(&["create", "-n", &namespace, "-f", "-"], &app.to_string()).unwrap();
    until(|| member.run(&["get", "pod", "app", "-n", &namespace]).unwrap().success);
    let patch = |mounts: Value| {
        let debugger = json!({ "name": "debugger", "image": SHELL, "volumeMounts": mounts });
        let patch = json!({ "spec": { "ephemeralContainers": [debugger] } }).to_string();
        let write =
            ["patch", "pod", "app", "-n", &namespace, "--subresource=ephemeralcontainers", "-p", &patch];
        member.run(&write).unwrap()
    };
    let said = patch(json!([{ "name": "istio-token", "mountPath": "/theirs" }]));
    expect_refused(&said, &[("BH310", "spec.ephemeralContainers[0].volumeMounts[0]")]);
    assert!(patch(json!([])).success);
}
