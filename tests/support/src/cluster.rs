//! One installation for the whole run, and names of its own for each test.

use std::path::Path;
use std::process::Command;
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use bulkhead_harness::kubectl::{Kubectl, Said};
use bulkhead_harness::program::Installation;
use serde_json::{Value, json};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_bulkhead");

static INSTALLATION: OnceLock<RwLock<Installation>> = OnceLock::new();

fn lock() -> &'static RwLock<Installation> {
    INSTALLATION.get_or_init(|| {
        use std::io::Write;
        let note = |step: &str| drop(writeln!(std::io::stderr(), "{step}"));
        RwLock::new(Installation::start(Path::new(BINARY), note).unwrap())
    })
}

/// The installation, beside other tests.
pub(crate) fn shared() -> RwLockReadGuard<'static, Installation> {
    lock().read().unwrap_or_else(PoisonError::into_inner)
}

/// The installation, with no other test beside.
pub(crate) fn alone() -> RwLockWriteGuard<'static, Installation> {
    lock().write().unwrap_or_else(PoisonError::into_inner)
}

/// `bulkhead` as whoever the kubeconfig says: how it ended, and what it said.
pub(crate) fn bulkhead(kubectl: &Kubectl, arguments: &[&str]) -> (i32, Said) {
    let settings = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/world/settings.yaml");
    let output = Command::new(BINARY)
        .args(arguments)
        .args(["--settings", settings])
        .env("KUBECONFIG", &kubectl.kubeconfig)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let said =
        Said { success: output.status.success(), stdout: text(output.stdout), stderr: text(output.stderr) };
    (output.status.code().unwrap(), said)
}

/// A new tenant whose developers may do all that RBAC can allow; kubectl as one of them.
pub(crate) fn tenant(installation: &Installation, name: &str) -> Kubectl {
    let group = format!("{name}-developers");
    let tenant = json!({
        "apiVersion": "bulkhead.dev/v1alpha1", "kind": "Tenant", "metadata": { "name": name },
        "spec": { "owners": [{ "kind": "Group", "name": group }] },
    });
    installation.cluster.admin().unwrap().apply(&tenant.to_string()).unwrap();
    let member = installation.cluster.powerful(&format!("{name}-alice"), &group).unwrap();
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
    member
}

/// A namespace of the tenant `name`, in which pods can be made.
pub(crate) fn namespace(member: &Kubectl, name: &str) -> String {
    let namespace = format!("tenant-{name}");
    member.ok(&["create", "namespace", &namespace]).unwrap();
    is_ready(member, &namespace);
    can_hold_pods(member, &namespace);
    namespace
}

/// Its baseline stands.
pub(crate) fn is_ready(kubectl: &Kubectl, namespace: &str) {
    let condition = "--for=condition=bulkhead.dev/BaselineReady";
    kubectl.ok(&["wait", condition, &format!("namespace/{namespace}"), "--timeout=60s"]).unwrap();
}

/// A namespace of the tenant whose baseline cannot stand: something that is no policy of ours refuses its
/// RoleBinding, until the closure is called.
pub(crate) fn held_up<'k>(admin: &'k Kubectl, namespace: &'k str, tenant: &str) -> impl FnOnce() + use<'k> {
    admin.ok(&["create", "namespace", namespace]).unwrap();
    can_hold_pods(admin, namespace);
    let release = none_of(admin, namespace, "rolebindings.rbac.authorization.k8s.io");
    let tenant = format!("bulkhead.dev/tenant={tenant}");
    admin.ok(&["label", "namespace", namespace, &tenant, "istio-injection=enabled"]).unwrap();
    release
}

/// A quota lets nothing of this resource be created in the namespace, until the closure is called.
pub(crate) fn none_of<'k>(
    kubectl: &'k Kubectl,
    namespace: &'k str,
    resource: &str,
) -> impl FnOnce() + use<'k> {
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": "none", "namespace": namespace },
        "spec": { "hard": { format!("count/{resource}"): "0" } },
    });
    kubectl.apply(&quota.to_string()).unwrap();
    until(|| {
        let path = "jsonpath={.status.hard}";
        let hard = kubectl.ok(&["get", "resourcequota", "none", "-n", namespace, "-o", path]).unwrap();
        !hard.is_empty()
    });
    move || drop(kubectl.ok(&["delete", "resourcequota", "none", "-n", namespace]).unwrap())
}

/// Why a Tenant is `Ready`, or is not, in one word.
pub(crate) fn reason(kubectl: &Kubectl, tenant: &str) -> String {
    let path = "jsonpath={.status.conditions[0].reason}";
    kubectl.run(&["get", "tenant", tenant, "-o", path]).unwrap().stdout
}

/// A pod can be made once the namespace has its service account, and the account its token's volume.
pub(crate) fn can_hold_pods(kubectl: &Kubectl, namespace: &str) {
    kubectl.ok(&["wait", "--for=create", "sa/default", "-n", namespace, "--timeout=30s"]).unwrap();
}

pub(crate) fn pod(namespace: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "app", "namespace": namespace },
        "spec": { "automountServiceAccountToken": false, "containers": [{ "name": "app", "image": "registry.example.com/app:1" }] },
    })
}

/// Polls for at most half a minute.
pub(crate) fn until<F: Found>(found: impl FnMut() -> F) -> F::What {
    within(Duration::from_secs(30), found)
}

/// Polls for at most `limit`.
pub(crate) fn within<F: Found>(limit: Duration, mut found: impl FnMut() -> F) -> F::What {
    let end = Instant::now() + limit;
    while Instant::now() < end {
        if let Some(what) = found().what() {
            return what;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    panic!("{limit:?} were not enough")
}

/// What is waited for: that something is so, or something.
pub(crate) trait Found {
    type What;

    fn what(self) -> Option<Self::What>;
}

impl Found for bool {
    type What = ();

    fn what(self) -> Option<()> {
        self.then_some(())
    }
}

impl<T> Found for Option<T> {
    type What = T;

    fn what(self) -> Self {
        self
    }
}
