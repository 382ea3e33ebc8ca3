//! The controller registers the webhook, in a cluster of its own in which each test starts the webhook, or does not. One
//! test runs at a time.

use std::fs;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use bulkhead_harness::cluster::{Cluster, free_ports, write_pair};
use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::pki::Authority;
use bulkhead_harness::process::Process;
use bulkhead_harness::program::{
    NAMESPACE, SERVER_NAME, Server, controller_with, prepare, printed, service, webhook_with,
};
use serde_json::{Value, json};
use support::BINARY;
use support::cluster::{controller_metrics, log_lines};
use support::command::bulkhead_with;
use support::metrics::value;
use support::objects::{self, changed, labelled_namespace, object, tenant};
use support::refusal::{
    expect_admitted, expect_refused, expect_refused_by, expect_warned, refused, reported, violations,
};
use support::wait::{until, within};

/// A cluster with the Service of the webhook, and at first no webhook behind it.
struct Room {
    cluster: Cluster,
    port: u16,
    webhook: Option<Server>,
    controller: Option<Process>,
}

const BOTH: &str = "validatingwebhookconfiguration,mutatingwebhookconfiguration";
/// The states that the metric `bulkhead_webhook_registration` reports.
const ENFORCED: &str = "enforced";
const UNVERIFIED: &str = "unverified";
const UNMANAGED: &str = "unmanaged";
const UNKNOWN: &str = "unknown";

const SETTINGS: &str = "apiVersion: bulkhead.dev/v1alpha1\nkind: Settings\n";

fn room() -> MutexGuard<'static, Room> {
    static ROOM: OnceLock<Mutex<Room>> = OnceLock::new();
    let room = ROOM.get_or_init(|| {
        let cluster = Cluster::start().unwrap();
        prepare(&cluster, &BINARY).unwrap();
        let [port] = free_ports().unwrap();
        cluster.admin().unwrap().apply(&service(port).to_string()).unwrap();
        Mutex::new(Room { cluster, port, webhook: None, controller: None })
    });
    let mut room = room.lock().unwrap_or_else(PoisonError::into_inner);
    room.clear();
    room
}

impl Room {
    /// Restores the state before Bulkhead ran, with a certificate of a new authority.
    fn clear(&mut self) {
        self.webhook = None;
        self.stop_controller();
        let admin = self.admin();
        admin.apply(&printed(&BINARY, &["rbac"]).unwrap()).unwrap();
        admin.ok(&["delete", BOTH, "tenant-bulkhead", "--ignore-not-found"]).unwrap();
        self.set("");
        self.rotate("first");
    }

    fn admin(&self) -> Kubectl {
        self.cluster.admin().unwrap()
    }

    fn file(&self, name: &str) -> String {
        self.cluster.folder.join(name).display().to_string()
    }

    /// Writes settings over the defaults.
    fn set(&self, settings: &str) {
        fs::write(self.file("registering.yaml"), format!("{SETTINGS}{settings}\n")).unwrap();
    }

    /// Writes a certificate of a new authority, and a CA bundle with that authority alone.
    fn rotate(&self, name: &str) -> String {
        let authority = Authority::new(name).unwrap();
        let pair = authority.server(&[SERVER_NAME]).unwrap();
        write_pair(&self.cluster.folder, "registering", &pair).unwrap();
        fs::write(self.file("registering-ca.crt"), &authority.certificate).unwrap();
        authority.certificate
    }

    fn start_controller(&mut self) {
        let (port, settings, bundle) =
            (self.port.to_string(), self.file("registering.yaml"), self.file("registering-ca.crt"));
        let arguments = ["--settings", &settings, "--port", &port, "--ca-bundle", &bundle];
        self.controller = Some(controller_with(&self.cluster, &BINARY, &arguments).unwrap());
    }

