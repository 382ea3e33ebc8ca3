//! Pods of gateways in a tenant's namespace, through the real injector: only with a grant, and with nothing but the proxy.

use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::program::Installation;
use serde_json::{Value, json};
use support::cluster::{new_injected_namespace, new_namespace, new_tenant, shared};
use support::objects::{changed, object};
use support::refusal::{dry_run, expect_admitted, expect_refused, violations};
use support::snapshot_files;
use support::wait::until;

const SHELL: &str = "registry.example.com/shell:1";
const TEMPLATES: &str = "metadata.annotations[inject.istio.io/templates]";

/// The pod of a gateway as the chart `istio/gateway` writes it.
fn pod() -> Value {
    json!({
        "metadata": {
            "labels": {
                "app": "edge", "istio": "edge", "app.kubernetes.io/name": "edge", "sidecar.istio.io/inject": "true",
            },
            "annotations": {
                "inject.istio.io/templates": "gateway", "sidecar.istio.io/inject": "true",
                "prometheus.io/port": "15020", "prometheus.io/scrape": "true", "prometheus.io/path": "/stats/prometheus",
            },
        },
        "spec": {
            "serviceAccountName": "edge",
            "securityContext": { "sysctls": [{ "name": "net.ipv4.ip_unprivileged_port_start", "value": "0" }] },
            "containers": [{
                "name": "istio-proxy", "image": "auto",
                "securityContext": {
                    "capabilities": { "drop": ["ALL"] }, "allowPrivilegeEscalation": false, "privileged": false,
                    "readOnlyRootFilesystem": true, "runAsNonRoot": true,
                },
                "env": [],
                "ports": [{ "containerPort": 15090, "protocol": "TCP", "name": "http-envoy-prom" }],
                "resources": {
                    "requests": { "cpu": "100m", "memory": "128Mi" }, "limits": { "cpu": "2000m", "memory": "1024Mi" },
                },
            }],
            "terminationGracePeriodSeconds": 30,
        },
    })
}

fn bare(mut pod: Value) -> Value {
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    pod["metadata"]["name"] = json!("edge");
    pod
}

fn deployment(namespace: &str, template: &Value) -> Value {
    let spec = json!({ "selector": { "matchLabels": { "app": "edge" } }, "template": template });
    object("apps/v1", "Deployment", namespace, "edge", &spec)
}

/// The fields of the only container.
fn container(pod: &mut Value) -> &mut Value {
    &mut pod["spec"]["containers"][0]
}

/// The code that refuses the attack, a part of its path, and the change of the pod.
type Attack<'a> = (&'static str, &'static str, &'a dyn Fn(&mut Value));

/// A tenant with a namespace in which the account `edge` may run gateways.
fn granted(installation: &Installation, name: &str) -> (Kubectl, String) {
    let member = new_tenant(installation, name);
    let namespace = new_namespace(&member, name);
    member.ok(&["create", "serviceaccount", "edge", "-n", &namespace]).unwrap();
    let grant = json!([{ "namespace": namespace, "serviceAccount": "edge" }]);
    let grants = json!({ "spec": { "grants": { "gatewayPods": grant } } }).to_string();
    let admin = installation.cluster.admin().unwrap();
    admin.ok(&["patch", "tenant", name, "--type=merge", "-p", &grants]).unwrap();
    until(|| dry_run(&member, &namespace, &bare(pod())).0);
    (member, namespace)
}

#[test]
fn gateway_pod_without_a_grant_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "gateway-none");
    let namespace = new_namespace(&member, "gateway-none");
    member.ok(&["create", "serviceaccount", "edge", "-n", &namespace]).unwrap();
    let of_template = format!("spec.template.{TEMPLATES}");
    for (manifest, path) in [(bare(pod()), TEMPLATES), (deployment(&namespace, &pod()), &of_template)] {
        let (success, said) = dry_run(&member, &namespace, &manifest);
        assert_eq!((success, violations(&said)), (false, vec![("BH324", path)]), "{said}");
        assert!(said.contains("`grants.gatewayPods`"), "{said}");
    }

    // A grant is for one account in one namespace.
    let (member, namespace) = granted(&it, "gateway-other");
    member.ok(&["create", "serviceaccount", "other", "-n", &namespace]).unwrap();
    let other = changed(pod(), |pod| pod["spec"]["serviceAccountName"] = json!("other"));
    let (success, said) = dry_run(&member, &namespace, &bare(other));
    assert_eq!((success, violations(&said)), (false, vec![("BH324", TEMPLATES)]), "{said}");
    let elsewhere = new_namespace(&member, "gateway-other-two");
    member.ok(&["create", "serviceaccount", "edge", "-n", &elsewhere]).unwrap();
    let (success, said) = dry_run(&member, &elsewhere, &bare(pod()));
    assert_eq!((success, violations(&said)), (false, vec![("BH324", TEMPLATES)]), "{said}");
}

