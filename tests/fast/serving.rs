//! `bulkhead serve` without a cluster: readiness, certificates, metrics, and the end of the process.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

use bulkhead_harness::cluster::{folder, free_ports, write_pair};
use bulkhead_harness::pki::{Authority, Pair};
use bulkhead_harness::program::{SERVER_NAME, Server};
use bulkhead_harness::wire::{self, Caller};
use serde_json::{Value, json};
use support::cluster::log_lines;
use support::command::bulkhead;
use support::metrics::{metrics, value};
use support::review::{UID, allows_pod_in, injected_pod};
use support::wait::until;
use support::{BINARY, WORLD};

const NAMESPACE: &str = "tenant-acme";

fn start(name: &str, folder: &Path, arguments: &[&str], kubeconfig: Option<&Path>) -> Server {
    Server::start(&BINARY, name, folder, arguments, kubeconfig).unwrap()
}

/// The status and the body of `/readyz`.
fn ready(server: &Server) -> (u16, String) {
    let answer = wire::get(server.admin, "/readyz").unwrap();
    (answer.status, answer.body)
}

fn review() -> Vec<u8> {
    injected_pod(NAMESPACE)
}

fn allowed(caller: &Caller) -> bool {
    allows_pod_in(NAMESPACE, caller)
}

#[test]
fn server_without_its_first_lists_is_unready_and_refuses() {
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
    let (status, body) = ready(&server);
    let (_, awaited) = body.trim_end().split_once(": ").unwrap();
    let awaited: Vec<&str> = awaited.split(", ").collect();
    let lists = [
        "configmaps/bulkhead-proxy-references",
        "configmaps/bulkhead-retired",
        "endpointslices",
        "exemptions",
        "namespaces",
        "services",
        "sharedservices",
        "tenants",
    ];
    assert_eq!((status, awaited), (503, lists.to_vec()), "{body}");
    assert_eq!(wire::get(server.admin, "/healthz").unwrap().status, 200);

    let caller = Caller::new(server.webhook, SERVER_NAME, &server.process.stdout()).unwrap();
    let answer = caller.post("/validate/workloads?timeout=1s", &review()).unwrap();
    let response = &serde_json::from_str::<Value>(&answer.body).unwrap()["response"];
    assert_eq!((&response["uid"], &response["allowed"]), (&json!(UID), &json!(false)));
    assert_eq!(response["status"]["code"], 503);
    // By the caller's deadline of a second: the webhook itself would wait for longer, and count the verdict.
    let unjudged = value(&metrics(server.admin), "bulkhead_unjudged_requests_total{reason=\"not-ready\"}");
    assert_eq!(unjudged, 0, "{response}");
    let late = value(&metrics(server.admin), "bulkhead_unjudged_requests_total{reason=\"deadline\"}");
    assert_eq!(late, 1, "{response}");
}

