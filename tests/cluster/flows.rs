//! What a cluster does by itself goes on, under the account that does it; and the same by anybody else does not.

use bulkhead::world::{ALL_CONTROLLERS, controllers};
use bulkhead_harness::kubectl::{Kubectl, Said};
use serde_json::{Value, json};

use crate::cluster::{can_hold_pods, namespace, pod, shared, tenant, until};
use crate::namespaces::labelled;

const DRY: [&str; 4] = ["create", "--dry-run=server", "-f", "-"];

fn dry(kubectl: &Kubectl, object: &Value) -> Said {
    kubectl.feed(&DRY, &object.to_string()).unwrap()
}

fn refused(said: &Said, code: &str) {
    assert!(!said.success && said.stderr.contains(code), "{said:?}");
}

/// Shared services restart by what makes pods and what pods need, under both names it can have.
#[test]
fn controllers_make_the_pods_of_shared_services() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    admin.apply(&labelled("monitoring", &json!({}))).unwrap();
    can_hold_pods(&admin, "monitoring");
    let pod = pod("monitoring");
    for account in controllers().chain([ALL_CONTROLLERS]) {
        let said = dry(&it.cluster.powerful(account, "fl-controllers").unwrap(), &pod);
        assert!(said.success, "{account}: {said:?}");
    }
    for other in
        ["system:serviceaccount:kube-system:mine", "system:serviceaccount:mine:replicaset-controller"]
    {
        refused(&dry(&it.cluster.powerful(other, "fl-controllers").unwrap(), &pod), "BH401");
    }
}

/// In a tenant's namespace a controller is as good as what it makes.
#[test]
fn controllers_make_what_a_tenant_wrote_and_nothing_worse() {
    let it = shared();
    let member = tenant(&it, "fl-made");
    let name = namespace(&member, "fl-made");
    let mut outside = pod(&name);
    outside["metadata"]["labels"] = json!({ "sidecar.istio.io/inject": "false" });
    for account in ["system:serviceaccount:kube-system:replicaset-controller", ALL_CONTROLLERS] {
        let controller = it.cluster.powerful(account, "fl-controllers").unwrap();
        let said = dry(&controller, &pod(&name));
        assert!(said.success, "{account}: {said:?}");
        refused(&dry(&controller, &outside), "BH302");
    }
}

/// A node gets its pods' tokens for the mesh.
#[test]
fn a_node_asks_for_the_tokens_of_its_pods() {
    let it = shared();
    let member = tenant(&it, "fl-node");
    let name = namespace(&member, "fl-node");
    let ask = ["create", "token", "default", "-n", &name, "--audience=istio-ca"];
    it.cluster.powerful("system:node:one", "system:nodes").unwrap().ok(&ask).unwrap();
    for account in ["fl-node-alice", "system:node:one", ALL_CONTROLLERS] {
        let said = it.cluster.powerful(account, "fl-node-developers").unwrap().run(&ask).unwrap();
        refused(&said, "BH403");
    }
}

/// The scheduler binds and writes the node's topology on the pod; the kubelet and istio-cni write its status.
#[test]
fn pods_are_bound_told_of_and_scaled() {
    let it = shared();
    let member = tenant(&it, "fl-bound");
    let name = namespace(&member, "fl-bound");
    let admin = it.cluster.admin().unwrap();
    member.ok(&["create", "deployment", "web", "--image=registry.example.com/web:1", "-n", &name]).unwrap();
    let pod = until(|| {
        let path = "jsonpath={.items[0].metadata.name}";
        let pods = admin.run(&["get", "pods", "-n", &name, "-o", path]).unwrap().stdout;
        (!pods.is_empty()).then_some(pods)
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
    refused(&member.feed(&bind, &opted_out).unwrap(), "BH302");
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
    refused(
        &run(&member, &status(r#"{"metadata":{"annotations":{"sidecar.istio.io/inject":"false"}}}"#)),
        "BH302",
    );
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

/// A namespace's own account, its CA and the mesh's come by controllers; what a tenant owned goes by one.
#[test]
fn a_namespace_is_furnished_and_its_garbage_collected() {
    let it = shared();
    let member = tenant(&it, "fl-home");
    let name = namespace(&member, "fl-home");
    for furniture in ["serviceaccount/default", "configmap/kube-root-ca.crt", "configmap/istio-ca-root-cert"]
    {
        member.ok(&["wait", "--for=create", furniture, "-n", &name, "--timeout=30s"]).unwrap();
    }
    let policy = |own: &str, owner: Value| {
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": { "name": own, "namespace": name, "ownerReferences": owner, "finalizers": ["foregroundDeletion"] },
            "spec": { "podSelector": {}, "policyTypes": ["Ingress"] },
        })
        .to_string()
    };
    let config =
        member.ok(&["create", "configmap", "owner", "-n", &name, "-o", "jsonpath={.metadata.uid}"]).unwrap();
    let owner = json!([{ "apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": config }]);
    member.apply(&policy("own", owner)).unwrap();
    member.ok(&["delete", "configmap", "owner", "-n", &name]).unwrap();
    member.ok(&["wait", "--for=delete", "networkpolicy/own", "-n", &name, "--timeout=60s"]).unwrap();
}

/// A token that was there before Bulkhead is renewed by its keeper and let go of, and given to nobody else.
#[test]
fn an_older_token_is_kept_and_let_go_of() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let name = "legacy-fl-token";
    admin.ok(&["create", "namespace", name]).unwrap();
    let token = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": {
            "name": "old", "namespace": name, "finalizers": ["example.com/hold"],
            "annotations": { "kubernetes.io/service-account.name": "default" },
        },
    });
    until(|| admin.feed(&["create", "-f", "-"], &token.to_string()).unwrap().success);
    let member = tenant(&it, "fl-token");
    admin.ok(&["label", "namespace", name, "bulkhead.dev/tenant=fl-token"]).unwrap();
    let patch = |patch: &str| {
        member.run(&["patch", "secret", "old", "-n", name, "--type=merge", "-p", patch]).unwrap()
    };
    let another = r#"{"metadata":{"annotations":{"kubernetes.io/service-account.name":"another"}}}"#;
    until(|| {
        let said = patch(another);
        !said.success && said.stderr.contains("BH404")
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
