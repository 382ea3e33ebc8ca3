//! Pods, through the real API server, injected by the real istiod.

use bulkhead_harness::kubectl::Kubectl;
use serde_json::{Value, json};
use support::cluster::{
    alone, jsonpath, new_namespace, new_tenant, shared, wait_for_default_account, wait_until_ready,
};
use support::objects::{self, changed};
use support::refusal::{Violation, denied_by, expect_refused, expect_warned, violations};
use support::snapshot_files;
use support::wait::until;

const LABEL: &str = "metadata.labels[sidecar.istio.io/inject]";
const TEMPLATE_LABEL: &str = "spec.template.metadata.labels[sidecar.istio.io/inject]";

/// One of the entries for workloads refuses the manifest, for these violations and no others.
#[track_caller]
fn refused(kubectl: &Kubectl, arguments: &[&str], manifest: &Value, expected: &[Violation<'_>]) {
    let said = kubectl.feed(&[arguments, &["-f", "-"]].concat(), &manifest.to_string()).unwrap();
    expect_refused(&said, expected);
    assert!(matches!(denied_by(&said.stderr)[..], ["workloads" | "workload-changes"]), "{said:?}");
}

fn pod(namespace: &str, change: impl FnOnce(&mut Value)) -> Value {
    changed(objects::pod(namespace), change)
}

/// A Deployment with a change in its template.
fn deployment(namespace: &str, name: &str, change: impl FnOnce(&mut Value)) -> Value {
    changed(objects::deployment(namespace, name), |it| change(&mut it["spec"]["template"]))
}

/// A namespace without a tenant, with a pod `app`, and with a Deployment `old` whose one pod is outside the mesh.
fn legacy(admin: &Kubectl, namespace: &str) {
    admin.ok(&["create", "namespace", namespace]).unwrap();
    wait_for_default_account(admin, namespace);
    let opted_out = deployment(namespace, "old", |template| {
        template["metadata"]["labels"]["sidecar.istio.io/inject"] = json!("false");
    });
    admin.apply(&opted_out.to_string()).unwrap();
    admin.apply(&pod(namespace, |_| {}).to_string()).unwrap();
    let replicas = || jsonpath(admin, &["rs", "-n", namespace], "{.items[*].status.replicas}");
    until(|| replicas() == "1");
}

/// Labels the namespace as the tenant's, and waits until the webhook judges pods in it.
fn hand_over(admin: &Kubectl, namespace: &str, tenant: &str, member: &Kubectl) {
    admin.ok(&["label", "namespace", namespace, &format!("bulkhead.dev/tenant={tenant}")]).unwrap();
    let opted_out = pod(namespace, |pod| {
        pod["metadata"]["name"] = json!("new");
        pod["metadata"]["labels"]["sidecar.istio.io/inject"] = json!("false");
    });
    until(|| {
        let said = member.feed(&["create", "--dry-run=server", "-f", "-"], &opted_out.to_string()).unwrap();
        violations(&said.stderr).contains(&("BH301", "spec"))
    });
}

fn add_container(spec: &mut Value, container: Value) {
    spec["containers"].as_array_mut().unwrap().push(container);
}

#[test]
fn deployment_pods_get_an_injected_proxy() {
    let it = shared();
    let member = new_tenant(&it, "chain-good");
    let namespace = new_namespace(&member, "chain-good");
    member.apply(&deployment(&namespace, "web", |_| {}).to_string()).unwrap();
    let shown = until(|| {
        let path =
            "{range .items[*]}{.status.phase} {.spec.initContainers[*].name} {.spec.containers[*].name}{end}";
        Some(jsonpath(&member, &["pods", "-n", &namespace], path)).filter(|shown| !shown.is_empty())
    });
    assert_eq!(shown, "Pending istio-init istio-proxy app");
}

#[test]
fn pod_without_a_genuine_sidecar_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "chain-bad");
    let namespace = new_namespace(&member, "chain-bad");
    refused(
        &member,
        &["create"],
        &pod(&namespace, |pod| pod["metadata"]["labels"]["sidecar.istio.io/inject"] = json!("false")),
        &[("BH301", "spec"), ("BH302", LABEL)],
    );
    refused(
        &member,
        &["apply"],
        &pod(&namespace, |pod| pod["metadata"]["annotations"]["sidecar.istio.io/inject"] = json!("false")),
        &[("BH301", "spec"), ("BH302", "metadata.annotations[sidecar.istio.io/inject]")],
    );
    refused(
        &member,
        &["create", "--dry-run=server"],
        &pod(&namespace, |pod| pod["spec"]["hostNetwork"] = json!(true)),
        &[("BH301", "spec.hostNetwork")],
    );
    refused(
        &member,
        &["create"],
        &pod(&namespace, |pod| {
            add_container(
                &mut pod["spec"],
                json!({ "name": "istio-proxy", "image": "registry.example.com/shell:1", "command": ["sleep"] }),
            );
        }),
        &[
            ("BH304", "metadata.annotations[proxy.istio.io/overrides]"),
            ("BH304", "spec.initContainers[1].image"),
            ("BH304", "spec.initContainers[1].command"),
        ],
    );
    assert_eq!(jsonpath(&member, &["pods", "-n", &namespace], "{.items[*].metadata.name}"), "");
}