    /// Stops the controller, which releases its lease.
    fn stop_controller(&mut self) {
        if let Some(mut controller) = self.controller.take() {
            controller.terminate().unwrap();
            controller.wait(Duration::from_secs(10)).unwrap();
        }
    }

    fn start_webhook(&mut self) {
        let (settings, certificate, key) =
            (self.file("registering.yaml"), self.file("registering.crt"), self.file("registering.key"));
        let arguments = ["--settings", &settings, "--tls-cert", &certificate, "--tls-key", &key];
        let mut server = webhook_with(&self.cluster, &BINARY, self.port, &arguments).unwrap();
        server.wait_until_ready().unwrap();
        self.webhook = Some(server);
    }

    /// Starts both parts, and waits until the webhook fails closed.
    fn enforced() -> MutexGuard<'static, Self> {
        let mut room = room();
        room.start_webhook();
        room.start_controller();
        room.until_policies(&["Fail"]);
        room
    }

    /// The configuration of this kind, if it exists.
    fn configuration(&self, kind: &str) -> Option<Value> {
        let path =
            format!("/apis/admissionregistration.k8s.io/v1/{kind}webhookconfigurations/tenant-bulkhead");
        serde_json::from_str(&self.admin().run(&["get", "--raw", &path]).unwrap().stdout).ok()
    }

    /// The failure policies of the validating entries, each once. That of the settings always has `Ignore`.
    fn policies(&self) -> Vec<String> {
        let entries = self.configuration("validating").map(|mut it| it["webhooks"].take());
        let entries = entries.as_ref().and_then(Value::as_array).into_iter().flatten();
        let entries = entries.filter(|entry| entry["name"] != "settings.bulkhead.dev");
        let mut found: Vec<_> =
            entries.map(|entry| entry["failurePolicy"].as_str().unwrap().to_owned()).collect();
        found.sort();
        found.dedup();
        found
    }

    fn until_policies(&self, wanted: &[&str]) {
        until(|| self.policies() == wanted);
    }

    fn until_state(&self, state: &str) {
        let series = format!("bulkhead_webhook_registration{{state=\"{state}\"}}");
        until(|| value(&controller_metrics(self.controller.as_ref().unwrap()), &series) == 1);
    }

    /// The number of warnings in the controller's log that name this file or resource.
    fn warnings_naming(&self, name: &str) -> usize {
        let lines = log_lines(self.controller.as_ref().unwrap());
        let is_named = |text: &Value| text.as_str().is_some_and(|text| text.contains(name));
        let warnings = lines.iter().filter(|line| line["level"] == "WARN").filter_map(Value::as_object);
        warnings.filter(|line| line.values().any(is_named)).count()
    }

    /// The entries of both configurations, without the metadata.
    fn webhooks(&self) -> [Value; 2] {
        ["validating", "mutating"].map(|kind| self.configuration(kind).unwrap()["webhooks"].take())
    }

    fn until_restored(&self, before: &[Value; 2]) {
        within(Duration::from_secs(45), || {
            let both = ["validating", "mutating"].map(|kind| self.configuration(kind));
            both.iter().all(Option::is_some) && self.webhooks() == *before
        });
    }

    /// The number of writes by Bulkhead's controller to a resource whose name ends so.
    fn writes_to(&self, resource: &str) -> usize {
        let events =
            self.cluster.audited("system:serviceaccount:bulkhead-system:bulkhead-controller").unwrap();
        let is_it = |event: &&Value| {
            event["objectRef"]["resource"].as_str().is_some_and(|name| name.ends_with(resource))
        };
        events.iter().filter(is_it).count()
    }

    /// The number of probes: dry runs of a write to a namespace.
    fn probes(&self) -> usize {
        self.writes_to("namespaces")
    }

    /// The number of writes to the configurations, and of probes.
    fn writes(&self) -> usize {
        self.writes_to("webhookconfigurations") + self.probes()
    }
}

