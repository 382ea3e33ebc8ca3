//! Pods, through the real API server, injected by the real istiod.

use bulkhead_harness::kubectl::Kubectl;
use serde_json::{Value, json};

use crate::blessed;
use crate::cluster::{alone, can_hold_pods, namespace, shared, tenant, until};

/// The refusal of a pod or a template, whole, but for the line that says which rule's manual to read.
fn refused(kubectl: &Kubectl, arguments: &[&str], manifest: &Value, lines: &[&str]) {
    let said = kubectl.feed(&[arguments, &["-f", "-"]].concat(), &manifest.to_string()).unwrap();
    let code = &lines[0][..5];
    let expected = format!(
        "Error from server (Forbidden): error when creating \"STDIN\": admission webhook \
         \"workloads.bulkhead.dev\" denied the request: \n{}\n(see: bulkhead explain {code})\n",
        lines.join("\n")
    );
    assert_eq!(said.stderr, expected);
    assert!(!said.success);
}

fn pod(namespace: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": "app", "namespace": namespace, "labels": {}, "annotations": {} },
        "spec": { "containers": [{ "name": "app", "image": "registry.example.com/app:1" }] },
    });
    change(&mut pod);
    pod
}

fn deployment(namespace: &str, name: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": name, "namespace": namespace },
        "spec": {
            "selector": { "matchLabels": { "app": name } },
            "template": {
                "metadata": { "labels": { "app": name } },
                "spec": { "containers": [{ "name": "app", "image": "registry.example.com/app:1" }] },
            },
        },
    });
    change(&mut deployment["spec"]["template"]);
    deployment
}

/// A namespace of nobody, with a pod `app`, and with a Deployment `old` that keeps its one pod out of the mesh.
fn legacy(admin: &Kubectl, namespace: &str) {
    admin.ok(&["create", "namespace", namespace]).unwrap();
    can_hold_pods(admin, namespace);
    let opted_out = deployment(namespace, "old", |template| {
        template["metadata"]["labels"]["sidecar.istio.io/inject"] = json!("false");
    });
    admin.apply(&opted_out.to_string()).unwrap();
    admin.apply(&pod(namespace, |_| {}).to_string()).unwrap();
    let replicas = || jsonpath(admin, &["rs", "-n", namespace], "{.items[*].status.replicas}");
    until(|| replicas() == "1");
}

/// Gives the namespace to the tenant, whose member sees when pods are judged there.
fn hand_over(admin: &Kubectl, namespace: &str, tenant: &str, member: &Kubectl) {
    admin.ok(&["label", "namespace", namespace, &format!("bulkhead.dev/tenant={tenant}")]).unwrap();
    let opted_out = pod(namespace, |pod| {
        pod["metadata"]["name"] = json!("new");
        pod["metadata"]["labels"]["sidecar.istio.io/inject"] = json!("false");
    });
    until(|| {
        let said = member.feed(&["create", "--dry-run=server", "-f", "-"], &opted_out.to_string()).unwrap();
        said.stderr.contains("BH301")
    });
}

fn add_container(spec: &mut Value, container: Value) {
    spec["containers"].as_array_mut().unwrap().push(container);
}

fn jsonpath(kubectl: &Kubectl, what: &[&str], path: &str) -> String {
    kubectl.ok(&[&["get"], what, &["-o", &format!("jsonpath={path}")]].concat()).unwrap()
}

#[test]
fn a_deployments_pods_come_up_with_a_proxy() {
    let it = shared();
    let member = tenant(&it, "chain-good");
    let namespace = namespace(&member, "chain-good");
    member.apply(&deployment(&namespace, "web", |_| {}).to_string()).unwrap();
    let shown = until(|| {
        let path =
            "{range .items[*]}{.status.phase} {.spec.initContainers[*].name} {.spec.containers[*].name}{end}";
        Some(jsonpath(&member, &["pods", "-n", &namespace], path)).filter(|shown| !shown.is_empty())
    });
    assert_eq!(shown, "Pending istio-init istio-proxy app");
}

