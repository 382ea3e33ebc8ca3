//! The installation that the tests of one process share, and what they create in it: each test has tenants and
//! namespaces of its own.

use std::collections::BTreeMap;
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bulkhead_harness::cluster::Cluster;
use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::process::Process;
use bulkhead_harness::program::Installation;
use serde_json::{Value, json};

use crate::metrics::metrics;
use crate::wait::until;
use crate::{BINARY, objects};

/// The kinds of the baseline's objects in a namespace, as kubectl takes them.
pub const BASELINE_KINDS: &str = "networkpolicies,authorizationpolicies.security.istio.io,\
                                  peerauthentications.security.istio.io,sidecars.networking.istio.io,\
                                  rolebindings";

static INSTALLATION: OnceLock<RwLock<Installation>> = OnceLock::new();

fn lock() -> &'static RwLock<Installation> {
    INSTALLATION.get_or_init(|| {
        use std::io::Write;
        let note = |step: &str| drop(writeln!(std::io::stderr(), "{step}"));
        RwLock::new(Installation::start(&BINARY, note).unwrap())
    })
}

/// The installation, for a test that runs at the same time as others.
pub fn shared() -> RwLockReadGuard<'static, Installation> {
    lock().read().unwrap_or_else(PoisonError::into_inner)
}

/// The installation, for a test during which no other test uses it.
pub fn alone() -> RwLockWriteGuard<'static, Installation> {
    lock().write().unwrap_or_else(PoisonError::into_inner)
}

/// Creates a tenant with an owner who has no rights but those that Bulkhead gives; kubectl as this owner.
pub fn new_owner(installation: &Installation, name: &str) -> Kubectl {
    let (admin, group) = (installation.cluster.admin().unwrap(), format!("{name}-owners"));
    let tenant = objects::tenant(name, &json!({ "owners": [{ "kind": "Group", "name": group }] }));
    admin.apply(&tenant.to_string()).unwrap();
    let owner = installation.cluster.certified_user(&format!("{name}-owner"), &group).unwrap();
    wait_until_labelled(&owner, name);
    owner
}

/// Creates a tenant; kubectl as a member who is an administrator of the cluster too: RBAC allows them everything, so that
/// Bulkhead alone refuses what a test sees refused.
pub fn new_tenant(installation: &Installation, name: &str) -> Kubectl {
    new_tenant_in(&installation.cluster, name)
}

/// The same in a cluster whose webhook is already called.
pub fn new_tenant_in(cluster: &Cluster, name: &str) -> Kubectl {
    let group = format!("{name}-developers");
    let tenant = objects::tenant(name, &json!({ "owners": [{ "kind": "Group", "name": group }] }));
    cluster.admin().unwrap().apply(&tenant.to_string()).unwrap();
    let member = cluster.powerful(&format!("{name}-alice"), &group).unwrap();
    wait_until_labelled(&member, name);
    member
}

/// Waits until a namespace that the member creates gets the label of the tenant.
fn wait_until_labelled(member: &Kubectl, name: &str) {
    until(|| {
        let shown = member.run(&[
            "create",
            "namespace",
            &format!("tenant-{name}-probe"),
            "--dry-run=server",
            "-o",
            "json",
        ]);
        shown.is_ok_and(|said| said.stdout.contains(&format!("\"bulkhead.dev/tenant\": \"{name}\"")))
    });
}

/// Creates the namespace `tenant-NAME`, and waits until pods can be created in it.
pub fn new_namespace(member: &Kubectl, name: &str) -> String {
    let namespace = format!("tenant-{name}");
    member.ok(&["create", "namespace", &namespace]).unwrap();
    wait_until_ready(member, &namespace);
    wait_for_default_account(member, &namespace);
    namespace
}

/// Creates a namespace that is no tenant's and whose pods Istio injects, and waits until pods can be created in it.
pub fn new_injected_namespace(admin: &Kubectl, name: &str) {
    admin.ok(&["create", "namespace", name]).unwrap();
    admin.ok(&["label", "namespace", name, "istio-injection=enabled"]).unwrap();
    wait_for_default_account(admin, name);
}

/// Creates a SharedService in `shared-services` with a pod that it selects, and waits until its network policy selects
/// the pod. Returns the SharedService.
pub fn new_shared_service(admin: &Kubectl, name: &str) -> Value {
    let labels = json!({ "app": name });
    let spec = json!({ "namespace": "shared-services", "selector": labels, "ports": [{ "port": 8080 }] });
    let service = objects::shared_service(name, &spec);
    admin.apply(&objects::labelled_namespace("shared-services", &json!({})).to_string()).unwrap();
    admin.apply(&service.to_string()).unwrap();
    wait_for_default_account(admin, "shared-services");
    let pod = objects::changed(objects::pod("shared-services"), |pod| {
        pod["metadata"]["name"] = json!(name);
        pod["metadata"]["labels"] = labels.clone();
    });
    admin.apply(&pod.to_string()).unwrap();
    until(|| shared_service_selector(admin, &format!("bulkhead-{name}")) == labels);
    service
}