#[test]
fn unanswered_webhook_is_registered_without_failing_closed() {
    let mut room = room();
    let before = room.probes();
    room.start_controller();
    room.until_policies(&["Ignore"]);
    until(|| room.probes() > before);
    let admin = room.admin();
    admin.ok(&["create", "namespace", "goes-on", "--dry-run=server"]).unwrap();
    sleep(Duration::from_secs(5));
    assert_eq!(room.policies(), ["Ignore"]);
    room.until_state(UNVERIFIED);

    room.start_webhook();
    room.until_policies(&["Fail"]);
    room.until_state(ENFORCED);
    let labels = room.configuration("mutating").unwrap();
    assert_eq!(labels["webhooks"][0]["failurePolicy"], "Ignore", "{labels}");

    // It stays closed without a webhook and with another controller.
    room.webhook = None;
    room.stop_controller();
    room.start_controller();
    room.until_state(ENFORCED);
    assert_eq!(room.policies(), ["Fail"]);
    let said = admin.run(&["create", "namespace", "stops", "--dry-run=server"]).unwrap();
    assert!(said.stderr.contains("connection refused"), "{said:?}");

    // Deleting the configurations ends the outage at once: the controller restores them without failing closed.
    admin.ok(&["delete", BOTH, "tenant-bulkhead"]).unwrap();
    room.until_policies(&["Ignore"]);
    admin.ok(&["create", "namespace", "goes-on", "--dry-run=server"]).unwrap();
}

#[test]
fn edited_or_deleted_configurations_are_restored() {
    let room = Room::enforced();
    let admin = room.admin();
    let before = room.webhooks();
    let edit = |kind: &str, patch: Value| {
        admin.ok(&["patch", kind, "tenant-bulkhead", "--type=json", "-p", &patch.to_string()]).unwrap();
        room.until_restored(&before);
    };
    let validating = "validatingwebhookconfiguration";
    edit(validating, json!([{ "op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore" }]));
    edit(
        validating,
        json!([{ "op": "add", "path": "/webhooks/0/objectSelector/matchLabels", "value": { "ask": "yes" } }]),
    );
    edit(validating, json!([{ "op": "remove", "path": "/webhooks/1" }]));
    edit(
        validating,
        json!([{ "op": "replace", "path": "/webhooks/0/clientConfig/service/port", "value": 1 }]),
    );
    edit(
        "mutatingwebhookconfiguration",
        json!([{ "op": "replace", "path": "/webhooks/0/timeoutSeconds", "value": 30 }]),
    );
    edit("mutatingwebhookconfiguration", json!([{ "op": "remove", "path": "/metadata/ownerReferences" }]));
    admin.ok(&["delete", BOTH, "tenant-bulkhead"]).unwrap();
    room.until_restored(&before);
    for kind in ["validating", "mutating"] {
        let owners = &room.configuration(kind).unwrap()["metadata"]["ownerReferences"];
        assert_eq!(owners[0]["name"], "bulkhead-controller", "{owners}");
    }
}

#[test]
fn configurations_in_sync_are_neither_written_nor_probed() {
    let mut room = Room::enforced();
    room.until_state(ENFORCED);
    let before = room.writes();
    assert!(before >= 6, "two creations, three probes, one change to `Fail`: {before}");
    sleep(Duration::from_secs(10));
    assert_eq!(room.writes(), before);
    // The next controller writes nothing either.
    room.stop_controller();
    room.start_controller();
    room.until_state(ENFORCED);
    assert_eq!(room.writes(), before);
}

