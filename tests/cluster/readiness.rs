//! A pod is never without its baseline, from the first moment of its namespace to the last.

use std::time::Duration;

use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::program::Installation;
use serde_json::{Value, json};

use crate::baseline::KINDS;
use crate::cluster::{held_up, is_ready, namespace, pod, shared, tenant, until, within};
use crate::namespaces::labelled;

/// A hundred namespaces, each with a pod as soon as one can be: no pod is older than its baseline.
#[test]
fn no_pod_is_there_before_its_baseline() {
    let it = shared();
    let member = tenant(&it, "base-gate");
    let name = |index: usize| format!("tenant-base-gate-{index}");
    let items: Vec<Value> = (0..100)
        .map(|index| json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name(index) } }))
        .collect();
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string();
    let pods: Vec<Value> = (0..100).map(|index| pod(&name(index))).collect();
    let pods = json!({ "apiVersion": "v1", "kind": "List", "items": pods }).to_string();
    std::thread::scope(|scope| {
        scope.spawn(|| member.apply(&list).unwrap());
        scope.spawn(|| within(Duration::from_mins(2), || member.apply(&pods).ok()));
    });
    let admin = it.cluster.admin().unwrap();
    let version =
        |object: &Value| object["metadata"]["resourceVersion"].as_str().unwrap().parse::<u64>().unwrap();
    let all = |what: &str| -> Vec<Value> {
        let list: Value =
            serde_json::from_str(&admin.ok(&["get", what, "-A", "-o", "json"]).unwrap()).unwrap();
        let items = list["items"].as_array().unwrap().clone();
        let is_here =
            |item: &Value| item["metadata"]["namespace"].as_str().unwrap().starts_with("tenant-base-gate-");
        items.into_iter().filter(is_here).collect()
    };
    // Siblings' lists grow with each namespace; these three never change after they came.
    let policies = all("networkpolicies");
    let pods = all("pods");
    assert_eq!(pods.len(), 100);
    for pod in pods {
        let namespace = &pod["metadata"]["namespace"];
        for name in ["default-deny-all", "allow-same-tenant", "allow-mesh"] {
            let policy = policies.iter().find(|policy| {
                policy["metadata"]["namespace"] == *namespace && policy["metadata"]["name"] == name
            });
            assert!(version(policy.unwrap()) < version(&pod), "{namespace}: {name}");
        }
    }
}

/// One file, applied once, by somebody who becomes the owner with it; two replicas answer in turns.
#[test]
fn a_tenant_a_namespace_and_a_deployment_in_one_apply() {
    let it = shared();
    let owner = it.cluster.powerful("base-one", "base-one-developers").unwrap();
    for round in 0..50 {
        let tenant = format!("base-one-{round}");
        let manifests = json!({ "apiVersion": "v1", "kind": "List", "items": [
            {
                "apiVersion": "bulkhead.dev/v1alpha1", "kind": "Tenant", "metadata": { "name": tenant },
                "spec": { "owners": [{ "kind": "User", "name": format!("{tenant}-user") }] },
            },
            { "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": format!("tenant-{tenant}") } },
            {
                "apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": { "name": "web", "namespace": format!("tenant-{tenant}") },
                "spec": {
                    "selector": { "matchLabels": { "app": "web" } },
                    "template": {
                        "metadata": { "labels": { "app": "web" } },
                        "spec": { "containers": [{ "name": "web", "image": "registry.example.com/web:1" }] },
                    },
                },
            },
        ] });
        let as_owner = as_user(&it, &format!("{tenant}-user"));
        let said = as_owner.feed(&["apply", "-f", "-"], &manifests.to_string()).unwrap();
        assert!(said.success, "round {round}: {said:?}");
        let path = "jsonpath={.metadata.labels.bulkhead\\.dev/tenant}";
        let label = owner.ok(&["get", "namespace", &format!("tenant-{tenant}"), "-o", path]).unwrap();
        assert_eq!(label, tenant, "round {round}");
    }
    within(Duration::from_mins(2), || {
        let pods = owner
            .ok(&["get", "pods", "-A", "-l", "app=web", "-o", "jsonpath={.items[*].metadata.namespace}"])
            .unwrap();
        pods.split(' ').filter(|name| name.starts_with("tenant-base-one-")).count() == 50
    });
}

