//! The controller registers the webhook by itself: in a cluster of its own, in which the webhook is there or not as a
//! test needs it. One test at a time.

use std::fs;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use bulkhead_harness::cluster::{Cluster, free_ports, write_pair};
use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::pki::Authority;
use bulkhead_harness::process::Process;
use bulkhead_harness::program::{NAMESPACE, SERVER_NAME, Server, controller_with, prepare, printed, service};
use bulkhead_harness::wire;
use serde_json::{Value, json};

use crate::cluster::{BINARY, until, within};

/// A cluster with Istio's kinds left out, a Service, and nobody behind it.
struct Room {
    cluster: Cluster,
    port: u16,
    webhook: Option<Server>,
    controller: Option<Process>,
}

const BOTH: &str = "validatingwebhookconfiguration,mutatingwebhookconfiguration";
const SETTINGS: &str = "apiVersion: bulkhead.dev/v1alpha1\nkind: Settings\n";

fn room() -> MutexGuard<'static, Room> {
    static ROOM: OnceLock<Mutex<Room>> = OnceLock::new();
    let room = ROOM.get_or_init(|| {
        let cluster = Cluster::start().unwrap();
        prepare(&cluster, BINARY.as_ref()).unwrap();
        let [port] = free_ports().unwrap();
        cluster.admin().unwrap().apply(&service(port).to_string()).unwrap();
        Mutex::new(Room { cluster, port, webhook: None, controller: None })
    });
    let mut room = room.lock().unwrap_or_else(PoisonError::into_inner);
    room.clear();
    room
}

impl Room {
    /// As it was before anything of Bulkhead ran, with a certificate of a new authority.
    fn clear(&mut self) {
        self.webhook = None;
        self.stop_controller();
        let admin = self.admin();
        admin.apply(&printed(BINARY.as_ref(), &["rbac"]).unwrap()).unwrap();
        admin.ok(&["delete", BOTH, "tenant-bulkhead", "--ignore-not-found"]).unwrap();
        self.say("");
        self.rotate("first");
    }

    fn admin(&self) -> Kubectl {
        self.cluster.admin().unwrap()
    }

    fn file(&self, name: &str) -> String {
        self.cluster.folder.join(name).display().to_string()
    }

    /// What the settings say beside the defaults.
    fn say(&self, settings: &str) {
        fs::write(self.file("registering.yaml"), format!("{SETTINGS}{settings}\n")).unwrap();
    }

    /// A certificate of another authority, and that alone to trust.
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
        self.controller = Some(controller_with(&self.cluster, BINARY.as_ref(), &arguments).unwrap());
    }

    /// It gives its lease back.
    fn stop_controller(&mut self) {
        if let Some(mut controller) = self.controller.take() {
            controller.terminate().unwrap();
            controller.wait(Duration::from_secs(10)).unwrap();
        }
    }

    fn start_webhook(&mut self) {
        let account = self.cluster.service_account(NAMESPACE, "bulkhead").unwrap();
        let listen = format!("127.0.0.1:{}", self.port);
        let (settings, certificate, key) =
            (self.file("registering.yaml"), self.file("registering.crt"), self.file("registering.key"));
        let arguments = [
            ["--parts", "webhook"],
            ["--settings", &settings],
            ["--listen", &listen],
            ["--tls-cert", &certificate],
            ["--tls-key", &key],
        ];
        let arguments = arguments.concat();
        let folder = &self.cluster.folder;
        let mut server =
            Server::start(BINARY.as_ref(), "webhook", folder, &arguments, Some(&account.kubeconfig)).unwrap();
        server.wait_until_ready().unwrap();
        self.webhook = Some(server);
    }

    /// Both run, and what cannot be judged is refused.
    fn enforced() -> MutexGuard<'static, Self> {
        let mut room = room();
        room.start_webhook();
        room.start_controller();
        room.until_policies(&["Fail"]);
        room
    }

    /// The configuration of this kind, if it is there.
    fn configuration(&self, kind: &str) -> Option<Value> {
        let path =
            format!("/apis/admissionregistration.k8s.io/v1/{kind}webhookconfigurations/tenant-bulkhead");
        serde_json::from_str(&self.admin().run(&["get", "--raw", &path]).unwrap().stdout).ok()
    }

    /// The policies of the entries that judge, each once.
    fn policies(&self) -> Vec<String> {
        let entries = self.configuration("validating").map(|mut it| it["webhooks"].take());
        let entries = entries.as_ref().and_then(Value::as_array).into_iter().flatten();
        let mut found: Vec<_> =
            entries.map(|entry| entry["failurePolicy"].as_str().unwrap().to_owned()).collect();
        found.sort();
        found.dedup();
        found
    }

    fn until_policies(&self, wanted: &[&str]) {
        until(|| self.policies() == wanted);
    }

    fn until_log(&self, says: &str) {
        until(|| self.controller.as_ref().unwrap().log().contains(says));
    }

    /// As it stays, whatever the API server counts.
    fn webhooks(&self) -> [Value; 2] {
        ["validating", "mutating"].map(|kind| self.configuration(kind).unwrap()["webhooks"].take())
    }

    fn until_put_back(&self, before: &[Value; 2]) {
        within(Duration::from_secs(45), || {
            let both = ["validating", "mutating"].map(|kind| self.configuration(kind));
            both.iter().all(Option::is_some) && self.webhooks() == *before
        });
    }

    /// How often Bulkhead's controller has written a configuration or asked whether the webhook is reached.
    fn writes(&self) -> usize {
        let events =
            self.cluster.audited("system:serviceaccount:bulkhead-system:bulkhead-controller").unwrap();
        let about = |event: &&Value| {
            let resource = event["objectRef"]["resource"].as_str().unwrap_or_default();
            resource.ends_with("webhookconfigurations") || resource == "namespaces"
        };
        events.iter().filter(about).count()
    }
}

