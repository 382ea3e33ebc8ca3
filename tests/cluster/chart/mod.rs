//! The Helm chart and the kustomizations: rendered, installed, changed, rolled back and uninstalled by the real helm and
//! kubectl, in clusters whose nodes run the pods as their templates state them.

mod installed;
mod kustomize;
mod rendered;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use bulkhead_harness::cluster::folder;
use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::nodes::Nodes;
use bulkhead_harness::program::{NAMESPACE, endpoints};
use serde_json::{Value, json};
use support::documents::example;
use support::objects::{self, changed, tenant};
use support::refusal::expect_refused;
use support::wait::{until, within};
use support::{BINARY, repository};

const TENANT_NAMESPACE: &str = "tenant-acme";

fn chart() -> String {
    repository("deploy/chart").display().to_string()
}

/// Writes an example of docs/install.md, whose first line is `# NAME` or `# NAME with PART`, as `NAME` into a new folder.
/// Returns the folder.
fn documented(title: &str) -> PathBuf {
    let folder = folder("documented").unwrap();
    let name = title.split(' ').next().unwrap();
    fs::write(folder.join(name), example("docs/install.md", title)).unwrap();
    folder
}

/// A cluster without Bulkhead, whose nodes run the pods in its namespace.
fn empty_cluster() -> Nodes {
    let nodes = Nodes::start(&BINARY, NAMESPACE).unwrap();
    nodes.cluster.admin().unwrap().apply(&endpoints().to_string()).unwrap();
    nodes
}

/// Waits until every entry of the webhook configuration fails closed, except the one for the settings, which never does.
fn wait_until_enforced(admin: &Kubectl) {
    let path = r#"jsonpath={.webhooks[?(@.name!="settings.bulkhead.dev")].failurePolicy}"#;
    within(Duration::from_mins(2), || {
        let arguments = ["get", "validatingwebhookconfiguration", "tenant-bulkhead", "-o", path];
        let policies = admin.run(&arguments).unwrap().stdout;
        !policies.is_empty() && policies.split_whitespace().all(|policy| policy == "Fail")
    });
}

/// Creates a tenant and, as its owner with the rights that Bulkhead gives, a namespace; returns the owner after it is ready.
fn member_with_namespace(nodes: &Nodes) -> Kubectl {
    let admin = nodes.cluster.admin().unwrap();
    let owners = json!({ "owners": [{ "kind": "Group", "name": "acme-developers" }] });
    admin.apply(&tenant("acme", &owners).to_string()).unwrap();
    let member = nodes.cluster.certified_user("alice", "acme-developers").unwrap();
    until(|| member.run(&["create", "namespace", TENANT_NAMESPACE]).unwrap().success);
    let condition = "--for=condition=bulkhead.dev/BaselineReady";
    admin.ok(&["wait", condition, "namespace", TENANT_NAMESPACE, "--timeout=60s"]).unwrap();
    // The authorizer learns of the binding a moment later.
    until(|| {
        member.run(&["auth", "can-i", "create", "deployments", "-n", TENANT_NAMESPACE]).unwrap().success
    });
    member
}

/// A Deployment that rule BH301 refuses.
fn bad_deployment() -> Value {
    changed(objects::deployment(TENANT_NAMESPACE, "bad"), |bad| {
        bad["spec"]["template"]["spec"]["hostNetwork"] = json!(true);
    })
}

fn expect_bad_deployment_refused(member: &Kubectl) {
    let said = member.feed(&["create", "-f", "-"], &bad_deployment().to_string()).unwrap();
    expect_refused(&said, &[("BH301", "spec.template.spec.hostNetwork")]);
}

/// The object, if it exists.
fn get(admin: &Kubectl, kind: &str, name: &str, namespace: &str) -> Option<Value> {
    let said = admin.run(&["get", kind, name, "-n", namespace, "-o", "json"]).unwrap();
    serde_json::from_str(&said.stdout).ok()
}