#[test]
fn granted_gateway_is_admitted() {
    let it = shared();
    let (member, namespace) = granted(&it, "gateway-granted");
    let mut variants = vec![pod()];
    let mut vary = |change: &dyn Fn(&mut Value)| variants.push(changed(pod(), change));
    vary(&|pod| *container(pod) = json!({ "name": "istio-proxy", "image": "auto" }));
    vary(&|pod| {
        container(pod)["ports"] =
            json!([{ "containerPort": 8443 }, { "containerPort": 8443, "protocol": "UDP" }]);
    });
    vary(&|pod| {
        container(pod)["securityContext"] =
            json!({ "capabilities": { "drop": ["ALL"], "add": ["NET_BIND_SERVICE"] } });
    });
    vary(&|pod| container(pod)["env"] = json!([{ "name": "ISTIO_META_DNS_CAPTURE", "value": "true" }]));
    vary(&|pod| container(pod)["lifecycle"] = json!({ "preStop": { "sleep": { "seconds": 5 } } }));
    vary(&|pod| {
        pod["spec"]["securityContext"] = json!({ "runAsUser": 1337, "runAsGroup": 1337, "fsGroup": 1337 });
    });
    vary(&|pod| pod["metadata"]["annotations"]["proxy.istio.io/config"] = json!("concurrency: 2"));
    vary(&|pod| pod["metadata"]["annotations"]["sidecar.istio.io/logLevel"] = json!("debug"));
    for variant in variants {
        for manifest in [bare(variant.clone()), deployment(&namespace, &variant)] {
            let (success, said) = dry_run(&member, &namespace, &manifest);
            assert!(success, "{said}\n{manifest}");
        }
    }

    expect_admitted(
        &member.feed(&["apply", "-f", "-"], &deployment(&namespace, &pod()).to_string()).unwrap(),
    );
    let get = ["get", "pods", "-n", &namespace, "-o", "json"];
    let created = until(|| {
        let pods: Value = serde_json::from_str(&member.ok(&get).unwrap()).unwrap();
        pods["items"].get(0).cloned()
    });
    assert_eq!(created["spec"]["containers"][0]["args"][1], "router", "{created}");
    // A backup restores it with its injected container.
    let mut metadata = created["metadata"].as_object().unwrap().clone();
    metadata.retain(|field, _| ["labels", "annotations"].contains(&field.as_str()));
    let restored = json!({ "metadata": metadata, "spec": created["spec"] });
    let (success, said) = dry_run(&member, &namespace, &bare(restored));
    assert!(success, "{said}");
}

/// Examples use this pod.
#[test]
fn injected_gateway_matches_the_injector() {
    let it = shared();
    let (member, namespace) = granted(&it, "gateway-example");
    let manifest = changed(bare(pod()), |pod| pod["spec"]["automountServiceAccountToken"] = json!(false));
    let create =
        ["create", "--dry-run=server", "-o", "json", "--show-managed-fields", "-n", &namespace, "-f", "-"];
    let said = member.feed(&create, &manifest.to_string()).unwrap();
    assert!(said.success, "{}", said.stderr);
    snapshot_files::compare_pod("examples/injected/gateway.json", &said.stdout, &namespace);
}

/// Each is admitted in a namespace without Bulkhead, and refused in that of a tenant who may run gateways.
#[test]
fn gateway_pod_with_more_than_the_proxy_is_refused() {
    let it = shared();
    let (member, namespace) = granted(&it, "gateway-more");
    let admin = it.cluster.admin().unwrap();
    new_injected_namespace(&admin, "outside-gateway-more");
    admin.ok(&["create", "serviceaccount", "edge", "-n", "outside-gateway-more"]).unwrap();
    let shell = json!({ "name": "shell", "image": SHELL });
    let volume = json!([{ "name": "mine", "image": { "reference": SHELL } }]);
    let mount = json!([{ "name": "mine", "mountPath": "/usr/local/bin" }]);
    let variable = |name: &str, value: &str| json!([{ "name": name, "value": value }]);
    let attacks: [Attack<'_>; 16] = [
        ("BH324", "spec.containers[", &|pod| {
            pod["spec"]["containers"].as_array_mut().unwrap().push(shell.clone());
        }),
        ("BH324", "initContainers[0]", &|pod| pod["spec"]["initContainers"] = json!([shell])),
        ("BH304", "initContainers[0]", &|pod| {
            pod["spec"]["initContainers"] = json!([{ "name": "istio-init", "image": SHELL }]);
        }),
        ("BH324", "volumes[", &|pod| pod["spec"]["volumes"] = json!([{ "name": "mine", "emptyDir": {} }])),
        ("BH304", "containers[0].volumeMounts", &|pod| {
            pod["spec"]["volumes"] = volume.clone();
            container(pod)["volumeMounts"] = mount.clone();
        }),
        ("BH304", "containers[0].command", &|pod| container(pod)["command"] = json!(["sleep", "infinity"])),
        ("BH304", "containers[0].args", &|pod| container(pod)["args"] = json!(["proxy", "sidecar"])),
        ("BH304", "containers[0].args", &|pod| container(pod)["args"] = json!(["request", "GET", "certs"])),
        ("BH304", "containers[0].image", &|pod| container(pod)["image"] = json!(SHELL)),
        ("BH304", "containers[0].env", &|pod| {
            container(pod)["env"] = variable("ISTIO_META_ROUTER_MODE", "sni-dnat");
        }),
        ("BH304", "containers[0].env", &|pod| {
            container(pod)["env"] =
                variable("PROXY_CONFIG", "{\"discoveryAddress\":\"istiod.elsewhere.svc:15012\"}");
        }),
        ("BH304", "containers[0].env", &|pod| {
            container(pod)["env"] = variable("CA_ADDR", "istiod.elsewhere.svc:15012");
        }),
        ("BH304", "containers[0].envFrom", &|pod| {
            container(pod)["envFrom"] = json!([{ "configMapRef": { "name": "mine" } }]);
        }),
        ("BH304", "containers[0].securityContext", &|pod| {
            container(pod)["securityContext"] = json!({ "capabilities": { "add": ["NET_RAW"] } });
        }),
        ("BH304", "containers[0].ports", &|pod| {
            container(pod)["ports"] = json!([{ "containerPort": 8443, "hostPort": 8443 }]);
        }),
        ("BH324", "labels", &|pod| pod["metadata"]["labels"]["app"] = json!("public")),
    ];
    for (code, place, change) in attacks {
        let manifest = bare(changed(pod(), change));
        let (success, said) = dry_run(&admin, "outside-gateway-more", &manifest);
        assert!(success, "without Bulkhead: {said}\n{manifest}");
        let template = deployment(
            &namespace,
            &changed(pod(), |pod| {
                change(pod);
                pod["metadata"]["labels"]["app"] = json!("edge");
            }),
        );
        let manifests = if place == "labels" { vec![manifest] } else { vec![manifest, template] };
        for attacker in [&member, &admin] {
            for manifest in &manifests {
                let (success, said) = dry_run(attacker, &namespace, manifest);
                let found = violations(&said);
                let is_found = found.iter().any(|(found, path)| *found == code && path.contains(place));
                assert!(!success && is_found, "{code} {place}: {said}\n{manifest}");
                assert!(found.iter().all(|(code, _)| ["BH304", "BH324"].contains(code)), "{said}");
            }
        }
    }
}

