//! A pod never exists without its baseline, from the creation of its namespace to the deletion.

use std::time::Duration;

use bulkhead::snapshot::ready_for;
use serde_json::{Value, json};
use support::cluster::{
    BASELINE_KINDS, jsonpath, new_namespace, new_tenant, new_unready_namespace, shared, wait_until_ready,
};
use support::conditions::condition;
use support::objects::{self, changed, deployment, labelled_namespace, list, pod};
use support::refusal::refused;
use support::wait::{until, within};

const READY: &str = "bulkhead.dev/BaselineReady";

/// A hundred namespaces, each with a pod that is created as soon as the webhook admits it.
#[test]
fn no_pod_is_older_than_its_baseline() {
    let it = shared();
    let member = new_tenant(&it, "base-gate");
    let name = |index: usize| format!("tenant-base-gate-{index}");
    let namespaces = list((0..100).map(|index| labelled_namespace(&name(index), &json!({})))).to_string();
    let pods = list((0..100).map(|index| pod(&name(index)))).to_string();
    std::thread::scope(|scope| {
        scope.spawn(|| member.apply(&namespaces).unwrap());
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
    // Other policies list the siblings and change with each namespace; these three never change.
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

/// One file, applied once, by the user who becomes the owner with it; two replicas answer in turns.
#[test]
fn tenant_namespace_and_deployment_can_be_applied_at_once() {
    let it = shared();
    let owner = it.cluster.powerful("base-one", "base-one-developers").unwrap();
    for round in 0..50 {
        let tenant = format!("base-one-{round}");
        let user = format!("{tenant}-user");
        let namespace = format!("tenant-{tenant}");
        let manifests = list([
            objects::tenant(&tenant, &json!({ "owners": [{ "kind": "User", "name": user }] })),
            labelled_namespace(&namespace, &json!({})),
            deployment(&namespace, "web"),
        ]);
        let as_owner = it.cluster.user(&user, &["employees", "base-one-developers"]).unwrap();
        let said = as_owner.feed(&["apply", "-f", "-"], &manifests.to_string()).unwrap();
        assert!(said.success, "round {round}: {said:?}");
        let label = jsonpath(&owner, &["namespace", &namespace], "{.metadata.labels.bulkhead\\.dev/tenant}");
        assert_eq!(label, tenant, "round {round}");
    }
    within(Duration::from_mins(2), || {
        let pods = owner
            .ok(&["get", "pods", "-A", "-l", "app=web", "-o", "jsonpath={.items[*].metadata.namespace}"])
            .unwrap();
        pods.split(' ').filter(|name| name.starts_with("tenant-base-one-")).count() == 50
    });
}

#[test]
fn pod_before_its_baseline_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "base-early");
    let admin = it.cluster.admin().unwrap();
    let name = new_namespace(&member, "base-early");
    let release = new_unready_namespace(&admin, "legacy-base-early", "base-early");
    let early = pod("legacy-base-early").to_string();
    refused(&member, &["create", "-f", "-"], &early, &[("BH203", "metadata.namespace")]);
    // Other namespaces are not affected.
    member.feed(&["create", "-f", "-"], &pod(&name).to_string()).unwrap();
    release();
    wait_until_ready(&admin, "legacy-base-early");
}

/// A new namespace cannot have the condition, and only the controller can set it later.
#[test]
fn baseline_ready_condition_from_another_user_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "ns-stands");
    let name = new_namespace(&member, "ns-stands");
    let admin = it.cluster.admin().unwrap();
    for (kubectl, status) in [(&member, "False"), (&admin, "False"), (&member, "Unknown")] {
        let condition = json!({ "status": { "conditions": [{ "type": READY, "status": status }] } });
        let arguments = ["patch", "namespace", &name, "--subresource=status", "-p", &condition.to_string()];
        refused(kubectl, &arguments, "", &[("BH103", "status.conditions[0].type")]);
    }
    let none = r#"[{"op":"remove","path":"/status/conditions"}]"#;
    let patch = ["patch", "namespace", &name, "--subresource=status", "--type=json", "-p", none];
    refused(&member, &patch, "", &[("BH103", "status.conditions")]);
    let other = r#"{"status":{"conditions":[{"type":"example.com/Backup","status":"True"}]}}"#;
    member.ok(&["patch", "namespace", &name, "--subresource=status", "-p", other]).unwrap();

    let brought = changed(labelled_namespace("tenant-ns-stands-new", &json!({})), |namespace| {
        namespace["status"] = json!({ "conditions": [{ "type": READY, "status": "True" }] });
    });
    let created =
        member.feed(&["create", "-o", "json", "--dry-run=server", "-f", "-"], &brought.to_string()).unwrap();
    let created: Value = serde_json::from_str(&created.stdout).unwrap();
    assert_eq!(created["status"], json!({ "phase": "Active" }));
}

