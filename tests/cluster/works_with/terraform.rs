//! Terraform's provider for Kubernetes, as an account of a tenant and as the platform's.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use support::cluster::namespace_labels;
use support::objects::deployment;
use support::refusal::{expect_admitted, expect_refused, warnings};
use support::wait::until;

use super::{CREATE, NAMESPACE, SERVER_SIDE_APPLY, Stage, everything, has_proxy, wait_until_bound, write};

/// The rights of the account beside those of an owner: none. The rule only lets it ask for its permissions.
fn none() -> Value {
    json!([{ "apiGroups": [""], "resources": ["bindings"], "verbs": ["get"] }])
}

/// True if a regular expression of the page, which begins with `^` and may end with `$`, matches the key.
fn ignores(expression: &str, key: &str) -> bool {
    let text = expression.replace("\\\\.", ".");
    let text = text.strip_prefix('^').unwrap();
    text.strip_suffix('$').map_or_else(|| key.starts_with(text), |whole| key == whole)
}

/// The labels that the provider ignores.
fn ignored(file: &str) -> Vec<&str> {
    let (_, list) = file.split_once("ignore_labels = [").unwrap();
    list.split_once(']').unwrap().0.split('"').skip(1).step_by(2).collect()
}

#[test]
fn account_of_a_tenant_manages_its_namespace() {
    let mut stage = Stage::of("terraform");
    stage.apply_settings();
    stage.apply("tenant.yaml");
    let terraform = stage.account("pipelines", "acme", &none());
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": {
        "name": NAMESPACE, "labels": { "team": "shop" },
    } });
    until(|| write(&terraform, &CREATE, &namespace).success);
    stage.wait_until_ready();

    // The page ignores exactly the labels that the webhook added.
    let expressions = ignored(stage.file("provider.tf"));
    let labels = namespace_labels(&stage.admin(), NAMESPACE);
    let drift: BTreeSet<String> = labels
        .as_object()
        .unwrap()
        .keys()
        .filter(|key| !expressions.iter().any(|expression| ignores(expression, key)))
        .cloned()
        .collect();
    assert_eq!(drift, BTreeSet::from(["team".to_owned()]));
    assert_eq!(labels.as_object().unwrap().len(), 4, "{labels}");

    // Otherwise the provider removes them, and the webhook restores them.
    let removed = json!([
        { "op": "remove", "path": "/metadata/labels/bulkhead.dev~1tenant" },
        { "op": "remove", "path": "/metadata/labels/istio-injection" },
        { "op": "remove", "path": "/metadata/labels/tenant" },
    ]);
    let patch = ["patch", "namespace", NAMESPACE, "--type=json", "-p", &removed.to_string()];
    let said = terraform.run(&patch).unwrap();
    assert!(said.success && warnings(&said.stderr).len() == 3, "{said:?}");
    assert_eq!(namespace_labels(&stage.admin(), NAMESPACE), labels);

    wait_until_bound(&terraform);
    expect_admitted(&write(&terraform, &CREATE, &deployment(NAMESPACE, "web")));
    assert!(has_proxy(&stage.pod("app=web")));
    let scaled = json!([{ "op": "replace", "path": "/spec/replicas", "value": 2 }]).to_string();
    let patch = ["patch", "deployment", "web", "-n", NAMESPACE, "--type=json", "-p", &scaled];
    expect_admitted(&terraform.run(&patch).unwrap());

    let automounted = json!({ "automountServiceAccountToken": true }).to_string();
    let patch = ["patch", "serviceaccount", "default", "-n", NAMESPACE, "--type=merge", "-p", &automounted];
    expect_refused(&terraform.run(&patch).unwrap(), &[("BH202", "automountServiceAccountToken")]);
    terraform.ok(&["delete", "namespace", NAMESPACE, "--timeout=60s"]).unwrap();
}

#[test]
fn account_of_the_platform_writes_tenants_only_if_it_is_listed() {
    let mut stage = Stage::of("terraform");
    let terraform = stage.account("pipelines", "platform", &everything());
    let mut tenant = stage.document("tenant.yaml", "Tenant");
    // The other recipes' Tenant has fields that kubectl manages.
    tenant["metadata"]["name"] = json!("terraformed");
    let arguments = [&SERVER_SIDE_APPLY[..], &["--field-manager=Terraform"]].concat();
    expect_refused(&write(&terraform, &arguments, &tenant), &[("BH901", "metadata")]);
    stage.apply_settings();
    expect_admitted(&write(&terraform, &arguments, &tenant));
}
