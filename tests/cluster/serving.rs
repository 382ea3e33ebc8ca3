//! `bulkhead serve` from its first moment to its last: readiness, certificates, what it asks of the API
//! server, how it stops.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use bulkhead::telemetry::{Failure, Metrics};
use bulkhead_harness::cable::Cable;
use bulkhead_harness::cluster::{folder, free_ports, write_pair};
use bulkhead_harness::components;
use bulkhead_harness::pki::Authority;
use bulkhead_harness::program::{NAMESPACE, SERVER_NAME, Server};
use bulkhead_harness::wire::{self, Caller};
use serde_json::{Value, json};

use crate::cluster::{BINARY, alone, is_ready, namespace, shared, tenant, until, within};

const WORLD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/world");

fn start(name: &str, folder: &Path, arguments: &[&str], kubeconfig: Option<&Path>) -> Server {
    components::build_all().unwrap();
    Server::start(BINARY.as_ref(), name, folder, arguments, kubeconfig).unwrap()
}

fn ready(server: &Server) -> (u16, String) {
    let answer = wire::get(server.admin, "/readyz").unwrap();
    (answer.status, answer.body)
}

/// The review of a pod that is as Istio makes it.
fn review(namespace: &str) -> Vec<u8> {
    let pod =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/injected/shop.json")).unwrap();
    let review = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "0f4b", "resource": { "group": "", "version": "v1", "resource": "pods" },
            "namespace": namespace, "operation": "CREATE", "userInfo": { "username": "alice" },
            "object": serde_json::from_str::<Value>(&pod).unwrap(),
        },
    });
    review.to_string().into_bytes()
}

fn allowed(caller: &Caller) -> bool {
    allowed_in("tenant-acme", caller)
}

fn allowed_in(namespace: &str, caller: &Caller) -> bool {
    let answer = caller.post("/validate/workloads?timeout=5s", &review(namespace)).unwrap();
    serde_json::from_str::<Value>(&answer.body).unwrap()["response"]["allowed"] == true
}

/// The most seconds that any watch has failed, as the metrics say it.
fn age(server: &Server) -> f64 {
    let metrics = wire::get(server.admin, "/metrics").unwrap().body;
    let ages = metrics.lines().filter_map(|line| line.strip_prefix("bulkhead_watch_age_seconds{"));
    ages.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).fold(0.0, f64::max)
}

#[test]
fn before_the_first_list_nothing_is_ready_and_all_is_refused() {
    let folder = folder("unready").unwrap();
    let [nobody] = free_ports().unwrap();
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "a",
        "clusters": [{ "name": "a", "cluster": { "server": format!("https://127.0.0.1:{nobody}") } }],
        "users": [{ "name": "a", "user": {} }],
        "contexts": [{ "name": "a", "context": { "cluster": "a", "user": "a" } }],
    });
    let kubeconfig = folder.join("kubeconfig");
    fs::write(&kubeconfig, config.to_string()).unwrap();
    let server = start("unready", &folder, &["--development-certificate", SERVER_NAME], Some(&kubeconfig));
    assert_eq!(
        ready(&server),
        (503, "waiting for: endpointslices, exemptions, namespaces, retired names, services, sharedservices, tenants\n".to_owned())
    );
    assert_eq!(wire::get(server.admin, "/healthz").unwrap().status, 200);

    let caller = Caller::new(server.webhook, SERVER_NAME, &server.process.stdout()).unwrap();
    let answer = caller.post("/validate/workloads?timeout=1s", &review("tenant-acme")).unwrap();
    let response = &serde_json::from_str::<Value>(&answer.body).unwrap()["response"];
    assert_eq!((&response["uid"], &response["allowed"]), (&json!("0f4b"), &json!(false)));
    assert_eq!(response["status"]["code"], 503);
    assert_eq!(
        response["status"]["message"], "the time for an answer ran out; try again",
        "the caller's deadline"
    );
}

