//! The ordinary applications of `examples/good`, as a tenant runs them.

use std::fs;

use bulkhead_harness::kubectl::Kubectl;
use serde_json::Value;

use crate::cluster::jsonpath;
use crate::objects::list;
use crate::refusal::expect_admitted;
use crate::repository;
use crate::wait::until;

/// The objects of `examples/good`, in this namespace.
pub fn applications(namespace: &str) -> Vec<Value> {
    let files = fs::read_dir(repository("examples/good")).unwrap();
    let texts = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    texts.flat_map(|text| documents(&text.replace("tenant-acme", namespace))).collect()
}

fn documents(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).unwrap()
}

/// The template of an object that makes pods.
pub fn template(object: &mut Value) -> Option<&mut Value> {
    let spec = if object["kind"] == "CronJob" {
        &mut object["spec"]["jobTemplate"]["spec"]
    } else {
        &mut object["spec"]
    };
    spec.get_mut("template")
}

/// The number of pods that the controllers make of an object. An owner may not count the nodes.
fn pods_of(member: &Kubectl, namespace: &str, object: &Value) -> u64 {
    match object["kind"].as_str().unwrap() {
        "Deployment" | "StatefulSet" => object["spec"]["replicas"].as_u64().unwrap_or(1),
        "DaemonSet" => {
            let name = object["metadata"]["name"].as_str().unwrap();
            let daemon_set = ["daemonset", name, "-n", namespace];
            jsonpath(member, &daemon_set, "{.status.desiredNumberScheduled}").parse().unwrap()
        }
        "Job" | "Pod" => 1,
        _ => 0,
    }
}

/// Applies the objects, and waits until each has its pods. Neither an object nor a pod is refused.
pub fn run(member: &Kubectl, namespace: &str, objects: &[Value]) {
    let said = member.feed(&["apply", "-f", "-"], &list(objects.to_vec()).to_string()).unwrap();
    expect_admitted(&said);
    until(|| {
        let expected: u64 = objects.iter().map(|object| pods_of(member, namespace, object)).sum();
        let names = jsonpath(member, &["pods", "-n", namespace], "{.items[*].metadata.name}");
        names.split_whitespace().count() as u64 == expected
    });
    assert_eq!(failures(member, namespace), Vec::<(String, String)>::new());
}

/// The failures of controllers to create pods in the namespace: the controlling object and the message.
pub fn failures(member: &Kubectl, namespace: &str) -> Vec<(String, String)> {
    let failed = ["get", "events", "-n", namespace, "--field-selector=reason=FailedCreate", "-o", "json"];
    let events: Value = serde_json::from_str(&member.ok(&failed).unwrap()).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let events = events["items"].as_array().unwrap().iter();
    events.map(|event| (text(&event["involvedObject"]["name"]), text(&event["message"]))).collect()
}
