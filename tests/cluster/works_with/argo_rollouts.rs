//! Argo Rollouts, whose controller creates ReplicaSets from a Rollout, and moves traffic to them.

use bulkhead_harness::kubectl::Kubectl;
use serde_json::{Value, json};
use support::objects::{changed, schemaless_crd, tenant};
use support::refusal::{expect_admitted, expect_refused};
use support::wait::until;

use super::{CREATE, NAMESPACE, SERVER_SIDE_APPLY, Stage, has_proxy, wait_until_bound, write};

/// The rights of the controller's ClusterRole, as far as it uses them here.
fn rights() -> Value {
    let all = json!(["create", "get", "list", "watch", "update", "patch", "delete"]);
    json!([
        { "apiGroups": ["apps"], "resources": ["replicasets"], "verbs": all },
        { "apiGroups": [""], "resources": ["services"], "verbs": ["get", "list", "watch", "patch", "create", "delete"] },
        {
            "apiGroups": ["networking.istio.io"], "resources": ["virtualservices", "destinationrules"],
            "verbs": ["watch", "get", "update", "patch", "list"],
        },
        { "apiGroups": ["argoproj.io"], "resources": ["rollouts", "rollouts/status"], "verbs": ["get", "list", "watch", "update", "patch"] },
    ])
}

/// Serves the kind, and creates the tenant and its namespace; returns the owner, who may write the kind.
fn prepare(stage: &Stage) -> Kubectl {
    let admin = stage.admin();
    admin.apply(&schemaless_crd("argoproj.io", "v1alpha1", "Rollout").to_string()).unwrap();
    stage.apply("rollouts-for-tenants.yaml");
    let owners = json!({ "owners": [{ "kind": "Group", "name": "acme-developers" }] });
    admin.apply(&tenant("acme", &owners).to_string()).unwrap();
    let owner = stage.owner();
    stage.create_namespace(&owner);
    wait_until_bound(&owner);
    let can = ["auth", "can-i", "create", "rollouts.argoproj.io", "-n", NAMESPACE];
    until(|| owner.run(&can).unwrap().success);
    owner
}

/// The ReplicaSet that the controller creates for the Rollout.
fn replica_set(rollout: &Value) -> Value {
    let hash = json!({ "rollouts-pod-template-hash": "6c54544bf9" });
    let mut labels = rollout["spec"]["selector"]["matchLabels"].clone();
    json_patch::merge(&mut labels, &hash);
    let mut template = rollout["spec"]["template"].clone();
    json_patch::merge(&mut template["metadata"]["labels"], &hash);
    let metadata = &rollout["metadata"];
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": format!("{}-6c54544bf9", metadata["name"].as_str().unwrap()), "namespace": NAMESPACE,
            "labels": labels, "annotations": { "rollout.argoproj.io/revision": "1" },
            "ownerReferences": [{
                "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": metadata["name"],
                "uid": metadata["uid"], "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "spec": { "replicas": 1, "selector": { "matchLabels": labels }, "template": template },
    })
}

fn stored(admin: &Kubectl, kind: &str, name: &str) -> Value {
    serde_json::from_str(&admin.ok(&["get", kind, name, "-n", NAMESPACE, "-o", "json"]).unwrap()).unwrap()
}

fn opted_out(rollout: Value) -> Value {
    changed(rollout, |rollout| {
        rollout["metadata"]["name"] = json!("opted-out");
        rollout["spec"]["template"]["metadata"]["labels"]["sidecar.istio.io/inject"] = json!("false");
    })
}

const OPT_OUT: [(&str, &str); 1] = [("BH302", "spec.template.metadata.labels[sidecar.istio.io/inject]")];

#[test]
fn controller_creates_replica_sets_and_moves_traffic() {
    let mut stage = Stage::of("argo_rollouts");
    stage.apply_settings();
    let owner = prepare(&stage);
    let admin = stage.admin();
    for object in stage.documents("rollout.yaml") {
        expect_admitted(&write(&owner, &SERVER_SIDE_APPLY, &object));
    }
    let rollout = stage.document("rollout.yaml", "Rollout");
    // The API server asks the webhook about the kind a moment after the settings list it.
    let bad = opted_out(rollout.clone());
    until(|| !write(&owner, &["create", "--dry-run=server", "-f", "-"], &bad).success);
    expect_refused(&write(&owner, &CREATE, &bad), &OPT_OUT);

    let controller = stage.account("argo-rollouts", "argo-rollouts", &rights());
    let set = replica_set(&stored(&admin, "rollout", "shop"));
    expect_admitted(&write(&controller, &CREATE, &set));
    let pod = stage.pod("rollouts-pod-template-hash=6c54544bf9");
    assert!(has_proxy(&pod));

    let canary = &rollout["spec"]["strategy"]["canary"];
    for service in ["stableService", "canaryService"] {
        let selector = json!({
            "metadata": { "annotations": { "argo-rollouts.argoproj.io/managed-by-rollouts": "shop" } },
            "spec": { "selector": { "rollouts-pod-template-hash": "6c54544bf9" } },
        });
        let name = canary[service].as_str().unwrap();
        let patch =
            ["patch", "service", name, "-n", NAMESPACE, "--type=strategic", "-p", &selector.to_string()];
        expect_admitted(&controller.run(&patch).unwrap());
    }
    let name = canary["trafficRouting"]["istio"]["virtualService"]["name"].as_str().unwrap();
    let weighted = changed(stored(&admin, "virtualservice", name), |routes| {
        routes["spec"]["http"][0]["route"][0]["weight"] = json!(80);
        routes["spec"]["http"][0]["route"][1]["weight"] = json!(20);
    });
    expect_admitted(&write(&controller, &["replace", "-f", "-"], &weighted));
}

#[test]
fn bad_template_of_a_rollout_is_refused_at_its_replica_set_without_the_setting() {
    let stage = Stage::of("argo_rollouts");
    let owner = prepare(&stage);
    let bad = opted_out(stage.document("rollout.yaml", "Rollout"));
    until(|| write(&owner, &CREATE, &bad).success);
    let controller = stage.account("argo-rollouts", "argo-rollouts", &rights());
    let set = replica_set(&stored(&stage.admin(), "rollout", "opted-out"));
    expect_refused(&write(&controller, &CREATE, &set), &OPT_OUT);
}
