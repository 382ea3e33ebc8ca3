//! Writes that work and writes that fail while the webhook is registered and no replica answers.

use std::fs;

use bulkhead_harness::cluster::{Cluster, free_ports};
use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::pki::Authority;
use bulkhead_harness::program;
use serde_json::{Value, json};
use support::BINARY;
use support::cluster::wait_for_default_account;
use support::objects::{self, changed, deployment, labelled_namespace, object};
use support::wait::until;

/// A program in each kind of protected namespace.
const PROTECTED: [(&str, &str); 3] =
    [("istio-system", "istiod"), ("shared-services", "log-collector"), ("bulkhead-system", "bulkhead")];
/// An account that drains nodes, which the settings list.
const AUTOSCALER: &str = "system:serviceaccount:kube-system:cluster-autoscaler";

/// A cluster with a tenant's namespace and a pod in it, whose webhook does not answer any more.
fn abandoned() -> Cluster {
    let cluster = Cluster::start().unwrap();
    program::prepare(&cluster, &BINARY).unwrap();
    let settings = cluster.folder.join("settings.yaml");
    let listed = format!("platform:\n  users: [{AUTOSCALER}]\n");
    fs::write(&settings, fs::read_to_string(&settings).unwrap().replace("platform:\n", &listed)).unwrap();
    let admin = cluster.admin().unwrap();
    for (namespace, name) in PROTECTED {
        admin.apply(&labelled_namespace(namespace, &json!({})).to_string()).unwrap();
        wait_for_default_account(&admin, namespace);
        admin.apply(&deployment(namespace, name).to_string()).unwrap();
        until(|| pods(&admin, namespace, name).len() == 1);
    }
    let owned = json!({ "bulkhead.dev/tenant": "out", "tenant": "out", "istio-injection": "enabled" });
    for (name, labels) in
        [("tenant-out", owned.clone()), ("tenant-out-ending", owned), ("foreign", json!({}))]
    {
        admin.apply(&labelled_namespace(name, &labels).to_string()).unwrap();
    }
    wait_for_default_account(&admin, "tenant-out");
    admin.apply(&pod("running").to_string()).unwrap();
    admin.apply(&policy("tenant-out-ending")).unwrap();
    admin.apply(&policy("tenant-out").replace("default-deny-all", "own")).unwrap();
    let image = "--image=registry.example.com/app:1";
    admin.ok(&["create", "deployment", "web", image, "--replicas=2", "-n", "tenant-out"]).unwrap();
    until(|| web(&admin) == 2);
    let [unused] = free_ports().unwrap();
    program::register(&cluster, &BINARY, unused, &Authority::new("nobody").unwrap()).unwrap();
    until(|| {
        admin
            .run(&["create", "namespace", "probe", "--dry-run=server"])
            .unwrap()
            .stderr
            .contains("connection refused")
    });
    cluster
}

fn pod(name: &str) -> Value {
    changed(objects::pod("tenant-out"), |pod| pod["metadata"]["name"] = json!(name))
}

fn policy(namespace: &str) -> String {
    let spec = json!({ "podSelector": {} });
    object("networking.k8s.io/v1", "NetworkPolicy", namespace, "default-deny-all", &spec).to_string()
}

/// The number of pods that the Deployment has.
fn web(kubectl: &Kubectl) -> usize {
    kubectl.ok(&["get", "pods", "-n", "tenant-out", "-l", "app=web", "-o", "name"]).unwrap().lines().count()
}

/// The names of the pods with this label.
fn pods(kubectl: &Kubectl, namespace: &str, app: &str) -> Vec<String> {
    let app = format!("app={app}");
    let path = "jsonpath={range .items[*]}{.metadata.name}{'\\n'}{end}";
    let names = kubectl.ok(&["get", "pods", "-n", namespace, "-l", &app, "-o", path]).unwrap();
    names.lines().map(str::to_owned).collect()
}