#[test]
fn template_outside_the_mesh_is_refused_on_apply() {
    let it = shared();
    let member = new_tenant(&it, "chain-template");
    let namespace = new_namespace(&member, "chain-template");
    refused(
        &member,
        &["apply"],
        &deployment(&namespace, "quiet", |template| {
            template["metadata"]["labels"]["sidecar.istio.io/inject"] = json!("no");
            template["spec"]["hostNetwork"] = json!(true);
            add_container(&mut template["spec"], json!({ "name": "istio-proxy", "image": "auto" }));
        }),
        &[
            ("BH301", "spec.template.spec.hostNetwork"),
            ("BH302", TEMPLATE_LABEL),
            ("BH304", "spec.template.spec.containers[1]"),
        ],
    );
}

#[test]
fn pod_template_outside_the_mesh_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "chain-preset");
    let namespace = new_namespace(&member, "chain-preset");
    let preset = |host_network: bool| {
        let mut template = deployment(&namespace, "preset", |_| {})["spec"]["template"].take();
        template["spec"]["hostNetwork"] = json!(host_network);
        let metadata = json!({ "name": "preset", "namespace": namespace });
        json!({ "apiVersion": "v1", "kind": "PodTemplate", "metadata": metadata, "template": template })
    };
    let expected = [("BH301", "template.spec.hostNetwork")];
    refused(&member, &["create"], &preset(true), &expected);
    member.apply(&preset(false).to_string()).unwrap();
    refused(&member, &["apply"], &preset(true), &expected);
    let admin = it.cluster.admin().unwrap();
    admin.ok(&["create", "namespace", "chain-preset"]).unwrap();
    admin.apply(&preset(true).to_string().replace(&namespace, "chain-preset")).unwrap();
}

/// The API server copies the annotations of a binding to the pod, where istio-cni reads them.
#[test]
fn binding_with_an_opt_out_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "chain-binding");
    let namespace = new_namespace(&member, "chain-binding");
    member.apply(&pod(&namespace, |_| {}).to_string()).unwrap();
    let binding = json!({
        "apiVersion": "v1", "kind": "Binding",
        "metadata": { "name": "app", "annotations": { "sidecar.istio.io/inject": "f" } },
        "target": { "kind": "Node", "name": "worker-1" },
    });
    for path in ["pods/app/binding", "bindings"] {
        let path = format!("/api/v1/namespaces/{namespace}/{path}");
        let said = member.feed(&["create", "--raw", &path, "-f", "-"], &binding.to_string()).unwrap();
        let expected = [("BH302", "metadata.annotations[sidecar.istio.io/inject]"), ("BH311", "target")];
        expect_refused(&said, &expected);
        let scheduler = it.cluster.powerful("system:serviceaccount:kube-system:mine", "schedulers").unwrap();
        let said = scheduler.feed(&["create", "--raw", &path, "-f", "-"], &binding.to_string()).unwrap();
        expect_refused(&said, &expected[..1]);
    }
}

