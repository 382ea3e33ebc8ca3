use std::collections::BTreeMap;
use std::os::unix::fs::symlink;

use bulkhead_harness::cluster::folder;
use bulkhead_harness::kubectl::Kubectl;
use serde_json::Value;
use support::repository;
use support::snapshot_files::compare;

use super::rendered::{objects, rendered, without_release};
use super::{
    documented, empty_cluster, expect_bad_deployment_refused, member_with_namespace, wait_until_enforced,
};

/// kubectl as a user of no cluster.
fn kubectl() -> Kubectl {
    Kubectl { kubeconfig: folder("kustomize").unwrap().join("none") }
}

fn overlay(name: &str) -> String {
    repository(&format!("deploy/kustomize/overlays/{name}")).display().to_string()
}

/// The objects of an overlay by kind and name.
fn built(name: &str) -> BTreeMap<String, Value> {
    named(objects(&kubectl().ok(&["kustomize", &overlay(name)]).unwrap()))
}

fn named(objects: Vec<Value>) -> BTreeMap<String, Value> {
    let key = |object: &Value| {
        let metadata = &object["metadata"];
        format!("{} {} {}", object["kind"], metadata["namespace"], metadata["name"])
    };
    objects.into_iter().map(|object| (key(&object), without_release(object))).collect()
}

/// The rendered objects that no other file has, as text: without the traces of Helm, which kustomize is not.
fn workloads(arguments: &[&str]) -> String {
    let generated = [
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "Namespace",
        "Role",
        "RoleBinding",
        "ServiceAccount",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    ];
    let kept = rendered(arguments).into_iter().filter(|object| {
        let is_hook = !object["metadata"]["annotations"]["helm.sh/hook"].is_null();
        !is_hook && !generated.contains(&object["kind"].as_str().unwrap())
    });
    let texts = kept.map(|mut object| {
        for labels in ["/metadata/labels", "/spec/template/metadata/labels"] {
            if let Some(Value::Object(labels)) = object.pointer_mut(labels) {
                labels.retain(|key, _| key != "helm.sh/chart" && key != "app.kubernetes.io/managed-by");
            }
        }
        serde_saphyr::to_string(&object).unwrap()
    });
    texts.collect::<Vec<_>>().join("---\n")
}

#[test]
fn base_and_certificate_are_rendered_by_the_chart() {
    compare("deploy/kustomize/base/workloads.yaml", &workloads(&[]));
    let certificate =
        workloads(&["--set=certificates.mode=certManager", "--show-only=templates/certificate.yaml"]);
    compare("deploy/kustomize/overlays/cert-manager/certificate.yaml", &certificate);
    let monitor =
        workloads(&["--set=serviceMonitor.enabled=true", "--show-only=templates/service-monitor.yaml"]);
    compare("deploy/kustomize/components/monitoring/service-monitor.yaml", &monitor);
}

#[test]
fn overlays_are_what_the_chart_renders() {
    let chart = |arguments: &[&str]| named(rendered(&[arguments, &["--no-hooks"]].concat()));
    for (name, arguments) in
        [("plain", &[][..]), ("cert-manager", &["--set=certificates.mode=certManager"][..])]
    {
        let (mut built, mut expected) = (built(name), chart(arguments));
        // Helm leaves this namespace to the user.
        let own = built.remove(r#""Namespace" null "bulkhead-system""#).unwrap();
        let enforced = &own["metadata"]["labels"]["pod-security.kubernetes.io/enforce"];
        assert_eq!(enforced, "restricted");
        for object in built.values_mut().chain(expected.values_mut()) {
            sort_arguments(object);
        }
        assert_eq!(built.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{name}");
        for (key, object) in &expected {
            assert_eq!(built[key], *object, "{name}");
        }
    }
    let development = built("development");
    let webhook = &development[r#""Deployment" "bulkhead-system" "bulkhead-webhook""#]["spec"];
    assert_eq!(webhook["replicas"], 1);
    let container = &webhook["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], "bulkhead:development");
    assert_eq!(container["imagePullPolicy"], "Never");
}

/// The kustomization of docs/install.md with the monitoring, beside a checkout.
#[test]
fn documented_component_adds_what_the_chart_renders() {
    let folder = documented("kustomization.yaml with monitoring");
    symlink(repository("").canonicalize().unwrap(), folder.join("bulkhead")).unwrap();
    let mut built = named(objects(&kubectl().ok(&["kustomize", folder.to_str().unwrap()]).unwrap()));
    for key in self::built("plain").keys() {
        assert!(built.remove(key).is_some(), "{key}");
    }
    let values =
        ["serviceMonitor", "prometheusRule", "grafana"].map(|part| format!("--set={part}.enabled=true"));
    let mut expected = named(rendered(&values.each_ref().map(String::as_str)));
    for key in named(rendered(&[])).keys() {
        expected.remove(key);
    }
    assert_eq!(expected.len(), 3);
    assert_eq!(built, expected);
}

/// Sorts the arguments of a Deployment: a patch can only append, and labels of pods differ.
fn sort_arguments(object: &mut Value) {
    if let Some(Value::Array(arguments)) = object.pointer_mut("/spec/template/spec/containers/0/args") {
        arguments.sort_by_key(ToString::to_string);
    }
    if let Some(Value::Object(labels)) = object.pointer_mut("/spec/template/metadata/labels") {
        labels.retain(|key, _| key != "helm.sh/chart" && key != "app.kubernetes.io/managed-by");
    }
}

/// The kustomization of docs/install.md, beside a checkout.
#[test]
fn documented_kustomization_sets_image_and_settings() {
    let folder = documented("kustomization.yaml");
    symlink(repository("").canonicalize().unwrap(), folder.join("bulkhead")).unwrap();
    let built = named(objects(&kubectl().ok(&["kustomize", folder.to_str().unwrap()]).unwrap()));
    let settings = &built[r#""ConfigMap" "bulkhead-system" "bulkhead-settings""#]["data"]["settings.yaml"];
    let settings: Value = serde_saphyr::from_str(settings.as_str().unwrap()).unwrap();
    assert_eq!(settings["mesh"]["revision"], "stable");
    for part in ["webhook", "controller"] {
        let deployment = &built[&format!(r#""Deployment" "bulkhead-system" "bulkhead-{part}""#)];
        let image = deployment["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap();
        assert!(image.starts_with("registry.example.com/platform/bulkhead:"), "{image}");
    }
}

#[test]
fn applied_overlay_enforces() {
    let nodes = empty_cluster();
    let admin = nodes.cluster.admin().unwrap();
    admin.ok(&["apply", "--server-side", "-k", &overlay("plain")]).unwrap();
    wait_until_enforced(&admin);
    expect_bad_deployment_refused(&member_with_namespace(&nodes));
}