fn as_user(it: &Installation, user: &str) -> Kubectl {
    it.cluster.user(user, &["base-one-developers"]).unwrap()
}

#[test]
fn a_pod_that_comes_too_early_is_told_how_to_wait() {
    let it = shared();
    let member = tenant(&it, "base-early");
    let admin = it.cluster.admin().unwrap();
    let name = namespace(&member, "base-early");
    let release = held_up(&admin, "legacy-base-early", "base-early");
    let said = member.feed(&["create", "-f", "-"], &pod("legacy-base-early").to_string()).unwrap();
    assert!(
        said.stderr.ends_with(
            "BH203 metadata.namespace: the baseline of `legacy-base-early` does not stand yet; try again, or wait: kubectl \
             wait --for=condition=bulkhead.dev/BaselineReady namespace/legacy-base-early\n(see: bulkhead explain BH203)\n"
        ),
        "{said:?}"
    );
    // It costs only that namespace.
    member.feed(&["create", "-f", "-"], &pod(&name).to_string()).unwrap();
    release();
    is_ready(&admin, "legacy-base-early");
}

/// A creator cannot bring the condition along, and nobody but the controller can set it later.
#[test]
fn nobody_says_that_a_baseline_stands_but_the_controller() {
    let it = shared();
    let member = tenant(&it, "ns-stands");
    let name = namespace(&member, "ns-stands");
    let admin = it.cluster.admin().unwrap();
    for (kubectl, status) in [(&member, "False"), (&admin, "False"), (&member, "Unknown")] {
        let condition = json!({ "status": { "conditions": [{ "type": "bulkhead.dev/BaselineReady", "status": status }] } });
        let arguments = ["patch", "namespace", &name, "--subresource=status", "-p", &condition.to_string()];
        let said = kubectl.run(&arguments).unwrap();
        let says = "BH103 status.conditions[0].type: whether `bulkhead.dev/BaselineReady` is Bulkhead's to say; leave it as it was";
        assert!(said.stderr.contains(says), "{said:?}");
    }
    let none = r#"[{"op":"remove","path":"/status/conditions"}]"#;
    let said = member
        .run(&["patch", "namespace", &name, "--subresource=status", "--type=json", "-p", none])
        .unwrap();
    assert!(said.stderr.contains("BH103 status.conditions: "), "{said:?}");
    let other = r#"{"status":{"conditions":[{"type":"example.com/Backup","status":"True"}]}}"#;
    member.ok(&["patch", "namespace", &name, "--subresource=status", "-p", other]).unwrap();

    let mut brought = serde_json::from_str::<Value>(&labelled("tenant-ns-stands-new", &json!({}))).unwrap();
    brought["status"] = json!({ "conditions": [{ "type": "bulkhead.dev/BaselineReady", "status": "True" }] });
    let created =
        member.feed(&["create", "-o", "json", "--dry-run=server", "-f", "-"], &brought.to_string()).unwrap();
    let created: Value = serde_json::from_str(&created.stdout).unwrap();
    assert_eq!(created["status"], json!({ "phase": "Active" }));
}

/// What stood for one tenant does not stand for the next.
#[test]
fn a_namespace_that_is_moved_is_made_ready_anew() {
    let it = shared();
    let name = namespace(&tenant(&it, "ns-first"), "ns-first");
    tenant(&it, "ns-second");
    let admin = it.cluster.admin().unwrap();
    let message = || {
        let path = "jsonpath={.status.conditions[?(@.type=='bulkhead.dev/BaselineReady')].message}";
        admin.ok(&["get", "namespace", &name, "-o", path]).unwrap()
    };
    assert_eq!(message(), "the baseline of tenant ns-first stands");
    let labels = ["bulkhead.dev/tenant=ns-second", "tenant=ns-second"];
    admin.ok(&[&["label", "namespace", &name, "--overwrite"][..], &labels].concat()).unwrap();
    until(|| message() == "the baseline of tenant ns-second stands");

    // Nor is it to be had before the namespace is anybody's.
    let stranger = it.cluster.powerful("ns-first-mallory", "strangers").unwrap();
    stranger.ok(&["create", "namespace", "ns-first-elsewhere"]).unwrap();
    let forged = json!({ "status": { "conditions": [{
        "type": "bulkhead.dev/BaselineReady", "status": "True", "message": "the baseline of tenant ns-second stands",
    }] } });
    let patch =
        ["patch", "namespace", "ns-first-elsewhere", "--subresource=status", "-p", &forged.to_string()];
    let said = stranger.run(&patch).unwrap();
    assert!(said.stderr.contains("BH103 status.conditions[0].type"), "{said:?}");
}

