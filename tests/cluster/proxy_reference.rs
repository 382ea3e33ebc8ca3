//! The reference of the mesh's proxy, which the controller learns from the injector of the cluster.

use bulkhead_harness::kubectl::Kubectl;
use serde_json::{Value, json};

use support::cluster::{alone, jsonpath, new_injected_namespace, new_namespace, new_tenant, shared};
use support::objects;
use support::refusal::{expect_refused, violations};
use support::wait::until;

const IMAGE: &str = "registry.istio.io/release/proxyv2:1.31.0";
const OLD_IMAGE: &str = "registry.istio.io/release/proxyv2:1.12.0";

/// A pod as the injector makes it of a plain one.
fn injected(kubectl: &Kubectl, namespace: &str) -> Result<Value, String> {
    let mut pod = objects::pod("");
    pod["metadata"] = json!({ "name": "app" });
    create(kubectl, namespace, &pod)
}

fn create(kubectl: &Kubectl, namespace: &str, pod: &Value) -> Result<Value, String> {
    let arguments = ["create", "--dry-run=server", "-o", "json", "-n", namespace, "-f", "-"];
    let said = kubectl.feed(&arguments, &pod.to_string()).unwrap();
    if said.success { Ok(serde_json::from_str(&said.stdout).unwrap()) } else { Err(said.stderr) }
}

/// The pod as a backup restores it: without the fields of the stored object.
fn restored(pod: &Value) -> Value {
    let mut pod = pod.clone();
    let metadata = pod["metadata"].as_object_mut().unwrap();
    metadata.retain(|field, _| ["name", "labels", "annotations"].contains(&field.as_str()));
    pod.as_object_mut().unwrap().remove("status");
    pod
}

fn mesh_containers(pod: &mut Value) -> impl Iterator<Item = &mut Value> {
    let containers = pod["spec"]["initContainers"].as_array_mut().unwrap().iter_mut();
    containers.filter(|container| container["name"].as_str().unwrap().starts_with("istio-"))
}

#[test]
fn proxy_of_another_version_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "old-proxy");
    let namespace = new_namespace(&member, "old-proxy");
    let admin = it.cluster.admin().unwrap();
    new_injected_namespace(&admin, "outside-old-proxy");

    let debug = json!({ "sidecar.istio.io/proxyImageType": "debug" });
    let mut pod = objects::pod("");
    pod["metadata"] = json!({ "name": "app", "annotations": debug });
    let mut made = create(&admin, "outside-old-proxy", &pod).unwrap();
    assert!(mesh_containers(&mut made).all(|container| container["image"] == format!("{IMAGE}-debug")));
    let refusal = create(&member, &namespace, &pod).unwrap_err();
    let expected = [
        ("BH303", "metadata.annotations[sidecar.istio.io/proxyImageType]"),
        ("BH304", "spec.initContainers[0].image"),
        ("BH304", "spec.initContainers[1].image"),
    ];
    assert_eq!(violations(&refusal), expected, "{refusal}");

    // A restored pod is as good as a new one: the injector replaces what it once wrote itself.
    let restored = restored(&injected(&member, &namespace).unwrap());
    create(&member, &namespace, &restored).unwrap();
    let mut old = restored;
    mesh_containers(&mut old).for_each(|container| container["image"] = json!(OLD_IMAGE));
    let mut made = create(&member, &namespace, &old).unwrap();
    assert!(mesh_containers(&mut made).all(|container| container["image"] == IMAGE));
}

#[test]
fn proxy_of_a_running_pod_keeps_its_version() {
    let it = shared();
    let member = new_tenant(&it, "kept-proxy");
    let namespace = new_namespace(&member, "kept-proxy");
    let mut pod = objects::pod("");
    pod["metadata"] = json!({ "name": "app" });
    member.feed(&["create", "-n", &namespace, "-f", "-"], &pod.to_string()).unwrap();
    let image = |image: &str| format!("istio-proxy={image}");
    let set = |image: &str| member.run(&["set", "image", "pod/app", "-n", &namespace, image]).unwrap();
    expect_refused(&set(&image(OLD_IMAGE)), &[("BH304", "spec.initContainers[1].image")]);
    member.ok(&["label", "pod", "app", "-n", &namespace, "a=b"]).unwrap();
    assert!(set("app=registry.example.com/app:2").success);
}

/// The ConfigMap's value under this key.
fn value(admin: &Kubectl, map: &str, key: &str) -> String {
    jsonpath(admin, &["configmap", map, "-n", "istio-system"], &format!("{{.data.{key}}}"))
}

