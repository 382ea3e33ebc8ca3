//! Velero restores a tenant's namespace from the objects that it had, as Velero changes them.

use std::collections::BTreeSet;

use bulkhead_harness::kubectl::Kubectl;
use serde_json::{Value, json};
use support::cluster::namespace_labels;
use support::objects::{changed, deployment, object, pod, tenant};
use support::refusal::{expect_admitted, expect_refused, violations};

use super::{CREATE, NAMESPACE, Stage, everything, has_proxy, wait_until_bound, write};

/// Kinds of the backup in the order in which Velero restores them.
const ORDER: [&str; 11] = [
    "persistentvolumeclaims",
    "serviceaccounts",
    "secrets",
    "configmaps",
    "limitranges",
    "pods",
    "replicasets.apps",
    "deployments.apps",
    "networkpolicies.networking.k8s.io",
    "resourcequotas",
    "services",
];

/// The object as Velero restores it: without the fields that the cluster sets and without owners, with its own labels.
fn restored(mut object: Value) -> Value {
    object.as_object_mut().unwrap().remove("status");
    let metadata = object["metadata"].as_object_mut().unwrap();
    for field in
        ["uid", "resourceVersion", "generation", "creationTimestamp", "ownerReferences", "generateName"]
    {
        metadata.remove(field);
    }
    let labels = metadata.entry("labels").or_insert_with(|| json!({}));
    labels["velero.io/backup-name"] = json!("acme");
    labels["velero.io/restore-name"] = json!("acme");
    if object["kind"] == "Pod" {
        let spec = object["spec"].as_object_mut().unwrap();
        spec.remove("nodeName");
        spec.remove("priority");
    }
    object
}

/// The objects of the namespace.
fn backup(admin: &Kubectl) -> Vec<Value> {
    let objects = ORDER.iter().flat_map(|resource| {
        let list = admin.ok(&["get", resource, "-n", NAMESPACE, "-o", "json"]).unwrap();
        serde_json::from_str::<Value>(&list).unwrap()["items"].as_array().unwrap().clone()
    });
    objects.collect()
}