/// The labels of the pods that a network policy of a shared service selects; `null` without the policy.
pub fn shared_service_selector(admin: &Kubectl, policy: &str) -> Value {
    let shown = admin.run(&["get", "networkpolicy", policy, "-n", "shared-services", "-o", "json"]).unwrap();
    let policy: Value = serde_json::from_str(&shown.stdout).unwrap_or_default();
    policy["spec"]["podSelector"]["matchLabels"].clone()
}

/// Waits until the baseline of the namespace is applied.
pub fn wait_until_ready(kubectl: &Kubectl, namespace: &str) {
    let condition = "--for=condition=bulkhead.dev/BaselineReady";
    wait_as(kubectl, &["wait", condition, &format!("namespace/{namespace}"), "--timeout=60s"]);
}

/// Waits until the namespace has its default service account: without it no pod can be created.
pub fn wait_for_default_account(kubectl: &Kubectl, namespace: &str) {
    wait_as(kubectl, &["wait", "--for=create", "sa/default", "-n", namespace, "--timeout=30s"]);
}

/// Runs `kubectl wait`. An owner gets the right to it a moment after the namespace exists.
fn wait_as(kubectl: &Kubectl, arguments: &[&str]) {
    until(|| {
        let said = kubectl.run(arguments).unwrap();
        assert!(said.success || said.stderr.contains("is forbidden"), "{said:?}");
        said.success
    });
}

/// Creates a namespace of the tenant whose baseline stays incomplete: a quota forbids its RoleBinding until the
/// closure is called.
pub fn new_unready_namespace<'k>(
    admin: &'k Kubectl,
    namespace: &'k str,
    tenant: &str,
) -> impl FnOnce() + use<'k> {
    admin.ok(&["create", "namespace", namespace]).unwrap();
    wait_for_default_account(admin, namespace);
    let release = forbid_creation(admin, namespace, "rolebindings.rbac.authorization.k8s.io");
    let tenant = format!("bulkhead.dev/tenant={tenant}");
    admin.ok(&["label", "namespace", namespace, &tenant, "istio-injection=enabled"]).unwrap();
    release
}

/// A quota forbids the creation of this resource in the namespace until the closure is called.
pub fn forbid_creation<'k>(
    kubectl: &'k Kubectl,
    namespace: &'k str,
    resource: &str,
) -> impl FnOnce() + use<'k> {
    let hard = json!({ "hard": { format!("count/{resource}"): "0" } });
    let quota = objects::object("v1", "ResourceQuota", namespace, "none", &hard);
    kubectl.apply(&quota.to_string()).unwrap();
    until(|| {
        let path = "jsonpath={.status.hard}";
        let hard = kubectl.ok(&["get", "resourcequota", "none", "-n", namespace, "-o", path]).unwrap();
        !hard.is_empty()
    });
    move || drop(kubectl.ok(&["delete", "resourcequota", "none", "-n", namespace]).unwrap())
}

/// The objects that Bulkhead manages in a namespace, by `KIND/NAME`.
pub fn managed_objects(kubectl: &Kubectl, namespace: &str) -> BTreeMap<String, Value> {
    let managed = "app.kubernetes.io/managed-by=bulkhead";
    let list = kubectl.ok(&["get", BASELINE_KINDS, "-n", namespace, "-l", managed, "-o", "json"]).unwrap();
    let list: Value = serde_json::from_str(&list).unwrap();
    let items = list["items"].as_array().unwrap().iter();
    let name = |item: &Value| {
        format!("{}/{}", item["kind"].as_str().unwrap(), item["metadata"]["name"].as_str().unwrap())
    };
    items.map(|item| (name(item), item.clone())).collect()
}

/// The labels of a namespace, without the one that the API server sets to its name.
pub fn namespace_labels(kubectl: &Kubectl, name: &str) -> Value {
    let shown = kubectl.ok(&["get", "namespace", name, "-o", "json"]).unwrap();
    let mut labels = serde_json::from_str::<Value>(&shown).unwrap()["metadata"]["labels"].clone();
    labels.as_object_mut().unwrap().remove("kubernetes.io/metadata.name");
    labels
}

/// The part of an object, or of a list, that a JSONPath selects.
pub fn jsonpath(kubectl: &Kubectl, object: &[&str], path: &str) -> String {
    kubectl.ok(&[&["get"], object, &["-o", &format!("jsonpath={path}")]].concat()).unwrap()
}

/// True if every entry of the validating webhook but that of the settings has `failurePolicy: Fail`.
pub fn is_enforced(admin: &Kubectl) -> bool {
    let configuration = ["validatingwebhookconfiguration", "tenant-bulkhead", "--ignore-not-found"];
    let policies =
        jsonpath(admin, &configuration, r#"{.webhooks[?(@.name!="settings.bulkhead.dev")].failurePolicy}"#);
    !policies.is_empty() && policies.split(' ').all(|policy| policy == "Fail")
}

/// The lines of the process's log, which are JSON.
pub fn log_lines(process: &Process) -> Vec<Value> {
    process.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The metrics of a controller, which logs its admin address.
pub fn controller_metrics(controller: &Process) -> String {
    let lines = log_lines(controller);
    let address = lines.iter().find_map(|line| line["admin"].as_str()).unwrap();
    metrics(address.parse().unwrap())
}