#[test]
fn a_pod_without_a_genuine_sidecar_is_refused() {
    let it = shared();
    let member = tenant(&it, "chain-bad");
    let namespace = namespace(&member, "chain-bad");
    let missing = "BH301 spec: no container `istio-proxy`: a pod of tenant chain-bad needs the proxy that Istio \
                   injects; remove what keeps the injector away; if nothing does, ask whether Istio is up";
    refused(
        &member,
        &["create"],
        &pod(&namespace, |pod| pod["metadata"]["labels"]["sidecar.istio.io/inject"] = json!("false")),
        &[
            missing,
            "BH302 metadata.labels[sidecar.istio.io/inject]: `false` keeps this pod out of the mesh of tenant \
             chain-bad; remove the label",
        ],
    );
    refused(
        &member,
        &["apply"],
        &pod(&namespace, |pod| pod["metadata"]["annotations"]["sidecar.istio.io/inject"] = json!("false")),
        &[
            missing,
            "BH302 metadata.annotations[sidecar.istio.io/inject]: `false` keeps this pod out of the mesh of tenant \
             chain-bad; remove the annotation",
        ],
    );
    refused(
        &member,
        &["create", "--dry-run=server"],
        &pod(&namespace, |pod| pod["spec"]["hostNetwork"] = json!(true)),
        &[
            "BH301 spec.hostNetwork: `true` keeps the Istio injector away, and a pod of tenant chain-bad needs a \
           proxy; remove `hostNetwork`",
        ],
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
            "BH304 metadata.annotations[proxy.istio.io/overrides]: fields of the mesh's own containers would survive \
             injection; remove it; `sidecar.istio.io/proxyCPU` and its kin set the proxy's resources",
            "BH304 spec.initContainers[1].image: `registry.example.com/shell:1` is not from a repository the \
             settings list as `mesh.proxyImages`; do not declare `istio-proxy`: Istio injects it",
            "BH304 spec.initContainers[1].command: Istio gives `istio-proxy` no command; do not declare \
             `istio-proxy`: Istio injects it",
        ],
    );
    assert_eq!(jsonpath(&member, &["pods", "-n", &namespace], "{.items[*].metadata.name}"), "");
}

#[test]
fn a_template_is_refused_when_it_is_applied() {
    let it = shared();
    let member = tenant(&it, "chain-template");
    let namespace = namespace(&member, "chain-template");
    refused(
        &member,
        &["apply"],
        &deployment(&namespace, "quiet", |template| {
            template["metadata"]["labels"]["sidecar.istio.io/inject"] = json!("no");
            template["spec"]["hostNetwork"] = json!(true);
            add_container(&mut template["spec"], json!({ "name": "istio-proxy", "image": "auto" }));
        }),
        &[
            "BH301 spec.template.spec.hostNetwork: `true` keeps the Istio injector away, and a pod of tenant \
             chain-template needs a proxy; remove `hostNetwork`",
            "BH302 spec.template.metadata.labels[sidecar.istio.io/inject]: `no` keeps this pod out of the mesh of \
             tenant chain-template; remove the label",
            "BH304 spec.template.spec.containers[1]: `istio-proxy` is the name of a container that Istio injects; \
             remove the container",
        ],
    );
}

/// The annotations of a binding are laid onto the pod, where istio-cni reads them.
#[test]
fn a_binding_cannot_opt_a_pod_out() {
    let it = shared();
    let member = tenant(&it, "chain-binding");
    let namespace = namespace(&member, "chain-binding");
    member.apply(&pod(&namespace, |_| {}).to_string()).unwrap();
    let binding = json!({
        "apiVersion": "v1", "kind": "Binding",
        "metadata": { "name": "app", "annotations": { "sidecar.istio.io/inject": "f" } },
        "target": { "kind": "Node", "name": "worker-1" },
    });
    for path in ["pods/app/binding", "bindings"] {
        let path = format!("/api/v1/namespaces/{namespace}/{path}");
        let said = member.feed(&["create", "--raw", &path, "-f", "-"], &binding.to_string()).unwrap();
        assert!(said.stderr.contains("BH302 metadata.annotations[sidecar.istio.io/inject]: `f`"), "{said:?}");
    }
}