/// The API server gives up on a match condition that costs too much, and refuses: what costs is the tenant's.
#[test]
fn a_namespace_full_of_annotations_is_made_ready_and_ends() {
    let it = shared();
    let member = tenant(&it, "ns-padded");
    let name = "tenant-ns-padded";
    let padding: serde_json::Map<String, Value> =
        (0..2_000).map(|index| (format!("{index:0>63}"), json!("on"))).collect();
    let padded = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name, "annotations": padding } });
    member.feed(&["create", "-f", "-"], &padded.to_string()).unwrap();
    is_ready(&member, name);
    it.cluster
        .admin()
        .unwrap()
        .ok(&["label", "namespace", name, "pod-security.kubernetes.io/warn=baseline"])
        .unwrap();
    let said = member.run(&["label", "namespace", name, "istio-injection=disabled", "--overwrite"]).unwrap();
    assert!(said.stderr.contains("BH103"), "{said:?}");
    member.ok(&["delete", "namespace", name, "--timeout=60s"]).unwrap();
}

/// Of a namespace that ends the pods go first (Kubernetes 1.33 or newer): until the last has gone, its walls stand.
#[test]
fn a_namespace_that_ends_keeps_its_baseline_while_a_pod_is_left() {
    let it = shared();
    let member = tenant(&it, "ns-ending");
    let name = namespace(&member, "ns-ending");
    let admin = it.cluster.admin().unwrap();
    let mut held = pod(&name);
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    member.apply(&held.to_string()).unwrap();
    let baseline = || {
        let managed = "app.kubernetes.io/managed-by=bulkhead";
        member.ok(&["get", KINDS, "-n", &name, "-l", managed, "-o", "name"]).unwrap()
    };
    let before = baseline();
    assert!(before.contains("networkpolicy.networking.k8s.io/default-deny-all\n"), "{before}");
    // Where all controllers share an account, it is the namespace controller's only while a namespace ends.
    let controllers = it.cluster.powerful("system:kube-controller-manager", "ns-controllers").unwrap();
    let emptying = ["delete", "networkpolicy", "default-deny-all", "-n", &name, "--dry-run=server"];
    let said = controllers.run(&emptying).unwrap();
    assert!(said.stderr.contains("BH201"), "{said:?}");

    member.ok(&["delete", "namespace", &name, "--wait=false"]).unwrap();
    // Who empties it has been there once.
    let been = "--for=condition=NamespaceDeletionContentFailure=False";
    member.ok(&["wait", been, &format!("namespace/{name}"), "--timeout=60s"]).unwrap();
    let ending = "jsonpath={.metadata.deletionTimestamp}";
    assert_ne!(member.ok(&["get", "pod", "app", "-n", &name, "-o", ending]).unwrap(), "");
    assert_eq!(baseline(), before);
    for kubectl in [&member, &admin] {
        let said = kubectl.run(&["delete", "networkpolicy", "default-deny-all", "-n", &name]).unwrap();
        assert!(!said.success && said.stderr.contains("BH201 metadata.name: "), "{said:?}");
    }
    controllers.ok(&emptying).unwrap();

    let release = r#"{"metadata":{"finalizers":null}}"#;
    member.ok(&["patch", "pod", "app", "-n", &name, "--type=merge", "-p", release]).unwrap();
    member.ok(&["wait", "--for=delete", &format!("namespace/{name}"), "--timeout=60s"]).unwrap();
}