#[test]
fn a_new_certificate_is_shown_and_a_bad_one_is_not() {
    let folder = folder("rotation").unwrap();
    let (first, second) = (Authority::new("first").unwrap(), Authority::new("second").unwrap());
    write_pair(&folder, "tls", &first.server(&[SERVER_NAME]).unwrap()).unwrap();
    let file = |name: &str| folder.join(name).display().to_string();
    let server = start(
        "rotation",
        &folder,
        &["--world", WORLD, "--tls-cert", &file("tls.crt"), "--tls-key", &file("tls.key")],
        None,
    );
    let by =
        |authority: &Authority| Caller::new(server.webhook, SERVER_NAME, &authority.certificate).unwrap();
    assert!(allowed(&by(&first)));

    // A connection that is open keeps its certificate.
    let mut open = by(&first).connect().unwrap();
    write_pair(&folder, "tls", &second.server(&[SERVER_NAME]).unwrap()).unwrap();
    until(|| by(&second).connect().ok());
    assert!(by(&first).connect().is_err());
    std::io::Write::write_all(&mut open, &wire::request("/validate/workloads", &review("tenant-acme")))
        .unwrap();
    assert_eq!(wire::read(&mut open).unwrap().status, 200);

    // A key that is not the certificate's, then no PEM at all.
    fs::write(folder.join("tls.key"), first.server(&[SERVER_NAME]).unwrap().key).unwrap();
    until(|| server.process.log().contains("the new certificate cannot be used"));
    fs::write(folder.join("tls.crt"), "nothing").unwrap();
    until(|| server.process.log().matches("the new certificate cannot be used").count() == 2);
    assert!(allowed(&by(&second)));
}

#[test]
fn it_stops_when_told_and_finishes_what_it_began() {
    let folder = folder("stop").unwrap();
    let arguments = ["--world", WORLD, "--development-certificate", SERVER_NAME, "--shutdown-delay", "2"];
    let mut server = start("stop", &folder, &arguments, None);
    let caller = Caller::new(server.webhook, SERVER_NAME, &server.process.stdout()).unwrap();
    assert_eq!(ready(&server).0, 200);
    let mut idle = caller.connect().unwrap();
    let mut slow = caller.connect().unwrap();
    let request = wire::request("/validate/workloads?timeout=20s", &review("tenant-acme"));
    let (begun, rest) = request.split_at(request.len() - 10);
    std::io::Write::write_all(&mut slow, begun).unwrap();

    server.process.terminate().unwrap();
    until(|| ready(&server) == (503, "waiting for: stopping\n".to_owned()));
    assert!(allowed(&caller), "it serves until every caller has heard");
    until(|| caller.connect().is_err());
    assert_eq!(std::io::Read::read(&mut idle, &mut [0; 1]).unwrap_or(0), 0, "an idle connection ends");
    std::io::Write::write_all(&mut slow, rest).unwrap();
    assert_eq!(wire::read(&mut slow).unwrap().status, 200);
    assert!(server.process.wait(Duration::from_secs(10)).unwrap().success());
}

/// The decision asks nobody: a thousand reviews cost the API server nothing.
#[test]
fn a_decision_makes_no_api_request() {
    let it = alone();
    let admin = it.cluster.admin().unwrap();
    let member = tenant(&it, "serving");
    let review = review(&namespace(&member, "serving"));
    let requests = || -> f64 {
        let metrics = admin.ok(&["get", "--raw", "/metrics"]).unwrap();
        let counts = metrics.lines().filter(|line| line.starts_with("apiserver_request_total{"));
        counts.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
    };
    let caller = it.caller().unwrap();
    let mut connection = caller.connect().unwrap();
    let before = requests();
    for _ in 0..1000 {
        std::io::Write::write_all(&mut connection, &wire::request("/validate/workloads", &review)).unwrap();
        assert_eq!(wire::read(&mut connection).unwrap().status, 200);
    }
    let made = requests() - before;
    // Other tests run beside this one; a request a review would be a thousand.
    assert!(made < 500.0, "{made} API requests during 1000 reviews");
}