/// Of the doors to a pod that is there, two take labels and annotations.
#[test]
fn a_pod_that_runs_cannot_be_opted_out() {
    let it = shared();
    let member = tenant(&it, "chain-running");
    let namespace = namespace(&member, "chain-running");
    member.apply(&pod(&namespace, |_| {}).to_string()).unwrap();
    let maps =
        || jsonpath(&member, &["pod", "app", "-n", &namespace], "{.metadata.labels} {.metadata.annotations}");
    let before = maps();
    for map in ["labels", "annotations"] {
        let patch = json!({ "metadata": { map: { "sidecar.istio.io/inject": "false" } } }).to_string();
        let write = ["patch", "pod", "app", "-n", &namespace, "--type=merge", "-p", &patch];
        let says =
            format!("BH302 metadata.{map}[sidecar.istio.io/inject]: `false` keeps this pod out of the mesh");
        for door in ["", "status"] {
            let said = member.run(&[&write[..], &["--subresource", door]].concat()).unwrap();
            assert!(!said.success && said.stderr.contains(&says), "{door}: {said:?}");
        }
        // Through these the API server takes containers, or resources, and leaves the rest as it was.
        for door in ["ephemeralcontainers", "resize"] {
            member.ok(&[&write[..], &["--subresource", door]].concat()).unwrap();
        }
    }
    assert_eq!(maps(), before);
}

#[test]
fn a_container_for_debugging_does_not_pass_for_the_proxy() {
    let it = shared();
    let member = tenant(&it, "chain-debug");
    let injected: &str = &namespace(&member, "chain-debug");
    member.apply(&pod(injected, |_| {}).to_string()).unwrap();
    let admin = it.cluster.admin().unwrap();
    let old = "legacy-chain-debug";
    legacy(&admin, old);
    hand_over(&admin, old, "chain-debug", &member);
    let debug = |namespace: &str, container: &str| {
        let image = "--image=registry.example.com/shell:1";
        member.run(&["debug", "app", "-n", namespace, image, "-c", container]).unwrap()
    };
    let image =
        "BH304 spec.ephemeralContainers[0].image: `registry.example.com/shell:1` is not from a repository";
    let validation =
        "BH304 spec.ephemeralContainers[0]: in this mesh it is `istio-init` that sees to the redirection";
    // Where the proxy is, the API server itself takes no second container of its name.
    let second = "spec.ephemeralContainers[0].name: Duplicate value: \"istio-proxy\"";
    for (namespace, container, says) in [
        (old, "istio-proxy", image),
        (injected, "istio-validation", validation),
        (injected, "istio-proxy", second),
    ] {
        let said = debug(namespace, container);
        assert!(!said.success && said.stderr.contains(says), "{namespace} {container}: {said:?}");
    }
    for namespace in [old, injected] {
        let said = debug(namespace, "shell");
        assert!(said.success, "{namespace}: {said:?}");
    }
}

/// A namespace with workloads becomes a tenant's: what is there can still be labelled, scaled and ended.
#[test]
fn what_was_wrong_before_is_a_warning_while_it_stays_as_it_was() {
    let it = shared();
    let member = tenant(&it, "chain-ratchet");
    let admin = it.cluster.admin().unwrap();
    let namespace = "legacy-chain-ratchet";
    legacy(&admin, namespace);
    hand_over(&admin, namespace, "chain-ratchet", &member);

    let said = member.run(&["label", "pod", "app", "-n", namespace, "team=payments"]).unwrap();
    assert!(said.success && said.stderr.contains("Warning: BH301 spec: "), "{said:?}");
    let said = member
        .run(&["set", "image", "deployment/old", "app=registry.example.com/app:2", "-n", namespace])
        .unwrap();
    assert!(!said.success && said.stderr.contains("BH302"), "{said:?}");
    member.ok(&["scale", "deployment", "old", "--replicas=0", "-n", namespace]).unwrap();
    let replicas = || jsonpath(&admin, &["rs", "-n", namespace], "{.items[*].status.replicas}");
    until(|| replicas() == "0");
}