#[test]
fn unmanaged_configurations_are_not_restored() {
    let mut room = Room::enforced();
    room.set("registration: Unmanaged");
    room.until_state(UNMANAGED);
    let admin = room.admin();
    admin.ok(&["delete", "mutatingwebhookconfiguration", "tenant-bulkhead"]).unwrap();
    let patch = json!([{ "op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore" }]);
    admin
        .ok(&[
            "patch",
            "validatingwebhookconfiguration",
            "tenant-bulkhead",
            "--type=json",
            "-p",
            &patch.to_string(),
        ])
        .unwrap();
    let others = |room: &Room| (room.policies(), room.configuration("mutating"));
    sleep(Duration::from_secs(6));
    assert_eq!(others(&room), (vec!["Fail".to_owned(), "Ignore".to_owned()], None));
    // The next controller restores nothing either.
    room.stop_controller();
    room.start_controller();
    room.until_state(UNMANAGED);
    sleep(Duration::from_secs(3));
    assert_eq!(others(&room), (vec!["Fail".to_owned(), "Ignore".to_owned()], None));

    room.set("registration: Managed");
    room.until_policies(&["Fail"]);
    until(|| room.configuration("mutating"));
}

#[test]
fn configurations_are_deleted_with_the_cluster_role() {
    let room = Room::enforced();
    let admin = room.admin();
    admin.ok(&["delete", "clusterrole", "bulkhead-controller"]).unwrap();
    let gone = || ["validating", "mutating"].iter().all(|kind| room.configuration(kind).is_none());
    within(Duration::from_mins(1), gone);
    // The running controller has lost its rights, and would not use them.
    sleep(Duration::from_secs(5));
    assert!(gone());
    admin.ok(&["create", "namespace", "goes-on", "--dry-run=server"]).unwrap();
}

#[test]
fn new_ca_bundle_is_registered_and_a_bad_one_is_not() {
    let room = Room::enforced();
    let bundle = |room: &Room| {
        let entry = room.configuration("validating").unwrap()["webhooks"][0].take();
        entry["clientConfig"]["caBundle"].as_str().unwrap().to_owned()
    };
    let before = bundle(&room);
    let authority = room.rotate("second");
    until(|| bundle(&room) != before);
    room.until_policies(&["Fail"]);
    let next = bundle(&room);

    let with_key = format!("{authority}{}", fs::read_to_string(room.file("registering.key")).unwrap());
    for bad in ["nothing", &*with_key] {
        let before = room.warnings_naming("registering-ca.crt");
        fs::write(room.file("registering-ca.crt"), bad).unwrap();
        until(|| room.warnings_naming("registering-ca.crt") > before);
        sleep(Duration::from_secs(3));
        assert_eq!((bundle(&room), room.policies()), (next.clone(), vec!["Fail".to_owned()]));
    }

    // A bundle that no webhook's certificate matches is registered without failing closed, and the path is probed again.
    let before = room.probes();
    fs::write(room.file("registering-ca.crt"), Authority::new("strange").unwrap().certificate).unwrap();
    room.until_policies(&["Ignore"]);
    until(|| room.probes() > before);
    room.until_state(UNVERIFIED);
    room.admin().ok(&["create", "namespace", "goes-on", "--dry-run=server"]).unwrap();
}

#[test]
fn controller_without_rights_or_ca_bundle_registers_nothing() {
    let mut room = room();
    let bundle = fs::read(room.file("registering-ca.crt")).unwrap();
    fs::remove_file(room.file("registering-ca.crt")).unwrap();
    room.start_controller();
    until(|| room.warnings_naming("registering-ca.crt") > 0);
    room.until_state(UNKNOWN);
    assert!(room.policies().is_empty());

    room.admin().ok(&["delete", "clusterrole", "bulkhead-controller"]).unwrap();
    fs::write(room.file("registering-ca.crt"), bundle).unwrap();
    let role = r#"clusterroles.rbac.authorization.k8s.io "bulkhead-controller""#;
    until(|| room.warnings_naming(role) > 0);
    room.until_state(UNKNOWN);
    assert!(room.policies().is_empty());
}

