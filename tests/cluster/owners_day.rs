//! A day of a tenant's owner, with their own kubeconfig and no rights but those that Bulkhead gives.

use bulkhead_harness::helm::Helm;
use bulkhead_harness::kubectl::{Kubectl, Said};
use serde_json::{Value, json};
use support::chart::chart;
use support::cluster::{jsonpath, new_namespace, new_owner, shared, wait_until_ready};
use support::command::bulkhead_of;
use support::objects::{self, changed};
use support::refusal::{denied_by, expect_admitted, expect_refused};
use support::wait::until;

fn apply(owner: &Kubectl, object: &Value) -> Said {
    owner.feed(&["apply", "-f", "-"], &object.to_string()).unwrap()
}

/// The name of a pod of the application `web`, once there are this many.
fn pod(owner: &Kubectl, namespace: &str, count: usize) -> String {
    let pods = ["pods", "-n", namespace, "-l", "app=web", "--field-selector=status.phase=Pending"];
    until(|| {
        let names = jsonpath(owner, &pods, "{.items[*].metadata.name}");
        let names: Vec<&str> = names.split_whitespace().collect();
        (names.len() == count).then(|| names[0].to_owned())
    })
}

#[test]
fn owner_works_for_a_day_with_their_own_rights() {
    let it = shared();
    it.istio().unwrap();
    let owner = new_owner(&it, "ow-day");
    let namespace = new_namespace(&owner, "ow-day");
    let here = ["-n", &namespace];
    let ok = |arguments: &[&str]| owner.ok(&[arguments, &here].concat()).unwrap();

    deploy(&owner, &namespace);
    // Roll out, back, and scale.
    ok(&["set", "image", "deployment/web", "app=registry.example.com/app:2"]);
    until(|| ok(&["rollout", "history", "deployment/web"]).lines().any(|line| line.starts_with('2')));
    ok(&["rollout", "undo", "deployment/web"]);
    pod(&owner, &namespace, 1);
    ok(&["set", "image", "statefulset/store", "app=registry.example.com/app:2"]);
    until(|| ok(&["rollout", "history", "statefulset/store"]).lines().any(|line| line.starts_with('2')));
    ok(&["rollout", "undo", "statefulset/store"]);
    ok(&["scale", "deployment/web", "--replicas=2"]);
    let name = pod(&owner, &namespace, 2);

    debug(&owner, &namespace, &name);
    release(&owner, &namespace);
    get_refused_and_do_what_the_refusal_says(&owner, &namespace);

    let (_, said) = bulkhead_of(&owner, &["whoami"]);
    assert!(
        said.stdout.contains("pods ") && said.stdout.contains(&format!("{namespace}: ready")),
        "{said:?}"
    );

    // The end of the day.
    ok(&["delete", "deployment,statefulset,service,configmap,networkpolicy", "-l", "day=one"]);
    for name in [&namespace, "tenant-ow-day-shop"] {
        owner.ok(&["delete", "namespace", name, "--timeout=60s"]).unwrap();
    }
    until(|| {
        let (_, said) = bulkhead_of(&owner, &["whoami", "-o", "json"]);
        serde_json::from_str::<Value>(&said.stdout).unwrap()["tenants"][0]["namespaces"] == json!([])
    });
}

fn deploy(owner: &Kubectl, namespace: &str) {
    let of_the_day =
        |object: Value| changed(object, |object| object["metadata"]["labels"] = json!({ "day": "one" }));
    let store = changed(objects::deployment(namespace, "store"), |object| {
        object["kind"] = json!("StatefulSet");
        object["spec"]["serviceName"] = json!("store");
    });
    let service = json!({ "selector": { "app": "web" }, "ports": [{ "port": 80, "targetPort": 8080 }] });
    let policy =
        json!({ "ingress": [{ "from": [{ "podSelector": { "matchLabels": { "app": "store" } } }] }] });
    let settings = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "web", "namespace": namespace }, "data": {},
    });
    // No pod ever becomes ready here, so a rolling update would not end.
    let web = changed(objects::deployment(namespace, "web"), |object| {
        object["spec"]["strategy"] = json!({ "type": "Recreate" });
    });
    let folder = [
        web,
        store,
        objects::object("v1", "Service", namespace, "web", &service),
        settings,
        objects::network_policy(namespace, "web-from-store", &policy),
    ];
    expect_admitted(&apply(owner, &objects::list(folder.map(of_the_day))));
    pod(owner, namespace, 1);
}

