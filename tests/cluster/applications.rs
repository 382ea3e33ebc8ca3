//! Ordinary applications: nothing about them is refused, neither as a tenant applies them nor as the controllers make
//! pods of them and the injector adds the proxy.

use std::fs;

use bulkhead::sources::yaml;
use bulkhead_harness::kubectl::Kubectl;
use serde_json::{Value, json};
use support::cluster::{jsonpath, new_namespace, new_tenant, shared};
use support::objects::list;
use support::refusal::expect_admitted;
use support::repository;
use support::wait::until;

/// The objects of `examples/good`, in this namespace.
fn applications(namespace: &str) -> Vec<Value> {
    let files = fs::read_dir(repository("examples/good")).unwrap();
    let texts = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    let documents = texts.flat_map(|text| yaml::read(&text.replace("tenant-acme", namespace)).unwrap());
    documents.map(|document| serde_json::from_str(document.json.get()).unwrap()).collect()
}

/// The template of an object that makes pods.
fn template(object: &mut Value) -> Option<&mut Value> {
    let spec = if object["kind"] == "CronJob" {
        &mut object["spec"]["jobTemplate"]["spec"]
    } else {
        &mut object["spec"]
    };
    spec.get_mut("template")
}

/// The number of pods that the controllers make of an object.
fn pods_of(object: &Value) -> u64 {
    match object["kind"].as_str().unwrap() {
        "Deployment" | "StatefulSet" => object["spec"]["replicas"].as_u64().unwrap_or(1),
        "Job" | "Pod" => 1,
        // There is no node for a DaemonSet.
        _ => 0,
    }
}

/// Applies the objects, and waits until each has its pods.
fn run(member: &Kubectl, namespace: &str, objects: &[Value]) {
    let said = member.feed(&["apply", "-f", "-"], &list(objects.to_vec()).to_string()).unwrap();
    expect_admitted(&said);
    let expected: u64 = objects.iter().map(pods_of).sum();
    until(|| {
        let names = jsonpath(member, &["pods", "-n", namespace], "{.items[*].metadata.name}");
        names.split_whitespace().count() as u64 == expected
    });
    let failures = jsonpath(
        member,
        &["events", "-n", namespace, "--field-selector=reason=FailedCreate"],
        "{range .items[*]}{.message}{'\\n'}{end}",
    );
    assert_eq!(failures, "");
}

#[test]
fn applications_run_with_native_sidecars() {
    let it = shared();
    let member = new_tenant(&it, "applications");
    let namespace = new_namespace(&member, "applications");
    run(&member, &namespace, &applications(&namespace));
    member.ok(&["create", "job", "now", "--from=cronjob/nightly", "-n", &namespace]).unwrap();
    let of_job = ["pods", "-n", &namespace, "-l", "job-name=now"];
    until(|| !jsonpath(&member, &of_job, "{.items[*].metadata.name}").is_empty());
    for kind in ["deployment", "statefulset", "daemonset"] {
        expect_admitted(&member.run(&["rollout", "restart", kind, "-n", &namespace]).unwrap());
    }
}

/// A classic sidecar starts after the init containers, so applications with some need a native one (BH316).
#[test]
fn applications_without_init_containers_run_with_classic_sidecars() {
    let it = shared();
    let member = new_tenant(&it, "classics");
    let namespace = new_namespace(&member, "classics");
    let mut objects = applications(&namespace);
    objects.retain(|object| object["kind"] != "Pod");
    objects.retain_mut(|object| {
        template(object).is_none_or(|template| {
            template["metadata"]["annotations"]["sidecar.istio.io/nativeSidecar"] = json!("false");
            template["spec"].get("initContainers").is_none()
        })
    });
    run(&member, &namespace, &objects);
    let proxies = jsonpath(&member, &["pods", "-n", &namespace], "{.items[*].spec.containers[*].name}");
    assert!(proxies.matches("istio-proxy").count() > 5, "{proxies}");
}
