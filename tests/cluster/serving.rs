//! `bulkhead serve` with an API server: settings, the requests that it makes, and a watch that is interrupted.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bulkhead_harness::cable::Cable;
use bulkhead_harness::cluster::folder;
use bulkhead_harness::components;
use bulkhead_harness::program::{Installation, NAMESPACE, SERVER_NAME, Server};
use bulkhead_harness::wire::{self, Caller};
use serde_json::{Value, json};
use support::BINARY;
use support::cluster::{alone, new_namespace, new_tenant, shared, wait_until_ready};
use support::metrics::metrics;
use support::refusal::causes;
use support::review::{allows_pod_in, creation, injected_pod, is_allowed};
use support::wait::{until, within};

/// Starts a server that is timed: no component is compiled meanwhile.
fn start(name: &str, folder: &Path, arguments: &[&str], kubeconfig: &Path) -> Server {
    components::build_all().unwrap();
    Server::start(&BINARY, name, folder, arguments, Some(kubeconfig)).unwrap()
}

/// A webhook with settings that a test changes.
struct Configured {
    server: Server,
    caller: Caller,
    settings: SettingsFile,
}

/// A file of settings with one key.
struct SettingsFile {
    path: PathBuf,
    key: &'static str,
}

impl Configured {
    /// Starts it with an empty map under the key.
    fn start(it: &Installation, name: &str, key: &'static str) -> Self {
        let folder = folder(name).unwrap();
        let settings = SettingsFile { path: folder.join("settings.yaml"), key };
        settings.write("{}");
        let account = it.cluster.service_account(NAMESPACE, "bulkhead").unwrap();
        let path = settings.path.display().to_string();
        let arguments = ["--parts=webhook", "--settings", &path, "--development-certificate", SERVER_NAME];
        let mut server = start(name, &folder, &arguments, &account.kubeconfig);
        server.wait_until_ready().unwrap();
        let caller = Caller::new(server.webhook, SERVER_NAME, &server.process.stdout()).unwrap();
        Self { server, caller, settings }
    }
}

impl SettingsFile {
    fn write(&self, value: &str) {
        let text = format!("apiVersion: bulkhead.dev/v1alpha1\nkind: Settings\n{}: {value}\n", self.key);
        fs::write(&self.path, text).unwrap();
    }
}

/// The seconds since the first failure of a watch, of all watches the most, by the metrics.
fn age(server: &Server) -> f64 {
    let metrics = metrics(server.admin);
    let ages = metrics.lines().filter_map(|line| line.strip_prefix("bulkhead_watch_staleness_seconds{"));
    ages.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).fold(0.0, f64::max)
}

/// A thousand reviews cost the API server nothing.
#[test]
fn decision_makes_no_api_request() {
    let it = alone();
    let admin = it.cluster.admin().unwrap();
    let member = new_tenant(&it, "serving");
    let review = injected_pod(&new_namespace(&member, "serving"));
    let requests = || -> f64 {
        let metrics = admin.ok(&["get", "--raw", "/metrics"]).unwrap();
        let counts = metrics.lines().filter(|line| line.starts_with("apiserver_request_total{"));
        counts.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
    };
    let caller = it.caller().unwrap();
    let mut connection = caller.connect().unwrap();
    let before = requests();
    for _ in 0..1000 {
        connection.write_all(&wire::request("/validate/workloads", &review)).unwrap();
        assert_eq!(wire::read(&mut connection).unwrap().status, 200);
    }
    let made = requests() - before;
    // The other processes make some requests meanwhile; one for each review would be a thousand.
    assert!(made < 500.0, "{made} API requests during 1000 reviews");
}

/// New settings take effect without a restart.
#[test]
fn new_settings_take_effect_and_bad_ones_do_not() {
    let it = shared();
    let Configured { server, caller, settings } = Configured::start(&it, "settings", "platform");
    let write = |platform: &str| settings.write(platform);
    let namespace =
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "kube-flannel" } });
    let review = creation("namespaces", "", "dave", &namespace).to_string();
    let allowed = || is_allowed(&caller, "/validate/namespaces?timeout=5s", review.as_bytes());
    assert!(!allowed());
    write("{users: [dave]}");
    until(allowed);
    write("{user: [dave]}");
    until(|| {
        let log = server.process.log();
        log.contains("settings.yaml:3:12") && log.contains("platform.user") && log.contains("`user`")
    });
    assert!(allowed());
    write("{users: []}");
    until(|| !allowed());
}

