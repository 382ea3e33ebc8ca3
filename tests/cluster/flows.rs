//! Writes that Kubernetes makes by itself: admitted under the account that makes them, and refused under others.

use bulkhead::settings::{CONTROLLER_MANAGER, kube_controller_accounts};
use bulkhead_harness::kubectl::{Kubectl, Said};
use serde_json::{Value, json};
use support::cluster::{jsonpath, new_namespace, new_tenant, shared, wait_for_default_account};
use support::objects::{changed, labelled_namespace, object, pod, token_secret};
use support::refusal::{expect_refused, refused, violations};
use support::wait::until;

const LABEL: &str = "metadata.labels[sidecar.istio.io/inject]";
const DRY: [&str; 4] = ["create", "--dry-run=server", "-f", "-"];

fn dry(kubectl: &Kubectl, object: &Value) -> Said {
    kubectl.feed(&DRY, &object.to_string()).unwrap()
}

/// Shared services need the controllers, which have accounts of their own or one in common.
#[test]
fn pods_of_shared_services_are_admitted_from_kubernetes_controllers_only() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    admin.apply(&labelled_namespace("monitoring", &json!({})).to_string()).unwrap();
    wait_for_default_account(&admin, "monitoring");
    let pod = pod("monitoring");
    for account in kube_controller_accounts().chain([CONTROLLER_MANAGER]) {
        let said = dry(&it.cluster.powerful(account, "fl-controllers").unwrap(), &pod);
        assert!(said.success, "{account}: {said:?}");
    }
    for other in
        ["system:serviceaccount:kube-system:mine", "system:serviceaccount:mine:replicaset-controller"]
    {
        let said = dry(&it.cluster.powerful(other, "fl-controllers").unwrap(), &pod);
        expect_refused(&said, &[("BH401", "metadata.namespace")]);
    }
}

/// In a tenant's namespace the pods of controllers are judged like any other.
#[test]
fn pods_of_tenants_from_kubernetes_controllers_are_judged() {
    let it = shared();
    let member = new_tenant(&it, "fl-made");
    let name = new_namespace(&member, "fl-made");
    let mut outside = pod(&name);
    outside["metadata"]["labels"] = json!({ "sidecar.istio.io/inject": "false" });
    for account in ["system:serviceaccount:kube-system:replicaset-controller", CONTROLLER_MANAGER] {
        let controller = it.cluster.powerful(account, "fl-controllers").unwrap();
        let said = dry(&controller, &pod(&name));
        assert!(said.success, "{account}: {said:?}");
        expect_refused(&dry(&controller, &outside), &[("BH301", "spec"), ("BH302", LABEL)]);
    }
}

#[test]
fn mesh_tokens_are_issued_to_nodes_only() {
    let it = shared();
    let member = new_tenant(&it, "fl-node");
    let name = new_namespace(&member, "fl-node");
    let ask = ["create", "token", "default", "-n", &name, "--audience=istio-ca"];
    it.cluster.powerful("system:node:one", "system:nodes").unwrap().ok(&ask).unwrap();
    for account in ["fl-node-alice", "system:node:one", CONTROLLER_MANAGER] {
        let other = it.cluster.powerful(account, "fl-node-developers").unwrap();
        refused(&other, &ask, "", &[("BH403", "spec.audiences[0]")]);
    }
}

