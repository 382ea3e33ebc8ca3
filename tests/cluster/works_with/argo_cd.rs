//! Argo CD, with one account for all tenants and with an account for each.

use serde_json::{Value, json};
use support::objects::{changed, deployment, network_policy, tenant};
use support::refusal::{expect_admitted, expect_refused, refused};
use support::wait::until;

use super::{APPLY, NAMESPACE, SERVER_SIDE_APPLY, Stage, everything, has_proxy, write};

/// The account that Argo CD impersonates for the project, as a username.
fn impersonated(project: &Value) -> String {
    let entry = &project["spec"]["destinationServiceAccounts"][0];
    format!("system:serviceaccount:{}", entry["defaultServiceAccount"].as_str().unwrap())
}

/// A namespace with `managedNamespaceMetadata`, which Argo CD applies by server-side apply.
fn managed_namespace(labels: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {
            "name": NAMESPACE, "labels": labels,
            "annotations": { "argocd.argoproj.io/sync-options": "ServerSideApply=true" },
        },
    })
}

fn tracked(object: Value) -> Value {
    changed(object, |object| {
        let id = format!("shop:{}:{NAMESPACE}/{}", object["kind"], object["metadata"]["name"]);
        object["metadata"]["annotations"] = json!({ "argocd.argoproj.io/tracking-id": id });
    })
}

#[test]
fn account_of_the_project_deploys_and_the_shared_one_creates_no_namespace() {
    let stage = Stage::of("argo_cd");
    let controller = stage.account("argocd", "argocd-application-controller", &everything());
    let files = stage.documents("argo-cd.yaml");
    for file in files.iter().filter(|file| file["kind"] != "AppProject") {
        stage.admin().apply(&file.to_string()).unwrap();
    }
    let project = stage.document("argo-cd.yaml", "AppProject");
    let as_deployer = format!("--as={}", impersonated(&project));
    let sync = |arguments: &[&str], object: &Value| {
        write(&controller, &[arguments, &[&as_deployer]].concat(), object)
    };

    // The shared account acts for no tenant.
    let plain = managed_namespace(&json!({ "team": "shop" }));
    refused(&controller, &SERVER_SIDE_APPLY, &plain.to_string(), &[("BH104", "metadata.name")]);
    let labelled = managed_namespace(&json!({ "bulkhead.dev/tenant": "acme" }));
    let foreign = [("BH102", "metadata.labels[bulkhead.dev/tenant]"), ("BH104", "metadata.name")];
    refused(&controller, &SERVER_SIDE_APPLY, &labelled.to_string(), &foreign);

    // The account of the project creates the namespace, with an owner's rights alone.
    until(|| sync(&SERVER_SIDE_APPLY, &plain).success);
    stage.wait_until_ready();
    let can = ["auth", "can-i", "create", "deployments", "-n", NAMESPACE, &as_deployer];
    until(|| controller.run(&can).unwrap().success);
    let namespace =
        controller.ok(&["get", "namespace", NAMESPACE, "-o", "jsonpath={.metadata.labels}"]).unwrap();
    let namespace: Value = serde_json::from_str(&namespace).unwrap();
    assert_eq!((&namespace["bulkhead.dev/tenant"], &namespace["team"]), (&json!("acme"), &json!("shop")));

    let web = tracked(deployment(NAMESPACE, "web"));
    expect_admitted(&sync(&APPLY, &web));
    assert!(has_proxy(&stage.pod("app=web")));
    expect_admitted(&sync(&APPLY, &web));
    expect_admitted(&sync(&SERVER_SIDE_APPLY, &plain));
    expect_admitted(&sync(&["delete", "-f", "-"], &web));

    // Neither account takes over the baseline.
    let deny = tracked(network_policy(NAMESPACE, "default-deny-all", &json!({})));
    for said in [sync(&SERVER_SIDE_APPLY, &deny), write(&controller, &SERVER_SIDE_APPLY, &deny)] {
        assert!(!said.success && said.stderr.contains("BH202"), "{said:?}");
    }

    // Without impersonation Argo CD deploys to namespaces that exist, by the same rules.
    expect_admitted(&write(&controller, &APPLY, &web));
    let opted_out = changed(web, |web| {
        web["spec"]["template"]["metadata"]["labels"]["sidecar.istio.io/inject"] = json!("false");
    });
    let opt_out = [("BH302", "spec.template.metadata.labels[sidecar.istio.io/inject]")];
    expect_refused(&write(&controller, &APPLY, &opted_out), &opt_out);
}

#[test]
fn account_of_another_tenant_is_refused_whatever_rbac_says() {
    let stage = Stage::of("argo_cd");
    stage.admin().apply(&stage.document("argo-cd.yaml", "Tenant").to_string()).unwrap();
    stage.create_namespace(&stage.owner());
    let deployer = stage.account("argocd", "beta-deployer", &everything());
    let owners =
        json!({ "owners": [{ "kind": "ServiceAccount", "namespace": "argocd", "name": "beta-deployer" }] });
    stage.admin().apply(&tenant("beta", &owners).to_string()).unwrap();
    let web = tracked(deployment(NAMESPACE, "web"));
    until(|| !write(&deployer, &["apply", "--dry-run=server", "-f", "-"], &web).success);
    expect_refused(&write(&deployer, &APPLY, &web), &[("BH113", "metadata.namespace")]);
}
