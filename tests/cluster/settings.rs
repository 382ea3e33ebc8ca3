//! Settings in a ConfigMap: replicas follow it, the API server refuses a bad one, and commands read it. In a cluster of
//! its own; one test runs at a time.

use std::fs;
use std::io::Write;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use bulkhead_harness::cluster::{Cluster, free_ports, write_pair};
use bulkhead_harness::kubectl::{Kubectl, Said};
use bulkhead_harness::pki::Authority;
use bulkhead_harness::process::Process;
use bulkhead_harness::program::{
    NAMESPACE, SERVER_NAME, Server, controller_with, prepare, register, webhook_with,
};
use bulkhead_harness::wire;
use serde_json::{Value, json};
use support::command::bulkhead;
use support::metrics::{metrics, value};
use support::refusal::{denied_by, expect_admitted, refused, violations};
use support::wait::until;
use support::{BINARY, objects};

const NAME: &str = "bulkhead-settings";
const HEADER: &str = "apiVersion: bulkhead.dev/v1alpha1\nkind: Settings\n";
const BAD: &str = "platform:\n  usres: [ci]\n";
/// The position and the key that the refusal of [`BAD`] names, as `bulkhead check settings.yaml` does.
const ERROR: &str = "settings.yaml:4:3: Settings: platform.usres: unknown field `usres`";
const RELOADED: &str = "bulkhead_settings_valid";

/// A cluster in which Bulkhead is registered, and reads its settings from the ConfigMap.
struct Room {
    cluster: Cluster,
    port: u16,
    authority: Authority,
    webhook: Option<Server>,
}

/// The room with a running replica, whose ConfigMap has the default settings.
fn room() -> MutexGuard<'static, Room> {
    let mut room = empty_room();
    room.admin().apply(&config_map("")).unwrap();
    room.start().wait_until_ready().unwrap();
    until(|| room.is_checked());
    room
}

/// The room without a replica and without the ConfigMap.
fn empty_room() -> MutexGuard<'static, Room> {
    static ROOM: OnceLock<Mutex<Room>> = OnceLock::new();
    let room = ROOM.get_or_init(|| {
        let cluster = Cluster::start().unwrap();
        prepare(&cluster, &BINARY).unwrap();
        let authority = Authority::new("settings").unwrap();
        write_pair(&cluster.folder, "webhook", &authority.server(&[SERVER_NAME]).unwrap()).unwrap();
        let [port] = free_ports().unwrap();
        Mutex::new(Room { cluster, port, authority, webhook: None })
    });
    let mut room = room.lock().unwrap_or_else(PoisonError::into_inner);
    room.webhook = None;
    register(&room.cluster, &BINARY, room.port, &room.authority).unwrap();
    room.admin().ok(&["delete", "configmap", NAME, "-n", NAMESPACE, "--ignore-not-found"]).unwrap();
    room
}

impl Room {
    fn admin(&self) -> Kubectl {
        self.cluster.admin().unwrap()
    }

    /// Starts a replica under the webhook's account.
    fn start(&mut self) -> &mut Server {
        let file = |name: &str| self.cluster.folder.join(name).display().to_string();
        let (certificate, key) = (file("webhook.crt"), file("webhook.key"));
        let arguments = ["--settings-config-map", NAME, "--tls-cert", &certificate, "--tls-key", &key];
        let server = webhook_with(&self.cluster, &BINARY, self.port, &arguments);
        self.webhook.insert(server.unwrap())
    }

    fn server(&self) -> &Server {
        self.webhook.as_ref().unwrap()
    }

    fn readiness(&self) -> (u16, String) {
        let answer = wire::get(self.server().admin, "/readyz").unwrap();
        (answer.status, answer.body)
    }

    fn until_waiting_for(&self, reason: &str) {
        until(|| {
            let (status, body) = self.readiness();
            status == 503 && body.contains(&format!("settings ({NAMESPACE}/{NAME}: {reason}"))
        });
    }

    fn is_reloaded(&self) -> bool {
        value(&metrics(self.server().admin), RELOADED) == 1
    }