#[test]
fn while_nobody_answers_it_registers_and_stops_nothing() {
    let mut room = room();
    room.start_controller();
    room.until_policies(&["Ignore"]);
    room.until_log("a dry run that every replica refuses was admitted");
    let admin = room.admin();
    admin.ok(&["create", "namespace", "goes-on", "--dry-run=server"]).unwrap();
    sleep(Duration::from_secs(5));
    assert_eq!(room.policies(), ["Ignore"]);
    let metrics = |room: &Room| {
        let log = room.controller.as_ref().unwrap().log();
        let listening: Value = log
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .find(|line: &Value| line["message"] == "listening")
            .unwrap();
        wire::get(listening["admin"].as_str().unwrap().parse().unwrap(), "/metrics").unwrap().body
    };
    assert!(metrics(&room).contains("bulkhead_registration{state=\"unproven\"} 1"), "{}", metrics(&room));

    room.start_webhook();
    room.until_policies(&["Fail"]);
    until(|| metrics(&room).contains("bulkhead_registration{state=\"enforced\"} 1"));
    let labels = room.configuration("mutating").unwrap();
    assert_eq!(labels["webhooks"][0]["failurePolicy"], "Ignore", "{labels}");

    // Once it refuses it goes on refusing, with nobody there and another controller.
    room.webhook = None;
    room.stop_controller();
    room.start_controller();
    room.until_log("what cannot be judged is refused");
    assert_eq!(room.policies(), ["Fail"]);
    let said = admin.run(&["create", "namespace", "stops", "--dry-run=server"]).unwrap();
    assert!(said.stderr.contains("connection refused"), "{said:?}");

    // Who deletes them can go on at once: they come back without refusing.
    admin.ok(&["delete", BOTH, "tenant-bulkhead"]).unwrap();
    room.until_policies(&["Ignore"]);
    admin.ok(&["create", "namespace", "goes-on", "--dry-run=server"]).unwrap();
}

#[test]
fn what_is_edited_or_deleted_is_put_back() {
    let room = Room::enforced();
    let admin = room.admin();
    let before = room.webhooks();
    let edit = |kind: &str, patch: Value| {
        admin.ok(&["patch", kind, "tenant-bulkhead", "--type=json", "-p", &patch.to_string()]).unwrap();
        room.until_put_back(&before);
    };
    let judges = "validatingwebhookconfiguration";
    edit(judges, json!([{ "op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore" }]));
    edit(
        judges,
        json!([{ "op": "add", "path": "/webhooks/0/objectSelector/matchLabels", "value": { "ask": "yes" } }]),
    );
    edit(judges, json!([{ "op": "remove", "path": "/webhooks/1" }]));
    edit(judges, json!([{ "op": "replace", "path": "/webhooks/0/clientConfig/service/port", "value": 1 }]));
    edit(
        "mutatingwebhookconfiguration",
        json!([{ "op": "replace", "path": "/webhooks/0/timeoutSeconds", "value": 30 }]),
    );
    edit("mutatingwebhookconfiguration", json!([{ "op": "remove", "path": "/metadata/ownerReferences" }]));
    admin.ok(&["delete", BOTH, "tenant-bulkhead"]).unwrap();
    room.until_put_back(&before);
    for kind in ["validating", "mutating"] {
        let owners = &room.configuration(kind).unwrap()["metadata"]["ownerReferences"];
        assert_eq!(owners[0]["name"], "bulkhead-controller", "{owners}");
    }
}

