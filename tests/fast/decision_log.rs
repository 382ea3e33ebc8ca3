//! The log of decisions: one line for each review, and nothing of its object.

use bulkhead_harness::cluster::folder;
use bulkhead_harness::program::{SERVER_NAME, Server};
use bulkhead_harness::wire::Caller;
use serde_json::{Value, json};
use support::cluster::log_lines;
use support::review::{UID, creation, injected_pod, is_allowed};
use support::wait::until;
use support::{BINARY, WORLD};

const NAMESPACE: &str = "tenant-acme";
/// A value in the refused object, which no log may have.
const SECRET: &str = "do-not-log-this";

/// Starts a webhook, and sends it an admitted and a refused review; its log.
fn log_of(name: &str, arguments: &[&str]) -> String {
    let folder = folder(name).unwrap();
    let usual = ["--snapshot", WORLD, "--development-certificate", SERVER_NAME];
    let arguments = [&usual, arguments].concat();
    let server = Server::start(&BINARY, name, &folder, &arguments, None).unwrap();
    let caller = Caller::new(server.webhook, SERVER_NAME, &server.process.stdout()).unwrap();
    assert!(is_allowed(&caller, "/validate/workloads", &injected_pod(NAMESPACE)));
    assert!(!is_allowed(&caller, "/validate/workloads", refused().to_string().as_bytes()));
    until(|| server.process.log().contains("BH301"));
    server.process.log()
}

/// The review of a pod without a sidecar, by a user whose name tries to add a line.
fn refused() -> Value {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "bare", "namespace": NAMESPACE },
        "spec": { "containers": [{ "name": "app", "image": "a", "env": [{ "name": "A", "value": SECRET }] }] },
    });
    let mut review = creation("pods", NAMESPACE, "alice\n{\"forged\":1}", &pod);
    review["request"]["name"] = json!("bare");
    review["request"]["dryRun"] = json!(true);
    review
}

fn decisions(log: &str) -> Vec<Value> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["target"] == "bulkhead::decision").collect()
}

#[test]
fn refused_request_is_one_line_without_its_object() {
    let log = log_of("decisions", &[]);
    let decisions = decisions(&log);
    let [line] = decisions.as_slice() else { panic!("{log}") };
    for (field, value) in [
        ("level", json!("INFO")),
        ("uid", json!(UID)),
        ("webhook", json!("workloads")),
        ("operation", json!("CREATE")),
        ("resource", json!("pods")),
        ("namespace", json!(NAMESPACE)),
        ("name", json!("bare")),
        ("user", json!("alice\n{\"forged\":1}")),
        ("dry_run", json!(true)),
        ("decision", json!("refused")),
        ("rules", json!("BH301")),
    ] {
        assert_eq!(line[field], value, "{field} in {line}");
    }
    assert!(line["duration_ms"].as_f64().is_some_and(|duration| duration > 0.0), "{line}");
    assert!(!log.contains(SECRET) && !log.lines().any(|line| line.starts_with("{\"forged")), "{log}");
}

#[test]
fn admitted_requests_and_users_are_logged_if_the_platform_wants_it() {
    let log = log_of("all-decisions", &["--log=info,bulkhead::decision=debug", "--log-users=false"]);
    let decisions: Vec<_> = decisions(&log).iter().map(|line| line["decision"].clone()).collect();
    assert_eq!(decisions, ["admitted", "refused"], "{log}");
    assert!(!log.contains("alice") && !log.contains(SECRET), "{log}");
}

/// The settings of the harness wait for a line of JSON, which text is not.
#[test]
fn format_of_the_log_is_chosen() {
    let folder = folder("text-log").unwrap();
    let mut command = std::process::Command::new(&*BINARY);
    command.args(["serve", "--snapshot", WORLD, "--log-format=text", "--listen=127.0.0.1:0"]);
    command.args(["--admin=127.0.0.1:0", "--development-certificate", SERVER_NAME]);
    let process = bulkhead_harness::process::Process::start("text-log", &folder, &mut command).unwrap();
    until(|| process.log().contains("listening"));
    assert!(log_lines(&process).is_empty() && !process.log().contains('\u{1b}'), "{}", process.log());
}
