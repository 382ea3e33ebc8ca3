//! Rancher, whose controllers write projects into namespaces.

use serde_json::{Value, json};
use support::objects::{network_policy, object, tenant};
use support::refusal::{Violation, expect_admitted, expect_refused};
use support::wait::until;

use super::{CREATE, NAMESPACE, SERVER_SIDE_APPLY, Stage, everything, write};

const PROJECT: &str = "field.cattle.io/projectId";

fn prepare(stage: &Stage) {
    let owners = json!({ "owners": [{ "kind": "Group", "name": "acme-developers" }] });
    stage.admin().apply(&tenant("acme", &owners).to_string()).unwrap();
}

/// A merge patch of the namespace, as Rancher's controllers update it.
fn update(kubectl: &bulkhead_harness::kubectl::Kubectl, metadata: &Value) -> bulkhead_harness::kubectl::Said {
    let patch = json!({ "metadata": metadata }).to_string();
    kubectl.run(&["patch", "namespace", NAMESPACE, "--type=merge", "-p", &patch]).unwrap()
}

/// The writes of Rancher for a namespace in a project, each with the violations without the settings.
fn writes() -> Vec<(Value, Vec<Violation<'static>>)> {
    vec![
        (
            json!({ "annotations": {
                "cattle.io/status": "{}", "lifecycle.cattle.io/create.namespace-auth": "true",
                "management.cattle.io/no-default-sa-token": "true",
            } }),
            vec![],
        ),
        (
            json!({ "annotations": { PROJECT: "local:p-7xk2d" } }),
            vec![("BH103", "metadata.annotations[field.cattle.io/projectId]")],
        ),
        (
            json!({ "labels": { PROJECT: "p-7xk2d" } }),
            vec![("BH103", "metadata.labels[field.cattle.io/projectId]")],
        ),
        (
            json!({ "finalizers": ["controller.cattle.io/namespace-auth"] }),
            vec![("BH105", "metadata.finalizers[0]")],
        ),
    ]
}

/// The RoleBinding for a member of the project.
fn member() -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {
            "name": "rb-qwn4h", "namespace": NAMESPACE,
            "labels": { "authz.cluster.cattle.io/rtb-owner-updated": "p-7xk2d_prtb-1" },
        },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit" },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "u-4xkzp" }],
    })
}

#[test]
fn accounts_of_rancher_add_a_namespace_to_a_project_only_if_they_are_listed() {
    let mut stage = Stage::of("rancher");
    prepare(&stage);
    stage.create_namespace(&stage.owner());
    let accounts = ["rancher", "cattle"].map(|name| stage.account("cattle-system", name, &everything()));
    for (metadata, violations) in writes() {
        let said = update(&accounts[0], &metadata);
        if violations.is_empty() {
            expect_admitted(&said);
        } else {
            expect_refused(&said, &violations);
        }
    }
    expect_refused(&write(&accounts[0], &CREATE, &member()), &[("BH903", "subjects[0]")]);

    stage.apply_settings();
    for account in &accounts {
        for (metadata, _) in writes() {
            until(|| update(account, &metadata).success);
        }
        let none =
            json!({ "annotations": { PROJECT: null }, "labels": { PROJECT: null }, "finalizers": null });
        expect_admitted(&update(account, &none));
    }
    expect_admitted(&write(&accounts[0], &SERVER_SIDE_APPLY, &member()));

    // The policy and the limits of a project stay refused.
    let peers = json!([{ "namespaceSelector": { "matchLabels": { PROJECT: "p-7xk2d" } } }]);
    let isolation = network_policy(NAMESPACE, "np-default", &json!({ "ingress": [{ "from": peers }] }));
    let path = "spec.ingress[0].from[0].namespaceSelector";
    expect_refused(&write(&accounts[0], &CREATE, &isolation), &[("BH501", path)]);
    let limits = json!({ "limits": [{ "type": "Container", "default": { "cpu": "1" } }] });
    let limits = object("v1", "LimitRange", NAMESPACE, "default-p9x4k", &limits);
    let said = write(&accounts[0], &CREATE, &limits);
    assert!(!said.success && said.stderr.contains("BH204"), "{said:?}");
}

#[test]
fn owner_creates_a_namespace_outside_projects_and_rancher_moves_it() {
    let mut stage = Stage::of("rancher");
    stage.apply_settings();
    prepare(&stage);
    let owner = stage.owner();
    let in_project = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": {
        "name": NAMESPACE, "annotations": { PROJECT: "local:p-7xk2d" },
    } });
    until(|| {
        !write(&owner, &["create", "--dry-run=server", "-f", "-"], &in_project).stderr.contains("BH104")
    });
    let annotation = [("BH103", "metadata.annotations[field.cattle.io/projectId]")];
    expect_refused(&write(&owner, &CREATE, &in_project), &annotation);
    stage.create_namespace(&owner);
    let rancher = stage.account("cattle-system", "rancher", &everything());
    expect_admitted(&update(&rancher, &json!({ "annotations": { PROJECT: "local:p-7xk2d" } })));
}