/// Everything that must go on in protected namespaces, and what stops there.
fn protected_namespaces_work(cluster: &Cluster) {
    let admin = cluster.admin().unwrap();
    let stranger = cluster.powerful("out-mallory", "strangers").unwrap();
    let autoscaler = cluster.powerful(AUTOSCALER, "out-autoscalers").unwrap();
    let node = cluster.powerful("system:node:one", "system:nodes").unwrap();
    for (namespace, name) in PROTECTED {
        let home = ["-n", namespace];
        let run = |kubectl: &Kubectl, words: &[&str]| kubectl.ok(&[words, &home[..]].concat()).unwrap();
        let workload = format!("deployment/{name}");
        // The platform restarts, scales and upgrades; the controllers follow.
        let before = pods(&admin, namespace, name);
        run(&admin, &["rollout", "restart", &workload]);
        until(|| pods(&admin, namespace, name).iter().any(|pod| !before.contains(pod)));
        run(&admin, &["scale", &workload, "--replicas=3"]);
        until(|| pods(&admin, namespace, name).len() >= 3);
        run(&admin, &["create", "configmap", "upgraded"]);
        run(&admin, &["create", "secret", "generic", "sh.helm.release.v1.upgraded.v1"]);
        // Drains: an administrator, an account of the settings, and Kubernetes' own controllers.
        let evicted = pods(&admin, namespace, name);
        for (user, pod) in [&admin, &autoscaler].into_iter().zip(&evicted) {
            let eviction = json!({
                "apiVersion": "policy/v1", "kind": "Eviction", "metadata": { "name": pod, "namespace": namespace },
            });
            let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/eviction");
            let said = user.feed(&["create", "--raw", &path, "-f", "-"], &eviction.to_string()).unwrap();
            assert!(said.success, "{said:?}");
        }
        until(|| pods(&admin, namespace, name).len() >= 3);
        // The program's own account, nodes, and what is never sent.
        let own = cluster.powerful(&format!("system:serviceaccount:{namespace}:{name}"), "out-own").unwrap();
        run(&own, &["create", "configmap", "elected"]);
        let istiod = cluster.powerful("system:serviceaccount:istio-system:istiod", "out-own").unwrap();
        run(&istiod, &["create", "configmap", "istio-ca-crl"]);
        run(&node, &["create", "token", "default"]);
        let lease = object("coordination.k8s.io/v1", "Lease", namespace, "any", &json!({}));
        assert!(stranger.feed(&["create", "-f", "-"], &lease.to_string()).unwrap().success);
        let annotated = r#"{"metadata":{"annotations":{"cni.projectcalico.org/podIP":"192.0.2.1"}}}"#;
        let pod = pods(&admin, namespace, name).remove(0);
        run(&stranger, &["patch", "pod", &pod, "--subresource=status", "--type=merge", "-p", annotated]);
        // Others stop.
        stopped(&stranger, &["create", "configmap", "mine", "-n", namespace], "", "shared");
        stopped(&stranger, &["delete", "pod", &pod, "-n", namespace], "", "shared");
        stopped(&stranger, &["scale", &workload, "--replicas=0", "-n", namespace], "", "shared");
        stopped(&stranger, &["annotate", "namespace", namespace, "example.com/note=1"], "", "namespaces");
        stopped(&stranger, &["delete", "namespace", namespace], "", "namespaces");
        admin.ok(&["annotate", "namespace", namespace, "example.com/note=1"]).unwrap();
    }
    // A protected namespace ends, with everything in it.
    admin.ok(&["delete", "namespace", "shared-services", "--timeout=90s"]).unwrap();
}

/// The write fails because the API server cannot call this entry of the webhook.
fn stopped(kubectl: &Kubectl, arguments: &[&str], input: &str, entry: &str) {
    let said = kubectl.feed(arguments, input).unwrap();
    let why = format!(
        "failed calling webhook \"{entry}.bulkhead.dev\": failed to call webhook: Post \"https://bulkhead.bulkhead-system.svc:"
    );
    assert!(
        !said.success && said.stderr.contains(&why) && said.stderr.contains("connection refused"),
        "{arguments:?}: {said:?}"
    );
}