/// The scheduler copies the topology of the node to the pod; the kubelet and istio-cni write its status.
#[test]
fn scheduler_kubelet_and_autoscaler_may_write_pods() {
    let it = shared();
    let member = new_tenant(&it, "fl-bound");
    let name = new_namespace(&member, "fl-bound");
    let admin = it.cluster.admin().unwrap();
    member.ok(&["create", "deployment", "web", "--image=registry.example.com/web:1", "-n", &name]).unwrap();
    let pod = until(|| {
        let pods = jsonpath(&admin, &["pods", "-n", &name], "{.items[*].metadata.name}");
        pods.split(' ').next().filter(|pod| !pod.is_empty()).map(str::to_owned)
    });
    let binding = |labels: Value| {
        json!({
            "apiVersion": "v1", "kind": "Binding", "metadata": { "name": pod, "labels": labels },
            "target": { "apiVersion": "v1", "kind": "Node", "name": "one" },
        })
        .to_string()
    };
    let path = format!("/api/v1/namespaces/{name}/pods/{pod}/binding");
    let bind = ["create", "--raw", &path, "-f", "-"];
    let opted_out = binding(json!({ "sidecar.istio.io/inject": "false" }));
    refused(&member, &bind, &opted_out, &[("BH302", LABEL), ("BH311", "target")]);
    let scheduler = it.cluster.powerful("system:kube-scheduler", "fl-controllers").unwrap();
    let zone = binding(json!({ "topology.kubernetes.io/zone": "a" }));
    assert!(scheduler.feed(&bind, &zone).unwrap().success);

    let cni = it.cluster.powerful("system:serviceaccount:istio-system:istio-cni", "fl-controllers").unwrap();
    let status = |patch: &'static str| {
        ["patch", "pod", &pod, "-n", &name, "--subresource=status", "--type=merge", "-p", patch]
            .map(str::to_owned)
    };
    let run = |kubectl: &Kubectl, words: &[String]| {
        kubectl.run(&words.iter().map(String::as_str).collect::<Vec<_>>()).unwrap()
    };
    let redirected = status(r#"{"metadata":{"annotations":{"ambient.istio.io/redirection":"enabled"}}}"#);
    assert!(run(&cni, &redirected).success);
    let opted_out = status(r#"{"metadata":{"annotations":{"sidecar.istio.io/inject":"false"}}}"#);
    let annotation = ("BH302", "metadata.annotations[sidecar.istio.io/inject]");
    expect_refused(&run(&member, &opted_out), &[annotation]);
    let node = it.cluster.powerful("system:node:one", "system:nodes").unwrap();
    assert!(run(&node, &status(r#"{"status":{"phase":"Running"}}"#)).success);

    let scaler = "system:serviceaccount:kube-system:horizontal-pod-autoscaler";
    let scaler = it.cluster.powerful(scaler, "fl-controllers").unwrap();
    scaler.ok(&["scale", "deployment", "web", "--replicas=2", "-n", &name]).unwrap();
    let eviction = json!({
        "apiVersion": "policy/v1", "kind": "Eviction", "metadata": { "name": pod, "namespace": name },
    });
    let path = format!("/api/v1/namespaces/{name}/pods/{pod}/eviction");
    let descheduler =
        it.cluster.powerful("system:serviceaccount:kube-system:descheduler", "fl-controllers").unwrap();
    let said = descheduler.feed(&["create", "--raw", &path, "-f", "-"], &eviction.to_string()).unwrap();
    assert!(said.success, "{said:?}");
}

/// Controllers create the default account and the two CA bundles, and delete what a deleted object owned.
#[test]
fn namespace_gets_its_default_objects_and_garbage_collection() {
    let it = shared();
    let member = new_tenant(&it, "fl-home");
    let name = new_namespace(&member, "fl-home");
    for default in ["serviceaccount/default", "configmap/kube-root-ca.crt", "configmap/istio-ca-root-cert"] {
        member.ok(&["wait", "--for=create", default, "-n", &name, "--timeout=30s"]).unwrap();
    }
    let policy = |own: &str, owner: Value| {
        let spec = json!({ "podSelector": {}, "policyTypes": ["Ingress"] });
        let policy = object("networking.k8s.io/v1", "NetworkPolicy", &name, own, &spec);
        let owned = changed(policy, |policy| {
            policy["metadata"]["ownerReferences"] = owner;
            policy["metadata"]["finalizers"] = json!(["foregroundDeletion"]);
        });
        owned.to_string()
    };
    let config =
        member.ok(&["create", "configmap", "owner", "-n", &name, "-o", "jsonpath={.metadata.uid}"]).unwrap();
    let owner = json!([{ "apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": config }]);
    member.apply(&policy("own", owner)).unwrap();
    member.ok(&["delete", "configmap", "owner", "-n", &name]).unwrap();
    member.ok(&["wait", "--for=delete", "networkpolicy/own", "-n", &name, "--timeout=60s"]).unwrap();
}

/// Kubernetes and the tenant may update and delete a token that is older than the tenant, but not move it to another
/// account.
#[test]
fn older_token_secret_may_be_updated_and_deleted_only() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let name = "legacy-fl-token";
    admin.ok(&["create", "namespace", name]).unwrap();
    let token = changed(token_secret(name, "old"), |token| {
        token["metadata"]["finalizers"] = json!(["example.com/hold"]);
    });
    until(|| admin.feed(&["create", "-f", "-"], &token.to_string()).unwrap().success);
    let member = new_tenant(&it, "fl-token");
    admin.ok(&["label", "namespace", name, "bulkhead.dev/tenant=fl-token"]).unwrap();
    let patch = |patch: &str| {
        member.run(&["patch", "secret", "old", "-n", name, "--type=merge", "-p", patch]).unwrap()
    };
    let another = r#"{"metadata":{"annotations":{"kubernetes.io/service-account.name":"another"}}}"#;
    until(|| {
        let said = patch(another);
        !said.success && violations(&said.stderr) == [("BH404", "type")]
    });
    let cleaner = "system:serviceaccount:kube-system:legacy-service-account-token-cleaner";
    let cleaner = it.cluster.powerful(cleaner, "fl-controllers").unwrap();
    cleaner
        .ok(&["label", "secret", "old", "-n", name, "kubernetes.io/legacy-token-invalid-since=2026-01-01"])
        .unwrap();
    let said = patch(r#"{"metadata":{"finalizers":null}}"#);
    assert!(said.success, "{said:?}");
    member.ok(&["delete", "secret", "old", "-n", name]).unwrap();
}