#[test]
fn new_certificate_is_served_and_a_bad_one_is_not() {
    let folder = folder("rotation").unwrap();
    let (first, second) = (Authority::new("first").unwrap(), Authority::new("second").unwrap());
    write_pair(&folder, "tls", &first.server(&[SERVER_NAME]).unwrap()).unwrap();
    let file = |name: &str| folder.join(name).display().to_string();
    let server = start(
        "rotation",
        &folder,
        &["--snapshot", WORLD, "--tls-cert", &file("tls.crt"), "--tls-key", &file("tls.key")],
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
    open.write_all(&wire::request("/validate/workloads", &review())).unwrap();
    assert_eq!(wire::read(&mut open).unwrap().status, 200);

    let warnings = || log_lines(&server.process).iter().filter(|line| line["level"] == "WARN").count();
    let other_key = first.server(&[SERVER_NAME]).unwrap().key;
    for (file, bad) in [("tls.key", other_key.as_str()), ("tls.crt", "nothing")] {
        let before = warnings();
        fs::write(folder.join(file), bad).unwrap();
        until(|| warnings() > before);
    }
    assert!(allowed(&by(&second)));
}

/// Only callers with a certificate of the CA are answered. Probes and metrics need none.
#[test]
fn caller_without_a_certificate_of_the_client_ca_is_not_answered() {
    let folder = folder("client-ca").unwrap();
    let (first, second) = (Authority::new("first").unwrap(), Authority::new("second").unwrap());
    let file = folder.join("callers.crt");
    fs::write(&file, &first.certificate).unwrap();
    let arguments = ["--snapshot", WORLD, "--development-certificate", SERVER_NAME, "--client-ca"];
    let arguments = [arguments.as_slice(), &[file.to_str().unwrap()]].concat();
    let server = start("client-ca", &folder, &arguments, None);
    let bundle = server.process.stdout();
    let with =
        |pair: Option<&Pair>| Caller::with_certificate(server.webhook, SERVER_NAME, &bundle, pair).unwrap();
    let is_answered = |caller: &Caller| caller.post("/validate/workloads", &review()).is_ok();
    let refused =
        || value(&metrics(server.admin), "bulkhead_refused_connections_total{reason=\"handshake\"}");
    let (of_first, of_second) = (first.client("api", None).unwrap(), second.client("api", None).unwrap());

    assert!(allowed(&with(Some(&of_first))));
    for stranger in [with(None), with(Some(&of_second)), with(Some(&first.server(&[SERVER_NAME]).unwrap()))] {
        let before = refused();
        assert!(!is_answered(&stranger));
        until(|| refused() == before + 1);
    }
    assert_eq!(ready(&server).0, 200);

    fs::write(&file, format!("{}{}", first.certificate, second.certificate)).unwrap();
    until(|| is_answered(&with(Some(&of_second))));
    assert!(allowed(&with(Some(&of_first))));
    let warnings = || log_lines(&server.process).iter().filter(|line| line["level"] == "WARN").count();
    for bad in ["nothing", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"] {
        let before = warnings();
        fs::write(&file, bad).unwrap();
        until(|| warnings() > before);
    }
    assert!(allowed(&with(Some(&of_second))));
    fs::write(&file, &second.certificate).unwrap();
    until(|| !is_answered(&with(Some(&of_first))));
    assert!(allowed(&with(Some(&of_second))));
}

#[test]
fn server_with_a_bad_client_ca_does_not_start() {
    let folder = folder("bad-client-ca").unwrap();
    let file = folder.join("callers.crt");
    let path = file.to_str().unwrap();
    let said = || {
        let arguments = ["--snapshot", WORLD, "--development-certificate", SERVER_NAME, "--client-ca", path];
        let (code, _, error) = bulkhead(&[&["serve"], arguments.as_slice()].concat(), "");
        assert_eq!(code, 2, "{error}");
        error
    };
    assert!(said().contains(path));
    let no_ca = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    for (content, message) in [("", "holds no certificate"), (no_ca, "is not that of a CA")] {
        fs::write(&file, content).unwrap();
        let error = said();
        assert!(error.contains("--client-ca") && error.contains(path) && error.contains(message), "{error}");
    }
}

/// One address at its limit stops no other.
#[test]
fn source_with_too_many_connections_does_not_stop_others() {
    const LIMIT: usize = 3;
    let folder = folder("source-limit").unwrap();
    let limit = LIMIT.to_string();
    let arguments = ["--snapshot", WORLD, "--development-certificate", SERVER_NAME];
    let arguments = [arguments.as_slice(), &["--max-connections-per-source", &limit]].concat();
    let server = start("source-limit", &folder, &arguments, None);
    let caller = || Caller::new(server.webhook, SERVER_NAME, &server.process.stdout()).unwrap();
    let refused =
        || value(&metrics(server.admin), "bulkhead_refused_connections_total{reason=\"source-limit\"}");
    let many = caller();
    // Half of the connections have sent nothing: they count too.
    let open: Vec<_> = (1..LIMIT).map(|_| many.connect().unwrap()).collect();
    let silent = many.tcp().unwrap();
    until(|| many.connect().is_err());
    assert!(refused() > 0);
    // Other systems have no further addresses on loopback.
    if cfg!(target_os = "linux") {
        let before = refused();
        assert!(allowed(&caller().from_address([127, 0, 0, 2].into())));
        assert_eq!(refused(), before);
    }
    drop((open, silent));
    until(|| many.connect().is_ok());
    assert!(allowed(&many));
}

#[test]
fn terminated_server_finishes_open_requests() {
    let folder = folder("stop").unwrap();
    let arguments = ["--snapshot", WORLD, "--development-certificate", SERVER_NAME, "--shutdown-delay", "2"];
    let mut server = start("stop", &folder, &arguments, None);
    let caller = Caller::new(server.webhook, SERVER_NAME, &server.process.stdout()).unwrap();
    assert_eq!(ready(&server).0, 200);
    let mut idle = caller.connect().unwrap();
    let mut slow = caller.connect().unwrap();
    let request = wire::request("/validate/workloads?timeout=20s", &review());
    let (begun, rest) = request.split_at(request.len() - 10);
    slow.write_all(begun).unwrap();

    server.process.terminate().unwrap();
    until(|| ready(&server).0 == 503);
    assert!(allowed(&caller), "it serves until every caller knows that it stops");
    until(|| caller.connect().is_err());
    assert_eq!(idle.read(&mut [0; 1]).unwrap_or(0), 0, "an idle connection ends");
    slow.write_all(rest).unwrap();
    assert_eq!(wire::read(&mut slow).unwrap().status, 200);
    assert!(server.process.wait(Duration::from_secs(10)).unwrap().success());
}

#[test]
fn decisions_are_counted_in_metrics() {
    let folder = folder("metrics").unwrap();
    let server =
        start("metrics", &folder, &["--snapshot", WORLD, "--development-certificate", SERVER_NAME], None);
    let caller = Caller::new(server.webhook, SERVER_NAME, &server.process.stdout()).unwrap();
    assert!(allowed(&caller));
    caller.post("/validate/workloads", b"{").unwrap();
    let metrics = metrics(server.admin);
    for series in [
        "bulkhead_admission_requests_total{webhook=\"workloads\",operation=\"CREATE\",allowed=\"true\",dry_run=\"false\"}",
        "bulkhead_invalid_requests_total{status=\"400\"}",
        "bulkhead_admission_duration_seconds_count{webhook=\"workloads\"}",
    ] {
        assert_eq!(value(&metrics, series), 1, "{series}\n{metrics}");
    }
}