#[test]
fn at_rest_nothing_is_written_and_nothing_asked() {
    let mut room = Room::enforced();
    room.until_log("what cannot be judged is refused");
    let before = room.writes();
    assert!(before >= 6, "two creations, three questions, one turn: {before}");
    sleep(Duration::from_secs(10));
    assert_eq!(room.writes(), before);
    // Nor by the next one.
    room.stop_controller();
    room.start_controller();
    room.until_log("what cannot be judged is refused");
    assert_eq!(room.writes(), before);
}

#[test]
fn nothing_is_put_back_while_the_settings_say_leave() {
    let mut room = Room::enforced();
    room.say("registration: Leave");
    room.until_log("left as they are");
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
    // Nor by the next one.
    room.stop_controller();
    room.start_controller();
    room.until_log("left as they are");
    sleep(Duration::from_secs(3));
    assert_eq!(others(&room), (vec!["Fail".to_owned(), "Ignore".to_owned()], None));

    room.say("registration: Manage");
    room.until_policies(&["Fail"]);
    until(|| room.configuration("mutating"));
}

#[test]
fn they_go_with_the_cluster_role() {
    let room = Room::enforced();
    let admin = room.admin();
    admin.ok(&["delete", "clusterrole", "bulkhead-controller"]).unwrap();
    let gone = || ["validating", "mutating"].iter().all(|kind| room.configuration(kind).is_none());
    within(Duration::from_mins(1), gone);
    // Whoever still runs has lost the right, and would not use it.
    sleep(Duration::from_secs(5));
    assert!(gone());
    admin.ok(&["create", "namespace", "goes-on", "--dry-run=server"]).unwrap();
}

#[test]
fn a_new_authority_is_followed_and_a_bad_one_is_not() {
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
    for (bad, says) in [("nothing", "no certificate in it"), (&*with_key, "a private key is in it")] {
        fs::write(room.file("registering-ca.crt"), bad).unwrap();
        room.until_log(says);
        sleep(Duration::from_secs(3));
        assert_eq!((bundle(&room), room.policies()), (next.clone(), vec!["Fail".to_owned()]));
    }

    // One that nobody's certificate is of is trusted at the price of asking again: nothing stops.
    fs::write(room.file("registering-ca.crt"), Authority::new("strange").unwrap().certificate).unwrap();
    room.until_policies(&["Ignore"]);
    room.until_log("or does not trust its certificate");
    room.admin().ok(&["create", "namespace", "goes-on", "--dry-run=server"]).unwrap();
}

#[test]
fn without_the_right_or_a_bundle_it_says_so_and_writes_nothing() {
    let mut room = room();
    let bundle = fs::read(room.file("registering-ca.crt")).unwrap();
    fs::remove_file(room.file("registering-ca.crt")).unwrap();
    room.start_controller();
    room.until_log("registering-ca.crt: No such file");
    assert!(room.policies().is_empty());

    room.admin().ok(&["delete", "clusterrole", "bulkhead-controller"]).unwrap();
    fs::write(room.file("registering-ca.crt"), bundle).unwrap();
    room.until_log("looking for the cluster role that owns them");
    assert!(room.policies().is_empty());
}

/// By whoever asks: an answer that depends on that would prove less.
#[test]
fn a_question_is_refused_to_everybody() {
    let room = Room::enforced();
    let controller = room.cluster.service_account(NAMESPACE, "bulkhead-controller").unwrap();
    for who in [room.admin(), controller] {
        let question = r#"{"metadata":{"labels":{"bulkhead.dev/probe":"1"}}}"#;
        let said = who.run(&["patch", "namespace", NAMESPACE, "--dry-run=server", "-p", question]).unwrap();
        assert!(
            said.stderr.contains("BH103 metadata.labels[bulkhead.dev/probe]: nobody can set it"),
            "{said:?}"
        );
    }
}