#[test]
fn metrics_count_what_was_decided() {
    let folder = folder("metrics").unwrap();
    let server =
        start("metrics", &folder, &["--world", WORLD, "--development-certificate", SERVER_NAME], None);
    let caller = Caller::new(server.webhook, SERVER_NAME, &server.process.stdout()).unwrap();
    assert!(allowed(&caller));
    caller.post("/validate/workloads", b"{").unwrap();
    let metrics = wire::get(server.admin, "/metrics").unwrap().body;
    for line in [
        "bulkhead_admission_requests_total{entry=\"workloads\",allowed=\"true\"} 1",
        "bulkhead_rejected_requests_total{status=\"400\"} 1",
        "bulkhead_admission_seconds_count{entry=\"workloads\"} 1",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
}

/// Settings are in force without a restart, and bad ones never are.
#[test]
fn new_settings_are_in_force_and_bad_ones_are_not() {
    let it = shared();
    let folder = folder("settings").unwrap();
    let file = folder.join("settings.yaml");
    let write = |platform: &str| {
        fs::write(
            &file,
            format!("apiVersion: bulkhead.dev/v1alpha1\nkind: Settings\nplatform: {platform}\n"),
        )
        .unwrap();
    };
    write("{}");
    let account = it.cluster.service_account(NAMESPACE, "bulkhead").unwrap();
    let settings = file.display().to_string();
    let arguments = ["--parts=webhook", "--settings", &settings, "--development-certificate", SERVER_NAME];
    let mut server = start("settings", &folder, &arguments, Some(&account.kubeconfig));
    server.wait_until_ready().unwrap();
    let caller = Caller::new(server.webhook, SERVER_NAME, &server.process.stdout()).unwrap();
    let review = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "0f4b", "resource": { "group": "", "version": "v1", "resource": "namespaces" },
            "operation": "CREATE", "userInfo": { "username": "dave" },
            "object": { "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "kube-flannel" } },
        },
    })
    .to_string();
    let allowed = || {
        let answer = caller.post("/validate/namespaces?timeout=5s", review.as_bytes()).unwrap();
        serde_json::from_str::<Value>(&answer.body).unwrap()["response"]["allowed"] == true
    };
    assert!(!allowed());
    write("{users: [dave]}");
    until(allowed);
    write("{user: [dave]}");
    until(|| {
        let log = server.process.log();
        let says = "settings.yaml:3:12: Settings: platform.user: unknown field `user`, expected one of";
        log.contains("the new settings cannot be used") && log.contains(says)
    });
    assert!(allowed());
    write("{users: []}");
    until(|| !allowed());
}

/// An API server that cannot be reached for a minute: what is known goes on being judged with, and says how old it
/// is.
#[test]
fn a_watch_that_is_cut_serves_on_and_catches_up() {
    let it = shared();
    let member = tenant(&it, "sv-cut");
    let name = namespace(&member, "sv-cut");
    let api = it.cluster.server.trim_start_matches("https://");
    let cable = Cable::to(api.parse().unwrap()).unwrap();
    let account = it.cluster.service_account(NAMESPACE, "bulkhead").unwrap();
    let folder = folder("cut").unwrap();
    let kubeconfig = folder.join("kubeconfig");
    let direct = fs::read_to_string(&account.kubeconfig).unwrap();
    fs::write(&kubeconfig, direct.replace(api, &cable.address.to_string())).unwrap();
    let arguments = ["--parts=webhook", "--development-certificate", SERVER_NAME];
    let mut server = start("cut", &folder, &arguments, Some(&kubeconfig));
    server.wait_until_ready().unwrap();
    let caller = Caller::new(server.webhook, SERVER_NAME, &server.process.stdout()).unwrap();
    assert!(allowed_in(&name, &caller));
    assert!(age(&server) < f64::EPSILON);

    let begin = Instant::now();
    cable.cut();
    member.ok(&["create", "namespace", "tenant-sv-cut-new"]).unwrap();
    is_ready(&member, "tenant-sv-cut-new");
    while begin.elapsed() < Duration::from_mins(1) {
        assert!(allowed_in(&name, &caller));
        assert_eq!(ready(&server).0, 200);
        std::thread::sleep(Duration::from_secs(1));
    }
    assert!(!allowed_in("tenant-sv-cut-new", &caller), "nobody can know of it");
    let old = age(&server);
    assert!(old > 30.0 && old <= begin.elapsed().as_secs_f64(), "{old}");

    cable.mend();
    within(Duration::from_mins(2), || allowed_in("tenant-sv-cut-new", &caller));
    within(Duration::from_mins(2), || age(&server) < f64::EPSILON);
    assert!(allowed_in(&name, &caller));
}

/// A unit test: no test waits for an hour.
#[test]
fn the_age_of_what_is_known_is_a_metric() {
    let metrics = Metrics::default();
    let value = |at: Instant| {
        let text = metrics.text(at).unwrap();
        let line = text
            .lines()
            .find(|line| line.starts_with("bulkhead_watch_age_seconds{list=\"tenants\"}"))
            .unwrap();
        line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()
    };
    let now = Instant::now();
    let minute = Duration::from_mins(1);
    metrics.watches("tenants", None);
    assert!(value(now + 60 * minute) < f64::EPSILON);
    metrics.watches("tenants", Some(Failure { first: now, last: now + 59 * minute }));
    assert!((3599.0..3601.0).contains(&value(now + 60 * minute)));
    // Tried again, and silent since: it is mended.
    assert!(value(now + 61 * minute) < f64::EPSILON);
    metrics.watches("tenants", None);
    assert!(value(now + 60 * minute) < f64::EPSILON);
}