/// The condition of one tenant does not count for the next.
#[test]
fn moved_namespace_becomes_ready_for_its_new_tenant() {
    let it = shared();
    let name = new_namespace(&new_tenant(&it, "ns-first"), "ns-first");
    new_tenant(&it, "ns-second");
    let admin = it.cluster.admin().unwrap();
    // The message names the tenant, and both are read.
    let message = || condition(&admin, "namespace", &name, READY).message;
    assert_eq!(message(), ready_for("ns-first"));
    let labels = ["bulkhead.dev/tenant=ns-second", "tenant=ns-second"];
    admin.ok(&[&["label", "namespace", &name, "--overwrite"][..], &labels].concat()).unwrap();
    until(|| message() == ready_for("ns-second"));

    // The condition cannot be set before the namespace has a tenant.
    let stranger = it.cluster.powerful("ns-first-mallory", "strangers").unwrap();
    stranger.ok(&["create", "namespace", "ns-first-elsewhere"]).unwrap();
    let forged = json!({ "type": READY, "status": "True", "message": ready_for("ns-second") });
    let forged = json!({ "status": { "conditions": [forged] } }).to_string();
    let patch = ["patch", "namespace", "ns-first-elsewhere", "--subresource=status", "-p", &forged];
    refused(&stranger, &patch, "", &[("BH103", "status.conditions[0].type")]);
}

/// The API server refuses a write, to every user, if a match condition costs too much. No condition's cost is the
/// tenant's to choose, so that a namespace can be changed however many annotations it has.
#[test]
fn namespace_full_of_annotations_can_be_changed_and_deleted() {
    let it = shared();
    let member = new_tenant(&it, "ns-padded");
    let admin = it.cluster.admin().unwrap();
    let name = "tenant-ns-padded";
    let padded = |count: usize, name: &str| {
        let padding: serde_json::Map<String, Value> =
            (0..count).map(|index| (format!("a{index}"), json!(""))).collect();
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name, "annotations": padding } }).to_string()
    };
    // The largest number that Kubernetes accepts, about: 256 KiB.
    let full = padded(40_000, name);
    for text in [&full, &padded(1_000, name)] {
        refused(&member, &["create", "-f", "-"], text, &[("BH114", "metadata.annotations")]);
    }
    let said = admin.feed(&["create", "-f", "-"], &full).unwrap();
    assert!(said.success, "{said:?}");
    wait_until_ready(&member, name);
    let labelled = ["label", "namespace", name, "bulkhead.dev/tenant=ns-padded", "--overwrite"];
    admin.ok(&labelled).unwrap();
    member.ok(&["annotate", "namespace", name, "a0=changed", "--overwrite"]).unwrap();
    member.ok(&["annotate", "namespace", name, "a1-", "a2-"]).unwrap();
    refused(&member, &["annotate", "namespace", name, "one=1"], "", &[("BH114", "metadata.annotations")]);
    let disable = ["label", "namespace", name, "istio-injection=disabled", "--overwrite"];
    refused(&member, &disable, "", &[("BH103", "metadata.labels[istio-injection]")]);
    admin
        .ok(&["patch", "namespace", name, "--type=merge", "-p", r#"{"metadata":{"annotations":null}}"#])
        .unwrap();
    member.ok(&["annotate", "namespace", name, "one=1"]).unwrap();
    member.ok(&["delete", "namespace", name, "--timeout=60s"]).unwrap();
}

/// Kubernetes 1.33 or newer deletes the pods of a terminating namespace first.
#[test]
fn terminating_namespace_keeps_its_baseline_until_its_last_pod_is_gone() {
    let it = shared();
    let member = new_tenant(&it, "ns-ending");
    let name = new_namespace(&member, "ns-ending");
    let admin = it.cluster.admin().unwrap();
    let mut held = pod(&name);
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    member.apply(&held.to_string()).unwrap();
    let baseline = || {
        let managed = "app.kubernetes.io/managed-by=bulkhead";
        member.ok(&["get", BASELINE_KINDS, "-n", &name, "-l", managed, "-o", "name"]).unwrap()
    };
    let before = baseline();
    assert!(before.contains("networkpolicy.networking.k8s.io/default-deny-all\n"), "{before}");
    // An account that all controllers share may delete the baseline only while the namespace terminates.
    let controllers = it.cluster.powerful("system:kube-controller-manager", "ns-controllers").unwrap();
    let emptying = ["delete", "networkpolicy", "default-deny-all", "-n", &name, "--dry-run=server"];
    refused(&controllers, &emptying, "", &[("BH201", "metadata.name")]);

    member.ok(&["delete", "namespace", &name, "--wait=false"]).unwrap();
    // The namespace controller has processed it once.
    let been = "--for=condition=NamespaceDeletionContentFailure=False";
    member.ok(&["wait", been, &format!("namespace/{name}"), "--timeout=60s"]).unwrap();
    let ending = "jsonpath={.metadata.deletionTimestamp}";
    assert_ne!(member.ok(&["get", "pod", "app", "-n", &name, "-o", ending]).unwrap(), "");
    assert_eq!(baseline(), before);
    for kubectl in [&member, &admin] {
        let delete = ["delete", "networkpolicy", "default-deny-all", "-n", &name];
        refused(kubectl, &delete, "", &[("BH201", "metadata.name")]);
    }
    controllers.ok(&emptying).unwrap();

    let release = r#"{"metadata":{"finalizers":null}}"#;
    member.ok(&["patch", "pod", "app", "-n", &name, "--type=merge", "-p", release]).unwrap();
    member.ok(&["wait", "--for=delete", &format!("namespace/{name}"), "--timeout=60s"]).unwrap();
}
