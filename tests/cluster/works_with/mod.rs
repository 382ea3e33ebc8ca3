//! The recipes of docs/works-with.md, with the files of the page. The accounts of the tools are real service accounts,
//! with the rights that each tool asks for, and write what the tool writes. In an installation of its own, because
//! recipes change the settings; one test runs at a time.

mod argo_cd;
mod argo_rollouts;
mod cert_manager;
mod flux;
mod helm;
mod knative;
mod openshift;
mod policy_engines;
mod prometheus_operator;
mod rancher;
mod strimzi;
mod terraform;
mod velero;

use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bulkhead_harness::kubectl::{Kubectl, Said};
use bulkhead_harness::program::{Installation, controller_with, printed};
use serde_json::{Value, json};
use support::BINARY;
use support::cluster::{wait_for_default_account, wait_until_ready};
use support::recipes::{Recipe, recipe};
use support::wait::{until, within};

/// The settings without a recipe.
const DEFAULTS: &str = "apiVersion: bulkhead.dev/v1alpha1\nkind: Settings\n";
/// The namespace of the page's tenant.
const NAMESPACE: &str = "tenant-acme";
/// The manifest comes on stdin.
const CREATE: [&str; 3] = ["create", "-f", "-"];
const APPLY: [&str; 3] = ["apply", "-f", "-"];
const SERVER_SIDE_APPLY: [&str; 4] = ["apply", "--server-side", "-f", "-"];

struct Room {
    it: Installation,
    settings: String,
    /// The number of changes of the settings: a file that is the same is not read again.
    changes: usize,
}

/// A recipe in the installation, which has the default settings and no namespace of the page's tenants.
struct Stage {
    room: MutexGuard<'static, Room>,
    recipe: Recipe,
}

impl Deref for Stage {
    type Target = Recipe;

    fn deref(&self) -> &Recipe {
        &self.recipe
    }
}

impl Stage {
    fn of(test: &str) -> Self {
        static ROOM: OnceLock<Mutex<Room>> = OnceLock::new();
        let room = ROOM.get_or_init(|| {
            let mut it = Installation::start(&BINARY, |_| ()).unwrap();
            // It registers the webhook as the settings and the grants ask for.
            let file = |name: &str| it.cluster.folder.join(name).display().to_string();
            let (settings, port, bundle) =
                (file("settings.yaml"), it.cluster.webhook_port.to_string(), file("webhook-ca.crt"));
            let arguments = ["--settings", &settings, "--port", &port, "--ca-bundle", &bundle];
            it.controller = controller_with(&it.cluster, &BINARY, &arguments).unwrap();
            Mutex::new(Room { it, settings: String::new(), changes: 0 })
        });
        let mut stage =
            Self { room: room.lock().unwrap_or_else(PoisonError::into_inner), recipe: recipe(test) };
        stage.change_settings(DEFAULTS);
        let admin = stage.admin();
        let of_tenants = ["namespaces", "-l", "bulkhead.dev/tenant"];
        admin.ok(&[&["delete", "--timeout=120s"], &of_tenants[..]].concat()).unwrap();
        stage
    }

    fn admin(&self) -> Kubectl {
        self.room.it.cluster.admin().unwrap()
    }

    /// Sets other settings, and the rights that they need.
    fn change_settings(&mut self, settings: &str) {
        let room = &mut *self.room;
        if room.settings == settings {
            return;
        }
        room.changes += 1;
        settings.clone_into(&mut room.settings);
        room.it.change_settings(&format!("{settings}\n# {}\n", room.changes)).unwrap();
        let cluster = &room.it.cluster;
        let file = cluster.folder.join("settings.yaml").display().to_string();
        let rbac = printed(&BINARY, &["rbac", "--settings", &file]).unwrap();
        cluster.admin().unwrap().apply(&rbac).unwrap();
    }

    /// Sets the settings of the page.
    fn apply_settings(&mut self) {
        let settings = self.recipe.file("settings.yaml").to_owned();
        self.change_settings(&settings);
    }

    /// The platform applies a file of the page.
    fn apply(&self, name: &str) {
        self.admin().apply(self.recipe.file(name)).unwrap();
    }

    /// kubectl as a service account with these rights in the whole cluster. The platform creates the account.
    fn account(&self, namespace: &str, name: &str, rules: &Value) -> Kubectl {
        let admin = self.admin();
        let metadata = json!({ "name": name, "namespace": namespace });
        let role = format!("{namespace}-{name}");
        let objects = json!({ "apiVersion": "v1", "kind": "List", "items": [
            { "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } },
            { "apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata },
            {
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
                "metadata": { "name": role }, "rules": rules,
            },
            {
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
                "metadata": { "name": role },
                "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role },
                "subjects": [{ "kind": "ServiceAccount", "name": name, "namespace": namespace }],
            },
        ] });
        admin.apply(&objects.to_string()).unwrap();
        let account = self.room.it.cluster.service_account(namespace, name).unwrap();
        // The authorizer learns of the binding a moment later.
        until(|| {
            let first = &rules[0];
            let of = |list: &str| first[list][0].as_str().unwrap().to_owned();
            let (verb, group, resource) = (of("verbs"), of("apiGroups"), of("resources"));
            let resource = if group.is_empty() { resource } else { format!("{resource}.{group}") };
            let resource = if group == "*" { "*" } else { &resource };
            account.run(&["auth", "can-i", &verb, resource, "-A"]).unwrap().success
        });
        account
    }

    /// kubectl as a developer of the tenant, with the rights of an owner and no others.
    fn owner(&self) -> Kubectl {
        self.room.it.cluster.certified_user("alice", "acme-developers").unwrap()
    }

    /// The user creates the namespace of the page's tenant; returns once its pods can be created.
    fn create_namespace(&self, user: &Kubectl) {
        let created = || user.run(&["create", "namespace", NAMESPACE]).unwrap();
        // The webhook learns of a new Tenant a moment later.
        until(|| created().success);
        self.wait_until_ready();
    }

    fn wait_until_ready(&self) {
        let admin = self.admin();
        wait_until_ready(&admin, NAMESPACE);
        wait_for_default_account(&admin, NAMESPACE);
    }

    /// Waits for a pod with this label in the namespace; returns it.
    fn pod(&self, label: &str) -> Value {
        let admin = self.admin();
        let arguments = ["get", "pods", "-n", NAMESPACE, "-l", label, "-o", "json"];
        within(Duration::from_mins(1), || {
            let list: Value = serde_json::from_str(&admin.ok(&arguments).unwrap()).unwrap();
            list["items"].get(0).cloned()
        })
    }
}

/// Waits until the owner has their rights in the tenant's namespace.
fn wait_until_bound(owner: &Kubectl) {
    until(|| owner.run(&["auth", "can-i", "create", "deployments", "-n", NAMESPACE]).unwrap().success);
}

/// All rights, which the documentation of many tools asks for.
fn everything() -> Value {
    json!([
        { "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] },
        { "nonResourceURLs": ["*"], "verbs": ["*"] },
    ])
}

/// True if a container of the pod is Istio's proxy.
fn has_proxy(pod: &Value) -> bool {
    let of = |list: &str| pod["spec"][list].as_array().cloned().unwrap_or_default();
    [of("containers"), of("initContainers")]
        .concat()
        .iter()
        .any(|container| container["name"] == "istio-proxy")
}

/// Runs kubectl with an object on stdin.
fn write(user: &Kubectl, arguments: &[&str], object: &Value) -> Said {
    user.feed(arguments, &object.to_string()).unwrap()
}