/// Two of the four resources of a running pod change labels and annotations.
#[test]
fn opt_out_of_a_running_pod_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "chain-running");
    let namespace = new_namespace(&member, "chain-running");
    member.apply(&pod(&namespace, |_| {}).to_string()).unwrap();
    let maps =
        || jsonpath(&member, &["pod", "app", "-n", &namespace], "{.metadata.labels} {.metadata.annotations}");
    let before = maps();
    for map in ["labels", "annotations"] {
        let patch = json!({ "metadata": { map: { "sidecar.istio.io/inject": "false" } } }).to_string();
        let write = ["patch", "pod", "app", "-n", &namespace, "--type=merge", "-p", &patch];
        let entry = format!("metadata.{map}[sidecar.istio.io/inject]");
        for resource in ["", "status"] {
            let said = member.run(&[&write[..], &["--subresource", resource]].concat()).unwrap();
            expect_refused(&said, &[("BH302", &entry)]);
        }
        // Of these the API server stores containers or their resources, and nothing else.
        for resource in ["ephemeralcontainers", "resize"] {
            member.ok(&[&write[..], &["--subresource", resource]].concat()).unwrap();
        }
    }
    assert_eq!(maps(), before);
}

#[test]
fn debug_container_with_a_proxys_name_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "chain-debug");
    let injected: &str = &new_namespace(&member, "chain-debug");
    member.apply(&pod(injected, |_| {}).to_string()).unwrap();
    let admin = it.cluster.admin().unwrap();
    let old = "legacy-chain-debug";
    legacy(&admin, old);
    hand_over(&admin, old, "chain-debug", &member);
    let debug = |namespace: &str, container: &str| {
        let image = "--image=registry.example.com/shell:1";
        member.run(&["debug", "app", "-n", namespace, image, "-c", container, "--profile=baseline"]).unwrap()
    };
    expect_refused(&debug(old, "istio-proxy"), &[("BH304", "spec.ephemeralContainers[0]")]);
    expect_refused(&debug(injected, "istio-validation"), &[("BH304", "spec.ephemeralContainers[0]")]);
    // Beside the proxy, the API server itself refuses a second container of its name.
    let said = debug(injected, "istio-proxy");
    let second = "spec.ephemeralContainers[0].name: Duplicate value: \"istio-proxy\"";
    assert!(!said.success && said.stderr.contains(second), "{said:?}");
    for namespace in [old, injected] {
        let said = debug(namespace, "shell");
        assert!(said.success, "{namespace}: {said:?}");
    }
}

/// Workloads that are older than their tenant can still be labelled, scaled and deleted.
#[test]
fn older_violation_that_is_unchanged_is_a_warning() {
    let it = shared();
    let member = new_tenant(&it, "chain-ratchet");
    let admin = it.cluster.admin().unwrap();
    let namespace = "legacy-chain-ratchet";
    legacy(&admin, namespace);
    hand_over(&admin, namespace, "chain-ratchet", &member);

    let said = member.run(&["label", "pod", "app", "-n", namespace, "team=payments"]).unwrap();
    expect_warned(&said, &[("BH301", "spec")]);
    // A network plugin records the address of a pod, and people must not.
    let annotate = |kubectl: &Kubectl| {
        let address = "cni.projectcalico.org/podIP=10.0.0.7/32";
        kubectl.run(&["annotate", "pod", "app", "-n", namespace, address, "--overwrite"]).unwrap()
    };
    let stranger = it.cluster.powerful("chain-mallory", "strangers").unwrap();
    let address = ("BH313", "metadata.annotations[cni.projectcalico.org/podIP]");
    expect_refused(&annotate(&stranger), &[address]);
    let plugin = it.cluster.powerful("system:serviceaccount:kube-system:cni", "plugins").unwrap();
    expect_warned(&annotate(&plugin), &[("BH301", "spec")]);
    let said = member
        .run(&["set", "image", "deployment/old", "app=registry.example.com/app:2", "-n", namespace])
        .unwrap();
    expect_refused(&said, &[("BH302", TEMPLATE_LABEL)]);
    member.ok(&["scale", "deployment", "old", "--replicas=0", "-n", namespace]).unwrap();
    let replicas = || jsonpath(&admin, &["rs", "-n", namespace], "{.items[*].status.replicas}");
    until(|| replicas() == "0");
}

