//! Ordinary applications with each form of the sidecar, and their move to another revision, through the injectors of
//! four revisions of Istio in a cluster of their own. Only pods that would run before their traffic is captured are
//! refused.

use std::{fs, thread};

use bulkhead_harness::istio::{Istio, Revision};
use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::program::Installation;
use serde_json::{Value, json};
use support::applications::{applications, failures, run};
use support::cluster::{controller_metrics, namespace_labels, new_namespace, new_tenant};
use support::objects::{list, pod};
use support::refusal::{denied_by, expect_admitted, refused, violations};
use support::wait::until;
use support::{BINARY, SETTINGS};

const CLASSIC: Revision = Revision { native_sidecars: false, ..Revision::DEFAULT };
const NATIVE: Revision = Revision { name: "canary", ..Revision::DEFAULT };
const CLASSIC_CNI: Revision =
    Revision { name: "classic-cni", istio_cni: true, network: Some("one"), ..CLASSIC };
const NATIVE_CNI: Revision = Revision { name: "native-cni", istio_cni: true, ..NATIVE };

#[test]
fn applications_are_admitted_by_each_revision_and_in_an_upgrade() {
    let mut it = Installation::start_without_istio(&BINARY).unwrap();
    let is_learned = |it: &Installation| {
        let metrics = controller_metrics(&it.controller);
        let name = "bulkhead_watch_staleness_seconds{resource=\"proxy-references\"}";
        let staleness = metrics.lines().find_map(|line| line.strip_prefix(name));
        staleness.and_then(|value| value.trim().parse::<f64>().ok()).map(|staleness| staleness == 0.0)
    };
    until(|| is_learned(&it) == Some(false));
    let cluster = &it.cluster;
    let _istio: Vec<Istio> = thread::scope(|scope| {
        let start = |revision| scope.spawn(move || Istio::start_revision(cluster, revision).unwrap());
        let starting = [CLASSIC, NATIVE, CLASSIC_CNI, NATIVE_CNI].map(start);
        starting.into_iter().map(|starting| starting.join().unwrap()).collect()
    });
    let admin = it.cluster.admin().unwrap();
    add_node(&admin);
    until(|| is_learned(&it) == Some(true));
    let member = new_tenant(&it, "revisions");

    // The settings that the installation starts with name no revision, and no istio-cni.
    let first = new_namespace(&member, "revisions");
    run_all(&member, &first, CLASSIC);
    for revision in [NATIVE, CLASSIC_CNI, NATIVE_CNI] {
        it.change_settings(&settings(revision)).unwrap();
        let namespace = new_namespace(&member, &format!("revisions-{}", revision.name));
        assert_eq!(namespace_labels(&admin, &namespace)["istio.io/rev"], revision.name);
        run_all(&member, &namespace, revision);
        if revision.name == NATIVE.name {
            upgrade(&admin, &member, &first, revision);
        }
    }
}

/// Adds a node, without which DaemonSets have no pods.
fn add_node(admin: &Kubectl) {
    let node = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "node" } });
    admin.apply(&node.to_string()).unwrap();
    admin.ok(&["taint", "nodes", "node", "node.kubernetes.io/not-ready-"]).unwrap();
}

/// The settings of the example, for a mesh of this revision.
fn settings(revision: Revision) -> String {
    let example = fs::read_to_string(SETTINGS).unwrap();
    let Revision { name, istio_cni, .. } = revision;
    let mesh = format!("\nmesh:\n  revision: {name}\n  istioCni: {istio_cni}\n");
    let settings = example.replace("\nmesh:\n", &mesh);
    assert_ne!(settings, example);
    settings
}

/// Runs all applications in the namespace, and restores their pods.
fn run_all(member: &Kubectl, namespace: &str, revision: Revision) {
    let captures_late = !revision.native_sidecars && !revision.istio_cni;
    let is_early = |object: &Value| captures_late && init_containers(object) > 0;
    let (early, captured): (Vec<_>, Vec<_>) = applications(namespace).into_iter().partition(is_early);
    assert_eq!(early.is_empty(), !captures_late);
    run(member, namespace, &captured);
    expect_injected(member, &pods(member, namespace), revision);
    for object in &early {
        expect_refused_early(member, namespace, object);
    }
}

/// The number of init containers in a pod or a template.
fn init_containers(object: &Value) -> usize {
    let lists = ["/spec/initContainers", "/spec/template/spec/initContainers"];
    lists.iter().filter_map(|list| object.pointer(list)?.as_array()).map(Vec::len).sum()
}