/// A rule can be rolled out without refusing anything at first.
#[test]
fn rule_in_another_mode_admits_and_records_violations() {
    let it = shared();
    let namespace = new_namespace(&new_tenant(&it, "sv-modes"), "sv-modes");
    let Configured { server, caller, settings } = Configured::start(&it, "modes", "rules");
    let write = |rules: &str| settings.write(rules);
    let mut review: Value = serde_json::from_slice(&injected_pod(&namespace)).unwrap();
    review["request"]["object"]["spec"]["containers"][0]["securityContext"] = json!({ "privileged": true });
    let review = review.to_string();
    let response = || -> Value {
        let answer = caller.post("/validate/workloads?timeout=5s", review.as_bytes()).unwrap();
        serde_json::from_str::<Value>(&answer.body).unwrap()["response"].take()
    };
    let violation = [("BH307", "spec.containers[0].securityContext.privileged")];
    assert_eq!(causes(&response()), violation);
    for (mode, reason, warned) in [("Warn", "warned", 1), ("Audit", "audited", 0)] {
        write(&format!("{{ BH307: {mode} }}"));
        let recorded = until(|| Some(response()).filter(|it| it["auditAnnotations"][reason] == "BH307"));
        assert_eq!(recorded["allowed"], true, "{recorded}");
        assert_eq!(recorded["warnings"].as_array().map_or(0, Vec::len), warned, "{recorded}");
        let count = format!("bulkhead_waived_violations_total{{code=\"BH307\",reason=\"{reason}\"}}");
        assert!(metrics(server.admin).contains(&count));
    }
    write("{ BH401: Warn }");
    until(|| server.process.log().contains("rules.BH401"));
    write("{}");
    until(|| causes(&response()) == violation);
}

/// Without the API server for a minute, the webhook judges by its last snapshot and reports its age.
#[test]
fn webhook_with_an_interrupted_watch_serves_and_catches_up() {
    let it = shared();
    let member = new_tenant(&it, "sv-cut");
    let name = new_namespace(&member, "sv-cut");
    let api = &it.cluster.server;
    let cable = Cable::to(api.trim_start_matches("https://").parse().unwrap()).unwrap();
    let account = it.cluster.service_account(NAMESPACE, "bulkhead").unwrap();
    let account = account.through(api, cable.address).unwrap();
    let folder = folder("cut").unwrap();
    let arguments = ["--parts=webhook", "--development-certificate", SERVER_NAME];
    let mut server = start("cut", &folder, &arguments, &account.kubeconfig);
    server.wait_until_ready().unwrap();
    let caller = Caller::new(server.webhook, SERVER_NAME, &server.process.stdout()).unwrap();
    assert!(allows_pod_in(&name, &caller));
    assert!(age(&server) < f64::EPSILON);

    let begin = Instant::now();
    cable.cut();
    member.ok(&["create", "namespace", "tenant-sv-cut-new"]).unwrap();
    wait_until_ready(&member, "tenant-sv-cut-new");
    while begin.elapsed() < Duration::from_mins(1) {
        assert!(allows_pod_in(&name, &caller));
        assert_eq!(wire::get(server.admin, "/readyz").unwrap().status, 200);
        std::thread::sleep(Duration::from_secs(1));
    }
    assert!(!allows_pod_in("tenant-sv-cut-new", &caller), "the webhook does not know the namespace");
    let old = age(&server);
    assert!(old > 30.0 && old <= begin.elapsed().as_secs_f64(), "{old}");

    cable.mend();
    within(Duration::from_mins(2), || allows_pod_in("tenant-sv-cut-new", &caller));
    within(Duration::from_mins(2), || age(&server) < f64::EPSILON);
    assert!(allows_pod_in(&name, &caller));
}