    /// True if the API server asks the replica about the ConfigMap.
    fn is_checked(&self) -> bool {
        !self.admin().feed(&["apply", "--dry-run=server", "-f", "-"], &config_map(BAD)).unwrap().success
    }

    /// True if the settings in use reserve namespace names with this prefix for the platform.
    fn reserves(&self, prefix: &str) -> bool {
        let stranger = self.cluster.powerful("settings-stranger", "strangers").unwrap();
        let name = format!("{prefix}-somewhere");
        let said = stranger.run(&["create", "namespace", &name, "--dry-run=server"]).unwrap();
        violations(&said.stderr) == [("BH104", "metadata.name")]
    }
}

/// The ConfigMap with these settings over the defaults.
fn config_map(settings: &str) -> String {
    with_data(&json!({ "settings.yaml": format!("{HEADER}{settings}") }))
}

fn with_data(data: &Value) -> String {
    let metadata = json!({ "name": NAME, "namespace": NAMESPACE });
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data }).to_string()
}

fn reserving(prefix: &str) -> String {
    config_map(&format!("platform:\n  namespacePrefixes: [{prefix}-]\n"))
}

/// The write was refused by the entry of the settings.
#[track_caller]
fn expect_refused_with(said: &Said, message: &str) {
    assert_eq!(denied_by(&said.stderr), ["settings"], "{said:?}");
    assert!(said.stderr.contains(message), "{said:?}");
}

/// With the built-in defaults instead, a replica could admit writes that the platform's settings refuse.
#[test]
fn replica_without_valid_settings_is_not_ready_and_says_why() {
    let mut room = empty_room();
    room.start();
    let admin = room.admin();
    room.until_waiting_for("the ConfigMap does not exist");
    // It checks the ConfigMap already, which can be bad only if no replica answers.
    until(|| room.is_checked());
    admin.apply(&with_data(&json!({ "other.yaml": "" }))).unwrap_err();
    room.webhook = None;
    admin.apply(&with_data(&json!({ "other.yaml": "" }))).unwrap();
    room.start();
    room.until_waiting_for("the ConfigMap has no key `settings.yaml`");
    room.webhook = None;
    admin.apply(&config_map(BAD)).unwrap();
    room.start();
    room.until_waiting_for(ERROR);
    assert!(!room.is_reloaded());
    admin.apply(&config_map("")).unwrap();
    room.webhook.as_mut().unwrap().wait_until_ready().unwrap();
    assert!(room.is_reloaded());
}

#[test]
fn changed_settings_apply_without_a_restart() {
    let room = room();
    let admin = room.admin();
    assert!(!room.reserves("first"));
    let mut slowest = Duration::ZERO;
    for prefix in ["first", "second", "third"] {
        admin.apply(&reserving(prefix)).unwrap();
        let start = Instant::now();
        until(|| room.reserves(prefix));
        slowest = slowest.max(start.elapsed());
    }
    assert!(!room.reserves("first"));
    let note = format!("changed settings applied {slowest:?} after `kubectl apply` at most");
    drop(writeln!(std::io::stderr(), "{note}, one `kubectl create` included"));
    assert!(slowest < Duration::from_secs(3), "{slowest:?}");
    assert_eq!(room.readiness().0, 200);
}