fn set_value(admin: &Kubectl, map: &str, key: &str, value: &str) {
    let patch = json!({ "data": { key: value } }).to_string();
    admin.ok(&["patch", "configmap", map, "-n", "istio-system", "--type=merge", "-p", &patch]).unwrap();
}

#[test]
fn change_of_the_injector_refuses_no_pod() {
    let it = alone();
    let member = new_tenant(&it, "upgraded-mesh");
    let namespace = new_namespace(&member, "upgraded-mesh");
    let admin = it.cluster.admin().unwrap();
    injected(&member, &namespace).unwrap();

    // Pods are created all the time, until the injector makes them as it is told.
    let create_until = |image: &str, has_flavour: bool| {
        until(|| {
            let mut pod = injected(&member, &namespace).unwrap();
            let proxy = mesh_containers(&mut pod).last().unwrap().clone();
            let variables = proxy["env"].as_array().unwrap();
            let flavour = variables.iter().any(|variable| variable["name"] == "FLAVOUR");
            (proxy["image"] == image) && flavour == has_flavour
        });
        for _ in 0..20 {
            injected(&member, &namespace).unwrap();
        }
    };
    let values = value(&admin, "istio-sidecar-injector", "values");
    let mesh = value(&admin, "istio", "mesh");
    assert!(values.contains("1.31.0") && mesh.contains("defaultConfig:"));
    set_value(&admin, "istio-sidecar-injector", "values", &values.replace("1.31.0", "1.31.9"));
    let with_flavour = mesh.replace("defaultConfig:", "defaultConfig:\n  proxyMetadata:\n    FLAVOUR: blue");
    set_value(&admin, "istio", "mesh", &with_flavour);
    create_until("registry.istio.io/release/proxyv2:1.31.9", true);

    // A tenant cannot set the same variable to another value.
    let annotation = json!({ "proxy.istio.io/config": "proxyMetadata: { FLAVOUR: red }" });
    let mut other = objects::pod("");
    other["metadata"] = json!({ "name": "app", "annotations": annotation });
    let refusal = create(&member, &namespace, &other).unwrap_err();
    let proxy = |index: usize| format!("spec.initContainers[1].env[{index}]");
    let (config, flavour) = (proxy(8), proxy(20));
    let expected = [
        ("BH303", "metadata.annotations[proxy.istio.io/config]"),
        ("BH304", "spec.initContainers[0].env[0]"),
        ("BH304", config.as_str()),
        ("BH304", flavour.as_str()),
    ];
    assert_eq!(violations(&refusal), expected, "{refusal}");

    set_value(&admin, "istio-sidecar-injector", "values", &values);
    set_value(&admin, "istio", "mesh", &mesh);
    create_until(IMAGE, false);
}

/// Platforms can replace Istio's templates by their own.
#[test]
fn injector_without_the_template_of_gateways_refuses_no_other_pod() {
    let it = alone();
    let member = new_tenant(&it, "no-gateways");
    let namespace = new_namespace(&member, "no-gateways");
    let admin = it.cluster.admin().unwrap();
    let map = "istio-sidecar-injector";
    let (config, values) = (value(&admin, map, "config"), value(&admin, map, "values"));
    let without = config.replace("\n  gateway: |", "\n  edge: |");
    assert_ne!(without, config);
    set_value(&admin, map, "config", &without);
    set_value(&admin, map, "values", &values.replace("1.31.0", "1.31.8"));
    let create_until = |image: &str| {
        until(|| {
            let mut pod = injected(&member, &namespace).unwrap();
            mesh_containers(&mut pod).all(|container| container["image"] == image)
        });
    };
    create_until("registry.istio.io/release/proxyv2:1.31.8");
    injected(&member, &namespace).unwrap();
    set_value(&admin, map, "config", &config);
    set_value(&admin, map, "values", &values);
    create_until(IMAGE);
}

/// RBAC cannot demand a dry run, so the accounts of Bulkhead could create pods in the namespace of the probe.
#[test]
fn pod_in_the_namespace_of_the_probe_is_refused() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let mut pod = objects::pod("");
    pod["metadata"] = json!({ "name": "app" });
    pod["spec"]["containers"][0]["securityContext"] = json!({ "privileged": true });
    let create = |flags: &[&str]| {
        let arguments = ["create", "-n", "bulkhead-probe", "-f", "-"];
        admin.feed(&[&arguments, flags].concat(), &pod.to_string()).unwrap()
    };
    let account = "--as=system:serviceaccount:bulkhead-system:bulkhead";
    assert!(create(&["--dry-run=server", account]).success);
    let said = create(&[account]);
    assert!(!said.success && said.stderr.contains("is for dry runs"), "{said:?}");
}