/// The controller registers the kinds of the setting `podTemplates`, and the webhook judges their templates.
#[test]
fn template_of_a_kind_in_the_settings_is_refused() {
    let room = Room::enforced();
    let admin = room.admin();
    admin.apply(&objects::schemaless_crd("argoproj.io", "v1alpha1", "Rollout").to_string()).unwrap();
    admin.ok(&["wait", "--for=condition=Established", "crd/rollouts.argoproj.io"]).unwrap();
    let owners = json!({ "owners": [{ "kind": "Group", "name": "rollout-developers" }] });
    admin.apply(&tenant("rollouts", &owners).to_string()).unwrap();
    let labels = json!({ "bulkhead.dev/tenant": "rollouts" });
    let namespace = "tenant-rollouts";
    until(|| {
        admin
            .feed(&["apply", "-f", "-"], &labelled_namespace(namespace, &labels).to_string())
            .unwrap()
            .success
    });
    let member = room.cluster.powerful("rollout-alice", "rollout-developers").unwrap();
    let rollout = |name: &str, host_network: bool| {
        let containers = json!([{ "name": "app", "image": "registry.example.com/app:1" }]);
        let template = json!({ "spec": { "hostNetwork": host_network, "containers": containers } });
        object("argoproj.io/v1alpha1", "Rollout", namespace, name, &json!({ "template": template }))
            .to_string()
    };
    let registered = || room.webhooks()[0].to_string().matches("argoproj.io").count();
    expect_admitted(&member.feed(&["create", "-f", "-"], &rollout("old", true)).unwrap());
    assert_eq!(registered(), 0);

    room.set(
        "podTemplates:\n- { group: argoproj.io, kind: Rollout, resource: rollouts, \
         paths: [spec.template, 'spec.previews[].template'] }",
    );
    let violation = ("BH301", "spec.template.spec.hostNetwork");
    let create = ["create", "--dry-run=server", "-f", "-"];
    until(|| violations(&member.feed(&create, &rollout("new", true)).unwrap().stderr) == [violation]);
    let said = member.feed(&["create", "-f", "-"], &rollout("new", true)).unwrap();
    expect_refused_by("workloads", &said, &[violation]);
    expect_admitted(&member.feed(&["create", "-f", "-"], &rollout("new", false)).unwrap());

    // The API server sends no update that changes no template.
    let patch = |name: &str, spec: &Value| {
        let patch = json!({ "spec": spec }).to_string();
        member.run(&["patch", "rollout", name, "-n", namespace, "--type=merge", "-p", &patch]).unwrap()
    };
    expect_admitted(&patch("old", &json!({ "replicas": 2 })));
    expect_warned(&patch("old", &json!({ "previews": [{ "weight": 1 }] })), &[violation]);
    let preview = json!({ "template": { "spec": { "hostNetwork": true } } });
    let of_preview = ("BH301", "spec.previews[1].template.spec.hostNetwork");
    expect_refused(&patch("new", &json!({ "previews": [{}, preview] })), &[of_preview]);
    let said = patch("new", &json!({ "template": "none" }));
    assert!(!said.success && said.stderr.contains("`spec.template`"), "{said:?}");

    let settings = room.file("registering.yaml");
    admin.apply(&printed(&BINARY, &["rbac", "--settings", &settings]).unwrap()).unwrap();
    let controller = room.cluster.service_account(NAMESPACE, "bulkhead-controller").unwrap();
    let (_, said) = bulkhead_with(&controller, &["audit", "-n", namespace], &settings);
    let found = reported(&said.stdout);
    assert!(found.contains(&("Rollout tenant-rollouts/old", violation.0, violation.1)), "{said:?}");

    room.set("");
    until(|| registered() == 0);
    until(|| member.feed(&create, &rollout("next", true)).unwrap().success);
    admin.ok(&["delete", "crd", "rollouts.argoproj.io"]).unwrap();
}