/// The message has the position in the file that `bulkhead check` prints.
#[test]
fn bad_settings_are_refused_with_their_line_to_every_user() {
    let room = room();
    let file = room.cluster.folder.join("settings.yaml").display().to_string();
    let before = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{HEADER}{BAD}")).unwrap();
    let (code, _, checked) = bulkhead(&["check", &file], "");
    fs::write(&file, before).unwrap();
    assert!(code == 2 && checked.contains(ERROR), "{checked}");

    let platform = room.cluster.user("settings-platform", &["system:masters"]).unwrap();
    let stranger = room.cluster.powerful("settings-mallory", "strangers").unwrap();
    let own_account =
        room.cluster.powerful("system:serviceaccount:bulkhead-system:some-operator", "settings-operators");
    for user in [room.admin(), platform, own_account.unwrap()] {
        let said = user.feed(&["apply", "-f", "-"], &config_map(BAD)).unwrap();
        expect_refused_with(&said, ERROR);
    }
    // Two entries refuse this user, and the API server returns one of the refusals.
    let said = stranger.feed(&["apply", "-f", "-"], &config_map(BAD)).unwrap();
    assert!(!said.success && [["settings"], ["shared"]].contains(&[denied_by(&said.stderr)[0]]), "{said:?}");
    let admin = room.admin();
    for (data, message) in [
        (json!({}), "the ConfigMap has no key `settings.yaml`"),
        (json!({ "settings.yaml": "" }), "no document of `kind: Settings`"),
        (json!({ "settings.yaml": "a: [" }), "settings.yaml: "),
        (json!({ "settings.yaml": format!("{HEADER}rules: {{ BH401: Warn }}\n") }), "rules.BH401"),
    ] {
        let said = admin.feed(&["replace", "-f", "-"], &with_data(&data)).unwrap();
        expect_refused_with(&said, message);
    }
    let moved = json!({ "data": null, "binaryData": { "settings.yaml": "" } }).to_string();
    let patch = ["patch", "configmap", NAME, "-n", NAMESPACE, "--type=merge", "-p", &moved];
    expect_refused_with(&admin.run(&patch).unwrap(), "the ConfigMap has no key");

    // Other accounts may not write there at all, nor other settings.
    refused(&stranger, &["apply", "-f", "-"], &reserving("mine"), &[("BH401", "metadata.namespace")]);
    // Other ConfigMaps, and those of this name elsewhere, are not the settings.
    for (name, namespace) in [("others", NAMESPACE), (NAME, "default")] {
        let create = ["create", "configmap", name, "-n", namespace, "--dry-run=server"];
        expect_admitted(&admin.run(&create).unwrap());
    }
}

/// The platform must be able to change its settings in an outage, whatever is registered.
#[test]
fn settings_can_be_changed_while_no_replica_answers() {
    let mut room = room();
    let admin = room.admin();
    room.webhook = None;
    let stops = admin.run(&["create", "namespace", "stops", "--dry-run=server"]).unwrap();
    assert!(stops.stderr.contains("connection refused"), "{stops:?}");
    admin.apply(&reserving("outage")).unwrap();
    room.start().wait_until_ready().unwrap();
    until(|| room.reserves("outage"));

    // What nothing has checked keeps the next replica from being ready, until it is repaired.
    room.webhook = None;
    admin.apply(&config_map(BAD)).unwrap();
    room.start();
    room.until_waiting_for(ERROR);
    admin.ok(&["annotate", "configmap", NAME, "-n", NAMESPACE, "example.com/note=bad"]).unwrap();
    admin.apply(&reserving("repaired")).unwrap();
    room.webhook.as_mut().unwrap().wait_until_ready().unwrap();
    until(|| room.reserves("repaired"));
}

#[test]
fn last_valid_settings_stay_after_a_delete() {
    let room = room();
    let admin = room.admin();
    admin.apply(&reserving("kept")).unwrap();
    until(|| room.reserves("kept"));
    assert!(room.is_reloaded());
    let said = admin.run(&["delete", "configmap", NAME, "-n", NAMESPACE]).unwrap();
    assert!(said.success && said.stderr.contains("Warning: Bulkhead keeps these settings"), "{said:?}");
    until(|| !room.is_reloaded());
    sleep(Duration::from_secs(1));
    assert!(room.reserves("kept"));
    assert_eq!(room.readiness().0, 200);
    admin.apply(&reserving("next")).unwrap();
    until(|| room.reserves("next") && room.is_reloaded());
}