#[test]
fn running_gateway_stays_as_it_is() {
    let it = shared();
    let (member, namespace) = granted(&it, "gateway-running");
    expect_admitted(
        &member.feed(&["create", "-n", &namespace, "-f", "-"], &bare(pod()).to_string()).unwrap(),
    );
    let debugger =
        json!({ "spec": { "ephemeralContainers": [{ "name": "debugger", "image": SHELL }] } }).to_string();
    let debug = || {
        let patch =
            ["patch", "pod", "edge", "-n", &namespace, "--subresource=ephemeralcontainers", "-p", &debugger];
        member.run(&patch).unwrap()
    };
    expect_refused(&debug(), &[("BH324", "spec.ephemeralContainers[0]")]);
    let annotate = |value: &str| {
        member.run(&["annotate", "pod", "edge", "-n", &namespace, "--overwrite", value]).unwrap()
    };
    expect_refused(&annotate("inject.istio.io/templates-"), &[("BH324", TEMPLATES)]);
    expect_refused(&annotate("inject.istio.io/templates=sidecar"), &[("BH324", TEMPLATES)]);
    expect_admitted(&annotate("example.com/note=harmless"));
    let label =
        |value: &str| member.run(&["label", "pod", "edge", "-n", &namespace, "--overwrite", value]).unwrap();
    expect_refused(&label("app=public"), &[("BH324", "metadata.labels[app]")]);
    expect_admitted(&label("app=edge-two"));

    // Without the grant the pod still runs, and new ones are refused.
    let admin = it.cluster.admin().unwrap();
    let none = json!({ "spec": { "grants": { "gatewayPods": null } } }).to_string();
    admin.ok(&["patch", "tenant", "gateway-running", "--type=merge", "-p", &none]).unwrap();
    let another = changed(bare(pod()), |pod| pod["metadata"]["name"] = json!("edge-two"));
    until(|| violations(&dry_run(&member, &namespace, &another).1) == [("BH324", TEMPLATES)]);
    assert!(label("example.com/note=harmless").success);
    expect_refused(&debug(), &[("BH324", TEMPLATES), ("BH324", "spec.ephemeralContainers[0]")]);
}

/// A pod with a sidecar, without the annotation of gateways.
#[test]
fn sidecar_in_the_role_of_a_gateway_is_refused() {
    let it = shared();
    let (member, namespace) = granted(&it, "gateway-role");
    let app = json!({ "name": "app", "image": SHELL });
    let proxy = json!({ "name": "istio-proxy", "image": "auto", "args": ["proxy", "router"] });
    let claimed = json!({ "sidecar.istio.io/status": "{}" });
    let manifest = json!({
        "metadata": { "annotations": claimed },
        "spec": { "initContainers": [proxy], "containers": [app] },
    });
    let (success, said) = dry_run(&member, &namespace, &bare(manifest));
    let found = violations(&said);
    let is_role = |(code, path): &(&str, &str)| *code == "BH304" && path.contains("].args");
    assert!(!success && found.iter().any(is_role), "{said}");
}