/// Whoever writes the pod may do more than whoever wrote the template, and is asked the same.
#[test]
fn a_controller_makes_no_pod_of_a_template_that_was_wrong_before() {
    let it = shared();
    let member = tenant(&it, "chain-replica");
    let admin = it.cluster.admin().unwrap();
    let namespace = "legacy-chain-replica";
    legacy(&admin, namespace);
    hand_over(&admin, namespace, "chain-replica", &member);
    let pods = || jsonpath(&admin, &["pods", "-n", namespace], "{.items[*].metadata.name}");
    let before = pods();
    member.ok(&["scale", "deployment", "old", "--replicas=2", "-n", namespace]).unwrap();
    let failure = until(|| {
        let path = "{.items[*].status.conditions[?(@.type=='ReplicaFailure')].message}";
        Some(jsonpath(&admin, &["rs", "-n", namespace], path)).filter(|failure| !failure.is_empty())
    });
    assert!(failure.contains("BH301 spec: no container `istio-proxy`"), "{failure}");
    assert_eq!(pods(), before);
}

/// The pod that examples, benches and readers look at is what the real injector makes of its source.
#[test]
fn the_injected_example_is_the_injectors() {
    let it = shared();
    let member = tenant(&it, "chain-example");
    let namespace = namespace(&member, "chain-example");
    let manifest =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/good/shop.yaml")).unwrap();
    let manifest = manifest.replace("tenant-acme", &namespace);
    let said = member
        .feed(&["create", "--dry-run=server", "-o", "json", "--show-managed-fields", "-f", "-"], &manifest)
        .unwrap();
    assert!(said.success, "{}", said.stderr);
    let mut text = said.stdout;
    let mut object: Value = serde_json::from_str(&text).unwrap();
    // The default account brings no token along.
    let volumes = object["spec"]["volumes"].as_array().unwrap();
    assert!(!volumes.iter().any(|volume| volume["name"].as_str().unwrap().starts_with("kube-api-access-")));
    // What is made up anew each time.
    text = text.replace(&namespace, "tenant-acme");
    text = text.replace(object["metadata"]["uid"].as_str().unwrap(), "5f0c7f3e-6a52-4f0e-9d3a-0c1b2a3d4e5f");
    text = text.replace(object["metadata"]["creationTimestamp"].as_str().unwrap(), "2026-11-21T12:00:00Z");
    object = serde_json::from_str(&text).unwrap();
    for fields in object["metadata"]["managedFields"].as_array_mut().unwrap() {
        fields["time"] = json!("2026-11-21T12:00:00Z");
    }
    blessed::compare("examples/injected/shop.json", &(serde_json::to_string_pretty(&object).unwrap() + "\n"));
}

#[test]
fn a_dry_run_writes_nothing() {
    let it = alone();
    let member = tenant(&it, "chain-dry");
    let namespace = namespace(&member, "chain-dry");
    let now = || -> Value {
        let list = member.ok(&["get", "--raw", "/api/v1/namespaces?limit=1"]).unwrap();
        serde_json::from_str::<Value>(&list).unwrap()["metadata"]["resourceVersion"].clone()
    };
    let good = pod(&namespace, |_| {}).to_string();
    let bad = pod(&namespace, |pod| pod["spec"]["hostNetwork"] = json!(true)).to_string();
    let dry =
        |manifest: &str| member.feed(&["create", "--dry-run=server", "-f", "-"], manifest).unwrap().success;
    // Leases are renewed all the time: one quiet moment proves it, a write of ours would spoil every one.
    until(|| {
        let before = now();
        assert!(dry(&good) && !dry(&bad));
        now() == before
    });
    let before = now();
    member.apply(&good).unwrap();
    assert_ne!(now(), before, "a real write is seen");
}