#[test]
fn settings_that_take_a_grant_away_are_warned_about() {
    let room = room();
    let admin = room.admin();
    let gateway = "gateways: [{ name: edge/public, serviceAccount: public, selector: { app: public } }]\n";
    admin.apply(&config_map(gateway)).unwrap();
    let grants =
        json!({ "grants": { "serve": { "gateways": ["edge/public"], "hosts": ["www.example.com"] } } });
    admin.apply(&objects::tenant("settings-granted", &grants).to_string()).unwrap();
    let warning =
        "Warning: gateways: `edge/public` is missing, and can no longer call the tenants settings-granted";
    until(|| {
        let said = admin.feed(&["replace", "--dry-run=server", "-f", "-"], &config_map("")).unwrap();
        assert!(said.success, "{said:?}");
        said.stderr.contains(warning)
    });
    let kept = config_map(&format!("{gateway}platform:\n  namespacePrefixes: [kept-]\n"));
    expect_admitted(&admin.feed(&["replace", "-f", "-"], &kept).unwrap());
    admin.ok(&["delete", "tenant", "settings-granted"]).unwrap();
}

/// The controller follows the settings, and registers the check of the ConfigMap under the name that it was given.
#[test]
fn controller_registers_the_check_of_its_own_config_map() {
    let room = room();
    let admin = room.admin();
    let bundle = room.cluster.folder.join("webhook-ca.crt").display().to_string();
    let other = "bulkhead-settings-next";
    let of_name = |text: &str| text.replace(&format!("\"{NAME}\""), &format!("\"{other}\""));
    let port = room.port.to_string();
    let arguments = ["--settings-config-map", other, "--port", &port, "--ca-bundle", &bundle];
    let controller: Process = controller_with(&room.cluster, &BINARY, &arguments).unwrap();
    // It waits for its settings.
    sleep(Duration::from_secs(2));
    assert!(room.is_checked());
    admin.apply(&of_name(&config_map(""))).unwrap();
    until(|| !room.is_checked());
    let said = admin.feed(&["apply", "-f", "-"], &of_name(&config_map(BAD))).unwrap();
    expect_refused_with(&said, ERROR);
    let path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/tenant-bulkhead";
    let policies = || {
        let live: Value = serde_json::from_str(&admin.ok(&["get", "--raw", path]).unwrap()).unwrap();
        let entries = live["webhooks"].as_array().unwrap().clone();
        let names = |policy: &str| {
            let with = entries.iter().filter(|entry| entry["failurePolicy"] == policy);
            with.map(|entry| entry["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        (names("Ignore"), names("Fail").len())
    };
    until(|| policies().0 == ["settings.bulkhead.dev"]);
    assert!(policies().1 > 8);

    drop(controller);
    admin.ok(&["delete", "configmap", other, "-n", NAMESPACE]).unwrap();
}

#[test]
fn baseline_follows_dns_to_another_namespace() {
    let room = room();
    let admin = room.admin();
    let settings = "network:\n  dns:\n    preset: OpenShift\n";
    let file = room.cluster.folder.join("dns.yaml").display().to_string();
    fs::write(&file, format!("{HEADER}{settings}")).unwrap();
    let bundle = room.cluster.folder.join("webhook-ca.crt").display().to_string();
    let port = room.port.to_string();
    let arguments = ["--settings-config-map", NAME, "--port", &port, "--ca-bundle", &bundle];
    let _controller: Process = controller_with(&room.cluster, &BINARY, &arguments).unwrap();

    let namespace = "tenant-settings-dns";
    let owners = json!({ "owners": [{ "kind": "User", "name": "settings-dns" }] });
    admin.apply(&objects::tenant("settings-dns", &owners).to_string()).unwrap();
    let label = json!({ "bulkhead.dev/tenant": "settings-dns" });
    let of_tenant = objects::labelled_namespace(namespace, &label);
    until(|| admin.feed(&["apply", "-f", "-"], &of_tenant.to_string()).unwrap().success);
    let egress = || {
        let policy = ["get", "networkpolicy", "allow-dns-and-api", "-n", namespace, "-o", "json"];
        admin.run(&policy).unwrap().stdout
    };
    until(|| egress().contains("\"k8s-app\": \"kube-dns\""));

    admin.ok(&["create", "namespace", "openshift-dns"]).unwrap();
    let service = json!({ "ports": [{ "port": 53, "targetPort": 5353, "protocol": "UDP" }] });
    admin
        .apply(&objects::object("v1", "Service", "openshift-dns", "dns-default", &service).to_string())
        .unwrap();
    let address =
        ["get", "service", "dns-default", "-n", "openshift-dns", "-o", "jsonpath={.spec.clusterIP}"];
    let address = format!("{}/32", admin.ok(&address).unwrap());
    let (_, rbac, _) = bulkhead(&["manifests", "rbac", "--settings", &file], "");
    admin.apply(&rbac).unwrap();
    admin.apply(&config_map(settings)).unwrap();
    until(|| {
        let egress = egress();
        let has = ["openshift-dns", "5353", &address, "169.254.25.10/32"];
        has.iter().all(|part| egress.contains(part)) && !egress.contains("kube-dns")
    });
    admin.apply(&config_map("")).unwrap();
    until(|| egress().contains("\"k8s-app\": \"kube-dns\""));
    admin.ok(&["delete", "namespace", namespace, "openshift-dns"]).unwrap();
    admin.ok(&["delete", "tenant", "settings-dns"]).unwrap();
}

#[test]
fn commands_read_the_settings_of_the_cluster() {
    let room = room();
    let admin = room.admin();
    let run = |arguments: &[&str]| {
        let output =
            Command::new(&*BINARY).args(arguments).env("KUBECONFIG", &admin.kubeconfig).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let settings = "meshWide:\n  manage: true\nplatform:\n  namespacePrefixes: [read-]\n";
    admin.apply(&config_map(settings)).unwrap();
    let file = room.cluster.folder.join("read.yaml").display().to_string();
    fs::write(&file, format!("{HEADER}{settings}")).unwrap();
    for command in ["snapshot", "render", "audit", "deny-all"] {
        let (code, printed, note) = run(&[command]);
        assert_ne!(code, Some(2), "{command}: {note}");
        let from_file = run(&[command, "--settings", &file]);
        assert_eq!((code, printed), (from_file.0, from_file.1), "{command}: {note}");
    }
    assert!(run(&["snapshot"]).1.contains("namespacePrefixes: [read-]"));
    assert!(run(&["render", "--cluster-wide"]).1.contains("kind: PeerAuthentication"));
    let (_, _, note) = run(&["enforce", "absent"]);
    assert!(note.contains("there is no active Tenant `absent`"), "{note}");

    // Findings with other settings than the cluster's would be wrong.
    admin.ok(&["delete", "configmap", NAME, "-n", NAMESPACE]).unwrap();
    for command in [&["snapshot"][..], &["render"], &["audit"], &["deny-all"], &["enforce", "absent"]] {
        let (code, printed, note) = run(command);
        assert_eq!((code, printed.as_str()), (Some(2), ""), "{command:?}");
        assert!(note.contains("ConfigMap bulkhead-system/bulkhead-settings"), "{note}");
        assert!(note.contains("--settings FILE") && note.contains("does not exist"), "{note}");
    }
    admin.apply(&config_map("").replace(NAME, "settings-elsewhere")).unwrap();
    assert_eq!(run(&["render", "--settings-config-map", "settings-elsewhere"]).0, Some(0));
    admin.ok(&["delete", "configmap", "settings-elsewhere", "-n", NAMESPACE]).unwrap();
}

#[test]
fn accounts_can_read_the_settings_and_not_change_them() {
    let room = room();
    for account in ["bulkhead", "bulkhead-controller"] {
        let kubectl = room.cluster.service_account(NAMESPACE, account).unwrap();
        let map = format!("configmaps/{NAME}");
        let can = |verb: &str| {
            let said = kubectl.run(&["auth", "can-i", verb, &map, "-n", NAMESPACE]).unwrap();
            said.stdout.trim() == "yes"
        };
        for verb in ["list", "watch"] {
            assert!(can(verb), "{account} cannot {verb}");
        }
        for verb in ["get", "update", "patch", "delete"] {
            assert!(!can(verb), "{account} can {verb}");
        }
        let elsewhere = ["auth", "can-i", "get", "configmaps", "-n", "default"];
        assert_eq!(kubectl.run(&elsewhere).unwrap().stdout.trim(), "no", "{account}");
    }
}