#[test]
fn unanswered_webhook_stops_only_judged_writes() {
    let mut cluster = abandoned();
    let admin = cluster.admin().unwrap();

    // The API server starts, and restores its missing bootstrap objects.
    admin.ok(&["delete", "clusterrole", "system:node-bootstrapper"]).unwrap();
    admin.ok(&["delete", "clusterrolebinding", "system:kube-scheduler"]).unwrap();
    cluster.restart_api_server().unwrap();
    admin.ok(&["get", "clusterrole", "system:node-bootstrapper"]).unwrap();
    admin.ok(&["get", "clusterrolebinding", "system:kube-scheduler"]).unwrap();

    // Namespaces without a tenant.
    admin.ok(&["annotate", "namespace", "foreign", "example.com/note=1"]).unwrap();
    admin.ok(&["label", "namespace", "foreign", "istio-injection=enabled"]).unwrap();
    admin.ok(&["create", "configmap", "mine", "-n", "foreign"]).unwrap();
    admin.ok(&["delete", "namespace", "foreign", "--timeout=60s"]).unwrap();
    admin.ok(&["create", "service", "clusterip", "beside", "--tcp=80", "-n", "kube-system"]).unwrap();
    admin
        .ok(&["create", "deployment", "beside", "--image=registry.example.com/a:1", "-n", "kube-system"])
        .unwrap();
    admin.ok(&["rollout", "status", "--watch=false", "deployment/beside", "-n", "kube-system"]).unwrap();

    // A tenant's namespace: running pods keep running, and may be deleted.
    let node = cluster.powerful("system:node:one", "system:nodes").unwrap();
    let status = r#"{"status":{"phase":"Running"}}"#;
    node.ok(&["patch", "pod", "running", "-n", "tenant-out", "--subresource=status", "-p", status]).unwrap();
    let scheduler = cluster.powerful("system:kube-scheduler", "schedulers").unwrap();
    let binding = json!({
        "apiVersion": "v1", "kind": "Binding", "metadata": { "name": "running" },
        "target": { "apiVersion": "v1", "kind": "Node", "name": "one" },
    });
    let path = "/api/v1/namespaces/tenant-out/pods/running/binding";
    assert!(scheduler.feed(&["create", "--raw", path, "-f", "-"], &binding.to_string()).unwrap().success);
    admin.ok(&["create", "configmap", "mine", "-n", "tenant-out"]).unwrap();
    let other = r#"{"status":{"conditions":[{"type":"example.com/Backup","status":"True"}]}}"#;
    admin.ok(&["patch", "namespace", "tenant-out", "--subresource=status", "-p", other]).unwrap();
    admin.ok(&["create", "secret", "generic", "mine", "-n", "tenant-out"]).unwrap();
    node.ok(&["create", "token", "default", "-n", "tenant-out"]).unwrap();
    admin.ok(&["scale", "deployment", "web", "--replicas=0", "-n", "tenant-out"]).unwrap();
    until(|| web(&admin) == 0);
    admin.ok(&["delete", "pod", "running", "-n", "tenant-out", "--grace-period=0", "--force"]).unwrap();
    admin.ok(&["delete", "networkpolicy", "own", "-n", "tenant-out"]).unwrap();
    admin.ok(&["delete", "namespace", "tenant-out-ending", "--timeout=60s"]).unwrap();

    protected_namespaces_work(&cluster);

    // Judged writes fail, and the error names the webhook.
    stopped(&admin, &["create", "namespace", "tenant-out-new"], "", "namespaces");
    stopped(&admin, &["label", "namespace", "tenant-out", "bulkhead.dev/tenant-"], "", "namespaces");
    stopped(&admin, &["annotate", "namespace", "tenant-out", "example.com/note=1"], "", "namespaces");
    stopped(&admin, &["create", "-f", "-"], &pod("late").to_string(), "workloads");
    stopped(&admin, &["create", "serviceaccount", "late", "-n", "tenant-out"], "", "identities");
    stopped(&admin, &["create", "-f", "-"], &policy("tenant-out"), "policies");
    let own = policy("tenant-out").replace("default-deny-all", "own");
    stopped(&admin, &["create", "-f", "-"], &own, "policies");

    // Uninstalling needs no webhook.
    admin
        .ok(&["delete", "validatingwebhookconfiguration,mutatingwebhookconfiguration", "tenant-bulkhead"])
        .unwrap();
    until(|| admin.run(&["create", "namespace", "tenant-out-new"]).unwrap().success);
}