/// The ReplicaSet controller has more rights than the author of the template, and its pods are judged like theirs.
#[test]
fn pod_of_an_older_template_outside_the_mesh_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "chain-replica");
    let admin = it.cluster.admin().unwrap();
    let namespace = "legacy-chain-replica";
    legacy(&admin, namespace);
    hand_over(&admin, namespace, "chain-replica", &member);
    wait_until_ready(&admin, namespace);
    let pods = || jsonpath(&admin, &["pods", "-n", namespace], "{.items[*].metadata.name}");
    let before = pods();
    member.ok(&["scale", "deployment", "old", "--replicas=2", "-n", namespace]).unwrap();
    let failure = until(|| {
        let path = "{.items[*].status.conditions[?(@.type=='ReplicaFailure')].message}";
        Some(jsonpath(&admin, &["rs", "-n", namespace], path)).filter(|failure| !failure.is_empty())
    });
    assert_eq!(violations(&failure), [("BH301", "spec"), ("BH302", LABEL)], "{failure}");
    assert_eq!(pods(), before);

    // The advice names the controller, whose owner has the template.
    let replica_set = jsonpath(&admin, &["rs", "-n", namespace], "{.items[*].metadata.name}");
    assert!(failure.contains(&format!("`ReplicaSet {replica_set}`")), "{failure}");
    let label = r#"[{"op":"remove","path":"/spec/template/metadata/labels/sidecar.istio.io~1inject"}]"#;
    member.ok(&["patch", "deployment", "old", "-n", namespace, "--type=json", "-p", label]).unwrap();
    let proxies = "{.items[*].spec.initContainers[?(@.name=='istio-proxy')].name}";
    until(|| !jsonpath(&admin, &["pods", "-n", namespace], proxies).is_empty());
}

/// Examples and benches use this pod.
#[test]
fn injected_example_matches_the_injector() {
    let it = shared();
    let member = new_tenant(&it, "chain-example");
    let namespace = new_namespace(&member, "chain-example");
    let manifest =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/good/shop.yaml")).unwrap();
    let manifest = manifest.replace("tenant-acme", &namespace);
    let said = member
        .feed(&["create", "--dry-run=server", "-o", "json", "--show-managed-fields", "-f", "-"], &manifest)
        .unwrap();
    assert!(said.success, "{}", said.stderr);
    let object: Value = serde_json::from_str(&said.stdout).unwrap();
    // The default account brings no token along.
    let volumes = object["spec"]["volumes"].as_array().unwrap();
    assert!(!volumes.iter().any(|volume| volume["name"].as_str().unwrap().starts_with("kube-api-access-")));
    snapshot_files::compare_pod("examples/injected/shop.json", &said.stdout, &namespace);
}

#[test]
fn dry_run_writes_nothing() {
    let it = alone();
    let member = new_tenant(&it, "chain-dry");
    let namespace = new_namespace(&member, "chain-dry");
    let now = || -> Value {
        let list = member.ok(&["get", "--raw", "/api/v1/namespaces?limit=1"]).unwrap();
        serde_json::from_str::<Value>(&list).unwrap()["metadata"]["resourceVersion"].clone()
    };
    let good = pod(&namespace, |_| {}).to_string();
    let bad = pod(&namespace, |pod| pod["spec"]["hostNetwork"] = json!(true)).to_string();
    let dry =
        |manifest: &str| member.feed(&["create", "--dry-run=server", "-f", "-"], manifest).unwrap().success;
    // Leases are renewed all the time: a write by Bulkhead would change the version at every attempt.
    until(|| {
        let before = now();
        assert!(dry(&good) && !dry(&bad));
        now() == before
    });
    let before = now();
    member.apply(&good).unwrap();
    assert_ne!(now(), before, "a real write is seen");
}