/// A release of a chart, from its installation to its removal.
fn release(owner: &Kubectl, namespace: &str) {
    let helm = Helm::new(owner.clone());
    let here = ["-n", namespace];
    let helm_ok = |arguments: &[&str]| helm.ok(&[arguments, &here].concat()).unwrap();
    let service = json!({ "selector": { "app": "shop" }, "ports": [{ "port": 80, "targetPort": 8080 }] });
    let objects = [objects::deployment("", "shop"), objects::object("v1", "Service", "", "shop", &service)];
    let chart = chart(&objects).display().to_string();
    let image = || {
        jsonpath(
            owner,
            &[&["deployment", "shop"], &here[..]].concat(),
            "{.spec.template.spec.containers[0].image}",
        )
    };
    helm_ok(&["install", "shop", &chart]);
    helm_ok(&["upgrade", "shop", &chart, "--set", "image=registry.example.com/app:2"]);
    assert_eq!(image(), "registry.example.com/app:2");
    helm_ok(&["rollback", "shop", "1"]);
    assert_eq!(image(), "registry.example.com/app:1");
    helm_ok(&["uninstall", "shop"]);
}

/// Nothing runs here: the API server authorizes and admits each call, and then finds no node.
fn debug(owner: &Kubectl, namespace: &str, pod: &str) {
    let image = "--image=registry.example.com/tools:1";
    let debug =
        ["debug", pod, image, "--target=app", "--profile=restricted", "-c", "tools", "--attach=false"];
    owner.ok(&[&debug[..], &["-n", namespace]].concat()).unwrap();
    let containers = jsonpath(owner, &["pod", pod, "-n", namespace], "{.spec.ephemeralContainers[*].name}");
    assert_eq!(containers, "tools");
    for call in [
        &["logs", pod, "-c", "app"][..],
        &["exec", pod, "-c", "app", "--", "true"],
        &["attach", pod, "-c", "tools"],
        &["port-forward", pod, "8080"],
    ] {
        let said = owner.run(&[&["-n", namespace], call].concat()).unwrap();
        let is_refused = said.stderr.contains("orbidden") || !denied_by(&said.stderr).is_empty();
        assert!(!is_refused, "{call:?}: {said:?}");
    }
    let said = owner.run(&["exec", pod, "-n", namespace, "-c", "istio-proxy", "--", "true"]).unwrap();
    expect_refused(&said, &[("BH314", "container")]);
    owner.ok(&["create", "serviceaccount", "deployer", "-n", namespace]).unwrap();
    owner.ok(&["create", "token", "deployer", "-n", namespace]).unwrap();
}

fn get_refused_and_do_what_the_refusal_says(owner: &Kubectl, namespace: &str) {
    let quiet = changed(objects::deployment(namespace, "quiet"), |object| {
        object["spec"]["template"]["metadata"]["labels"]["sidecar.istio.io/inject"] = json!("false");
    });
    let label = "spec.template.metadata.labels[sidecar.istio.io/inject]";
    expect_refused(&apply(owner, &quiet), &[("BH302", label)]);
    expect_admitted(&apply(owner, &objects::deployment(namespace, "quiet")));

    let anyone = json!({ "ingress": [{ "from": [{ "namespaceSelector": {} }] }] });
    let policy = objects::network_policy(namespace, "open", &anyone);
    expect_refused(&apply(owner, &policy), &[("BH501", "spec.ingress[0].from[0].namespaceSelector")]);
    let own = json!({ "ingress": [{ "from": [{ "podSelector": {} }] }] });
    expect_admitted(&apply(owner, &objects::network_policy(namespace, "open", &own)));

    expect_refused(&apply(owner, &objects::token_secret(namespace, "token")), &[("BH404", "type")]);
    owner.ok(&["create", "token", "default", "-n", namespace]).unwrap();

    let traces = json!({ "tracing": [{ "randomSamplingPercentage": 10 }] });
    expect_refused(&apply(owner, &objects::telemetry(namespace, "traces", &traces)), &[("BH204", "spec")]);
    let selected = changed(traces, |spec| spec["selector"] = json!({ "matchLabels": { "app": "web" } }));
    expect_admitted(&apply(owner, &objects::telemetry(namespace, "traces", &selected)));

    let said = owner.run(&["create", "namespace", "ow-day-shop"]).unwrap();
    expect_refused(&said, &[("BH104", "metadata.name")]);
    owner.ok(&["create", "namespace", "tenant-ow-day-shop"]).unwrap();
    wait_until_ready(owner, "tenant-ow-day-shop");
}