/// A template is admitted, because it does not show the form of the sidecar. Its pods are refused.
fn expect_refused_early(member: &Kubectl, namespace: &str, object: &Value) {
    let paths = (0..init_containers(object)).map(|index| format!("spec.initContainers[{index}]"));
    let paths: Vec<_> = paths.collect();
    let expected: Vec<_> = paths.iter().map(|path| ("BH316", path.as_str())).collect();
    if object["kind"] == "Pod" {
        return refused(member, &["create", "-f", "-"], &object.to_string(), &expected);
    }
    expect_admitted(&member.feed(&["apply", "-f", "-"], &object.to_string()).unwrap());
    let name = object["metadata"]["name"].as_str().unwrap();
    let is_of = |(controller, _): &(String, String)| controller.starts_with(name);
    let (_, message) = until(|| failures(member, namespace).into_iter().find(is_of));
    assert_eq!(denied_by(&message), ["workloads"], "{message}");
    assert_eq!(violations(&message), expected, "{message}");
    assert!(message.contains("`ENABLE_NATIVE_SIDECARS`"), "{message}");
}

/// Moves the namespace to another revision, as the platform does, and restarts its applications.
fn upgrade(admin: &Kubectl, member: &Kubectl, namespace: &str, revision: Revision) {
    // The controller leaves this to the platform.
    assert_eq!(namespace_labels(admin, namespace)["istio-injection"], "enabled");
    let label = format!("istio.io/rev={}", revision.name);
    let write = ["label", "namespace", namespace, "istio-injection-", &label];
    expect_admitted(&admin.run(&write).unwrap());
    let is_new = |pod: &Value| pod["metadata"]["annotations"]["istio.io/rev"] == revision.name;
    until(|| {
        let arguments = ["create", "--dry-run=server", "-o", "json", "-f", "-"];
        let said = member.feed(&arguments, &pod(namespace).to_string()).unwrap();
        expect_admitted(&said);
        is_new(&serde_json::from_str(&said.stdout).unwrap())
    });

    // Pods of the old revision can still be changed.
    expect_admitted(
        &member.run(&["label", "pods", "--all", "example.com/old=true", "-n", namespace]).unwrap(),
    );
    let failed_before = failures(member, namespace);
    let objects = applications(namespace);
    expect_admitted(&member.feed(&["apply", "-f", "-"], &list(objects.clone()).to_string()).unwrap());
    let kinds = ["Deployment", "StatefulSet", "DaemonSet"];
    let restart = ["rollout", "restart", &kinds.join(","), "-n", namespace];
    expect_admitted(&member.run(&restart).unwrap());
    let restarted = objects.iter().filter(|object| kinds.iter().any(|kind| object["kind"] == *kind));
    let restarted: Vec<_> = restarted.map(|object| object["metadata"]["name"].as_str().unwrap()).collect();
    let (new, old): (Vec<_>, Vec<_>) = until(|| {
        let (new, old): (Vec<_>, Vec<_>) = pods(member, namespace).into_iter().partition(is_new);
        let is_of = |pod: &Value, name: &str| pod["metadata"]["name"].as_str().unwrap().starts_with(name);
        restarted.iter().all(|name| new.iter().any(|pod| is_of(pod, name))).then_some((new, old))
    });
    assert_eq!(failures(member, namespace), failed_before);
    assert!(!old.is_empty(), "without a kubelet no new pod is ready, so pods of the old revision remain");
    expect_injected(member, &new, revision);
}

fn pods(kubectl: &Kubectl, namespace: &str) -> Vec<Value> {
    let pods = kubectl.ok(&["get", "pods", "-n", namespace, "-o", "json"]).unwrap();
    let mut pods: Value = serde_json::from_str(&pods).unwrap();
    pods["items"].as_array_mut().unwrap().drain(..).collect()
}

/// This revision injected the pods, with its form of the sidecar, and they can be restored with it.
fn expect_injected(member: &Kubectl, pods: &[Value], revision: Revision) {
    let either = |first: bool| [usize::from(first), usize::from(!first)];
    for pod in pods {
        let named = |list: &str, name: &str| {
            let containers = pod["spec"][list].as_array().into_iter().flatten();
            containers.filter(|container| container["name"] == name).count()
        };
        let proxies = ["initContainers", "containers"].map(|list| named(list, "istio-proxy"));
        let redirections = ["istio-validation", "istio-init"].map(|name| named("initContainers", name));
        assert_eq!(proxies, either(revision.native_sidecars), "{pod}");
        assert_eq!(redirections, either(revision.istio_cni), "{pod}");
        assert_eq!(pod["metadata"]["annotations"]["istio.io/rev"], revision.name, "{pod}");
        assert_eq!(
            pod["metadata"]["labels"]["topology.istio.io/network"].as_str(),
            revision.network,
            "{pod}"
        );
    }
    let create = ["create", "--dry-run=server", "-f", "-"];
    let restored = list(pods.iter().map(restored));
    expect_admitted(&member.feed(&create, &restored.to_string()).unwrap());
}

/// The pod as a backup restores it, under another name: with its injected containers.
fn restored(pod: &Value) -> Value {
    let Value::Object(mut metadata) = pod["metadata"].clone() else { panic!("{pod}") };
    metadata.retain(|field, _| ["name", "namespace", "labels", "annotations"].contains(&field.as_str()));
    metadata["name"] = json!(format!("{}-restored", pod["metadata"]["name"].as_str().unwrap()));
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod["spec"] })
}
