//! Flux, whose controllers apply what a tenant's Kustomization says as an account of the tenant.

use serde_json::{Value, json};
use support::objects::{changed, deployment, object, schemaless_crd, tenant};
use support::refusal::{expect_admitted, expect_refused, refused};
use support::wait::until;

use super::{NAMESPACE, SERVER_SIDE_APPLY, Stage, everything, has_proxy, wait_until_bound, write};

const GROUP: &str = "kustomize.toolkit.fluxcd.io";

/// Serves the kinds of Flux, creates the tenant and its namespace, and returns once the owner may write the kinds.
fn prepare(stage: &Stage) {
    let admin = stage.admin();
    for (group, version, kind) in
        [(GROUP, "v1", "Kustomization"), ("helm.toolkit.fluxcd.io", "v2", "HelmRelease")]
    {
        admin.apply(&schemaless_crd(group, version, kind).to_string()).unwrap();
    }
    stage.apply("flux-for-tenants.yaml");
    let owners = json!({ "owners": [{ "kind": "Group", "name": "acme-developers" }] });
    admin.apply(&tenant("acme", &owners).to_string()).unwrap();
    let owner = stage.owner();
    stage.create_namespace(&owner);
    wait_until_bound(&owner);
    let can = ["auth", "can-i", "create", &format!("kustomizations.{GROUP}"), "-n", NAMESPACE];
    until(|| owner.run(&can).unwrap().success);
}

/// The object as the kustomize-controller applies it.
fn of_kustomization(object: Value) -> Value {
    changed(object, |object| {
        object["metadata"]["labels"] = json!({
            "kustomize.toolkit.fluxcd.io/name": "shop", "kustomize.toolkit.fluxcd.io/namespace": NAMESPACE,
        });
    })
}

#[test]
fn account_of_the_kustomization_deploys_in_its_tenant_alone() {
    let mut stage = Stage::of("flux");
    stage.apply_settings();
    prepare(&stage);
    let owner = stage.owner();
    owner.apply(stage.file("flux.yaml")).unwrap();
    let kustomization = stage.document("flux.yaml", "Kustomization");
    let account = kustomization["spec"]["serviceAccountName"].as_str().unwrap();
    let impersonated = format!("--as=system:serviceaccount:{NAMESPACE}:{account}");
    let controller = stage.account("flux-system", "kustomize-controller", &everything());
    let apply = [&SERVER_SIDE_APPLY[..], &["--field-manager=kustomize-controller", &impersonated]].concat();

    let web = of_kustomization(deployment(NAMESPACE, "web"));
    until(|| write(&controller, &apply, &web).success);
    assert!(has_proxy(&stage.pod("app=web")));
    expect_admitted(&write(&controller, &apply, &web));
    let open = of_kustomization(object(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        NAMESPACE,
        "open",
        &json!({ "podSelector": {}, "ingress": [{}] }),
    ));
    expect_refused(&write(&controller, &apply, &open), &[("BH501", "spec.ingress[0]")]);
    let prune = ["delete", "deployment", "web", "-n", NAMESPACE, &impersonated];
    expect_admitted(&controller.run(&prune).unwrap());

    // With every right, the account is still of its tenant.
    let other = json!({ "owners": [{ "kind": "Group", "name": "beta-developers" }] });
    let admin = stage.admin();
    admin.apply(&tenant("beta", &other).to_string()).unwrap();
    let labelled = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": {
        "name": "tenant-beta", "labels": { "bulkhead.dev/tenant": "beta" },
    } });
    until(|| write(&admin, &SERVER_SIDE_APPLY, &labelled).success);
    let powerful = stage.account(NAMESPACE, account, &everything());
    let foreign = of_kustomization(deployment("tenant-beta", "web"));
    expect_refused(&write(&powerful, &SERVER_SIDE_APPLY, &foreign), &[("BH113", "metadata.namespace")]);

    // Flux's own account acts for no tenant.
    let name = ["create", "namespace", "tenant-acme-more"];
    refused(&controller, &name, "", &[("BH104", "metadata.name")]);
}

#[test]
fn kustomization_is_refused_where_the_settings_reserve_the_kind() {
    let mut stage = Stage::of("flux");
    let reserved = stage.file("settings.yaml").replace("reviewedKinds", "reservedKinds");
    stage.change_settings(&reserved);
    prepare(&stage);
    let kustomization = stage.document("flux.yaml", "Kustomization");
    let said = || write(&stage.owner(), &SERVER_SIDE_APPLY, &kustomization);
    until(|| said().stderr.contains("BH905"));
    expect_refused(&said(), &[("BH905", "kind")]);
}