/// True if the Restore of the page includes the object.
fn is_included(restore: &Value, object: &Value) -> bool {
    let excluded: BTreeSet<&str> = restore["spec"]["excludedResources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|resource| resource.as_str().unwrap().split('.').next().unwrap())
        .collect();
    let kind = object["kind"].as_str().unwrap().to_lowercase();
    let selector = &restore["spec"]["labelSelector"]["matchExpressions"][0];
    assert_eq!(selector["operator"], "NotIn");
    let label = &object["metadata"]["labels"][selector["key"].as_str().unwrap()];
    !excluded.contains(&*format!("{kind}s")) && !selector["values"].as_array().unwrap().contains(label)
}

/// Creates a Deployment, a Service, a claim that is bound to a volume, and a pod without a workload.
fn fill(owner: &Kubectl) {
    let claim = object(
        "v1",
        "PersistentVolumeClaim",
        NAMESPACE,
        "data",
        &json!({
            "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } },
        }),
    );
    let service = json!({ "selector": { "app": "web" }, "ports": [{ "port": 80, "targetPort": 8080 }] });
    let bare = changed(pod(NAMESPACE), |pod| pod["metadata"]["labels"] = json!({ "app": "bare" }));
    for object in
        [claim, object("v1", "Service", NAMESPACE, "web", &service), deployment(NAMESPACE, "web"), bare]
    {
        expect_admitted(&write(owner, &CREATE, &object));
    }
}

/// Lets the claim go: the controller that does so in a cluster does not run here.
fn release_claim(admin: &Kubectl) {
    let patch = ["patch", "pvc", "data", "-n", NAMESPACE, "--type=merge", "-p"];
    let none = json!({ "metadata": { "finalizers": null } }).to_string();
    admin.ok(&[&patch[..], &[&none]].concat()).unwrap();
}

#[test]
fn namespace_is_restored_with_its_labels_and_gets_the_baseline() {
    let mut stage = Stage::of("velero");
    let admin = stage.admin();
    let owners = json!({ "owners": [{ "kind": "Group", "name": "acme-developers" }] });
    admin.apply(&tenant("acme", &owners).to_string()).unwrap();
    let owner = stage.owner();
    stage.create_namespace(&owner);
    wait_until_bound(&owner);
    fill(&owner);
    stage.pod("app=web");
    let namespace: Value =
        serde_json::from_str(&admin.ok(&["get", "namespace", NAMESPACE, "-o", "json"]).unwrap()).unwrap();
    let mut objects = backup(&admin);
    let claim = objects.iter_mut().find(|object| object["kind"] == "PersistentVolumeClaim").unwrap();
    claim["spec"]["volumeName"] = json!("pvc-1");
    release_claim(&admin);
    admin.ok(&["delete", "namespace", NAMESPACE, "--timeout=120s"]).unwrap();

    // The account that no settings list creates neither the namespace nor the claim.
    let velero = stage.account("velero", "velero", &everything());
    // Velero keeps the labels of a namespace, and adds none.
    let namespace = changed(restored(namespace), |namespace| {
        let labels = namespace["metadata"]["labels"].as_object_mut().unwrap();
        labels.retain(|key, _| !key.starts_with("velero.io/"));
    });
    let said = write(&velero, &CREATE, &namespace);
    assert!(violations(&said.stderr).contains(&("BH104", "metadata.name")), "{said:?}");

    stage.apply_settings();
    let labels = namespace["metadata"]["labels"].clone();
    expect_admitted(&write(&velero, &CREATE, &namespace));
    let restore = stage.document("restore.yaml", "Restore");
    let claims = objects.iter().filter(|object| object["kind"] == "PersistentVolumeClaim");
    assert_eq!(claims.filter(|claim| is_included(&restore, claim)).count(), 1);
    for object in objects.iter().filter(|object| is_included(&restore, object)) {
        let said = write(&velero, &CREATE, &restored(object.clone()));
        // Kubernetes and Istio create some objects in every namespace.
        assert!(said.success || said.stderr.contains("AlreadyExists"), "{object}: {said:?}");
    }
    release_claim(&admin);
    stage.wait_until_ready();
    let now = namespace_labels(&admin, NAMESPACE);
    assert!(now.as_object().unwrap().iter().all(|(key, value)| labels[key] == *value), "{now} {labels}");
    assert!(has_proxy(&stage.pod("app=web")));

    // Objects of the baseline and endpoints cannot be restored; the page leaves them out.
    let quota = objects.iter().find(|object| object["metadata"]["name"] == "default-deny-all").unwrap();
    assert!(!is_included(&restore, quota));
    let said = write(&velero, &["replace", "-f", "-"], &restored(quota.clone()));
    assert!(violations(&said.stderr).iter().all(|(code, _)| *code == "BH202") && !said.success, "{said:?}");
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": { "name": "web-x", "namespace": NAMESPACE, "labels": {
            "kubernetes.io/service-name": "web", "velero.io/restore-name": "acme",
        } },
        "addressType": "IPv4", "endpoints": [{ "addresses": ["10.1.2.3"] }], "ports": [{ "port": 8080 }],
    });
    let said = write(&velero, &CREATE, &slice);
    assert!(!said.success && violations(&said.stderr).iter().all(|(code, _)| *code == "BH803"), "{said:?}");

    // A pod that was injected already is admitted with the proxy of today's mesh, and only with it.
    let bare = objects.iter().find(|object| object["metadata"]["name"] == "app").unwrap();
    assert!(has_proxy(bare));
    let said = write(&velero, &CREATE, &restored(bare.clone()));
    expect_admitted(&said);
    admin.ok(&["delete", "pod", "app", "-n", NAMESPACE, "--grace-period=0", "--force"]).unwrap();
    let with_helper = changed(restored(bare.clone()), |pod| {
        let helper =
            json!({ "name": "restore-wait", "image": "registry.example.com/velero:1", "args": ["uid"] });
        pod["spec"]["initContainers"].as_array_mut().unwrap().insert(0, helper);
    });
    expect_admitted(&write(&velero, &CREATE, &with_helper));
}

#[test]
fn claim_with_its_volume_is_refused_to_an_account_that_is_not_listed() {
    let mut stage = Stage::of("velero");
    let owners = json!({ "owners": [{ "kind": "Group", "name": "acme-developers" }] });
    stage.admin().apply(&tenant("acme", &owners).to_string()).unwrap();
    stage.create_namespace(&stage.owner());
    let velero = stage.account("velero", "velero", &everything());
    let claim = object(
        "v1",
        "PersistentVolumeClaim",
        NAMESPACE,
        "data",
        &json!({
            "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } },
            "volumeName": "pvc-1",
        }),
    );
    let (dry, claim) = (["create", "--dry-run=server", "-f", "-"], restored(claim));
    expect_refused(&write(&velero, &dry, &claim), &[("BH321", "spec.volumeName")]);
    stage.apply_settings();
    expect_admitted(&write(&velero, &dry, &claim));
}