/// The refusal does not depend on the user, so that it proves the path for all.
#[test]
fn probe_is_refused_to_every_user() {
    let room = Room::enforced();
    let controller = room.cluster.service_account(NAMESPACE, "bulkhead-controller").unwrap();
    for user in [room.admin(), controller] {
        let probe = r#"{"metadata":{"labels":{"bulkhead.dev/probe":"1"}}}"#;
        let patch = ["patch", "namespace", NAMESPACE, "--dry-run=server", "-p", probe];
        refused(&user, &patch, "", &[("BH103", "metadata.labels[bulkhead.dev/probe]")]);
    }
}

/// A SharedService protects its namespace without any setting: the registration follows it.
#[test]
fn namespace_of_a_new_shared_service_is_protected() {
    let room = Room::enforced();
    let admin = room.admin();
    let home = "registering-unlisted";
    admin.apply(&labelled_namespace(home, &json!({})).to_string()).unwrap();
    let stranger = room.cluster.powerful("registering-stranger", "strangers").unwrap();
    let write = || stranger.run(&["create", "configmap", "mine", "-n", home, "--dry-run=server"]).unwrap();
    expect_admitted(&write());
    let service = |name: &str, namespace: &str| {
        let spec = json!({ "namespace": namespace, "selector": { "app": "x" }, "ports": [{ "port": 8080 }] });
        objects::shared_service(name, &spec).to_string()
    };
    admin.apply(&service("registering-unlisted", home)).unwrap();
    within(Duration::from_secs(20), || !write().success);
    expect_refused_by("shared", &write(), &[("BH401", "metadata.namespace")]);
    let delete = ["delete", "namespace", home, "--dry-run=server"];
    refused(&stranger, &delete, "", &[("BH401", "metadata.name")]);
    // Not so in a namespace of the platform that the settings do not list for shared services.
    admin.apply(&service("registering-platform", "kube-public")).unwrap();
    sleep(Duration::from_secs(5));
    stranger.ok(&["create", "configmap", "mine", "-n", "kube-public", "--dry-run=server"]).unwrap();
    admin.ok(&["delete", "sharedservice", "registering-unlisted", "registering-platform"]).unwrap();
    within(Duration::from_secs(20), || write().success);
}

/// A grant protects the credentials of the caller without any setting.
#[test]
fn credentials_of_a_granted_caller_are_protected() {
    let room = Room::enforced();
    let admin = room.admin();
    let home = "registering-caller";
    admin.apply(&labelled_namespace(home, &json!({})).to_string()).unwrap();
    for account in ["scraper", "other"] {
        admin.ok(&["create", "serviceaccount", account, "-n", home]).unwrap();
    }
    let stranger = room.cluster.powerful("registering-stranger", "strangers").unwrap();
    let token =
        |kubectl: &Kubectl, account: &str| kubectl.run(&["create", "token", account, "-n", home]).unwrap();
    expect_admitted(&token(&stranger, "scraper"));
    let grants = json!({ "callers": [{ "namespace": home, "serviceAccount": "scraper" }] });
    let owners = json!([{ "kind": "Group", "name": "registering-called-developers" }]);
    let called = tenant("registering-called", &json!({ "owners": owners, "grants": grants }));
    admin.apply(&called.to_string()).unwrap();
    within(Duration::from_secs(20), || !token(&stranger, "scraper").success);
    expect_refused_by("credentials", &token(&stranger, "scraper"), &[("BH407", "metadata.namespace")]);
    let run = |account: &str| {
        let runs = changed(objects::pod(home), |pod| pod["spec"]["serviceAccountName"] = json!(account));
        stranger.feed(&["create", "--dry-run=server", "-f", "-"], &runs.to_string()).unwrap()
    };
    expect_refused_by("credentials", &run("scraper"), &[("BH407", "metadata.namespace")]);
    expect_admitted(&run("other"));
    expect_admitted(&token(&stranger, "other"));
    expect_admitted(&token(&admin, "scraper"));
    admin.ok(&["delete", "tenant", "registering-called"]).unwrap();
    within(Duration::from_secs(20), || token(&stranger, "scraper").success);
}
