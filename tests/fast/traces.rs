//! Traces: exported over OTLP to a collector, in the trace of the API server's request.

use std::net::SocketAddr;
use std::process::Command;

use bulkhead_harness::cluster::folder;
use bulkhead_harness::process::Process;
use bulkhead_harness::program::SERVER_NAME;
use bulkhead_harness::wire::{Caller, request};
use serde_json::{Value, json};
use support::cluster::log_lines;
use support::collector::Collector;
use support::review::{UID, creation, injected_pod};
use support::wait::until;
use support::{BINARY, WORLD};

const NAMESPACE: &str = "tenant-acme";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";
const SECRET: &str = "do-not-export-this";

/// Starts a webhook with these environment variables; its process, and a caller.
fn start(name: &str, environment: &[(&str, &str)]) -> (Process, Caller) {
    let mut command = Command::new(&*BINARY);
    command.args(["serve", "--snapshot", WORLD, "--listen=127.0.0.1:0", "--admin=127.0.0.1:0"]);
    command.args(["--development-certificate", SERVER_NAME, "--shutdown-delay=0"]);
    command.envs(environment.iter().copied());
    let process = Process::start(name, &folder(name).unwrap(), &mut command).unwrap();
    let address: SocketAddr = until(|| {
        let lines = log_lines(&process);
        lines.iter().find_map(|line| line["webhook"].as_str()).map(|address| address.parse().unwrap())
    });
    let caller = Caller::new(address, SERVER_NAME, &process.stdout()).unwrap();
    (process, caller)
}

/// Sends a review in a trace that is sampled or not.
fn send(caller: &Caller, review: &[u8], flags: &str) {
    let traceparent = format!("Host: webhook\r\ntraceparent: 00-{TRACE}-{PARENT}-{flags}\r\n");
    let request = request("/validate/workloads", review);
    let head_end = request.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    let (head, body) = request.split_at(head_end);
    let head = String::from_utf8(head.to_vec()).unwrap().replace("Host: webhook\r\n", &traceparent);
    assert_eq!(caller.send(&[head.as_bytes(), body].concat()).unwrap().status, 200);
}

fn refused() -> Vec<u8> {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "bare", "namespace": NAMESPACE },
        "spec": { "containers": [{ "name": "app", "image": "a", "env": [{ "name": "A", "value": SECRET }] }] },
    });
    let mut review: Value = creation("pods", NAMESPACE, "alice", &pod);
    review["request"]["name"] = json!("bare");
    review.to_string().into_bytes()
}

#[test]
fn decisions_are_spans_in_the_trace_of_the_api_server() {
    let collector = Collector::start().unwrap();
    let endpoint = format!("http://{}", collector.address);
    let (mut process, caller) = start("traced", &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]);
    send(&caller, &injected_pod(NAMESPACE), "01");
    send(&caller, &refused(), "01");
    // A trace that the API server does not sample has no span of the webhook.
    send(&caller, &refused(), "00");
    // The last spans are sent when the process ends.
    process.terminate().unwrap();
    assert!(process.wait(std::time::Duration::from_secs(10)).unwrap().success());
    let spans = collector.spans();
    let decisions: Vec<_> = spans.iter().map(|span| span.attributes["admission.decision"].as_str()).collect();
    assert_eq!(decisions, ["admitted", "refused"], "{spans:?}");
    for span in &spans {
        assert_eq!((span.service.as_str(), span.name.as_str()), ("bulkhead", "admission workloads"));
        assert_eq!((span.trace.as_str(), span.parent.as_str()), (TRACE, PARENT));
        assert_eq!(span.error, "");
    }
    let attributes = [
        ("admission.uid", UID),
        ("admission.operation", "CREATE"),
        ("admission.resource", "pods"),
        ("admission.rules", "BH301"),
        ("k8s.namespace.name", NAMESPACE),
        ("k8s.object.name", "bare"),
    ];
    for (key, value) in attributes {
        assert_eq!(spans[1].attributes[key], value, "{spans:?}");
    }
    assert!(!format!("{spans:?}").contains(SECRET) && !format!("{spans:?}").contains("alice"));
}

#[test]
fn collector_that_does_not_answer_delays_no_decision() {
    let [nobody] = bulkhead_harness::cluster::free_ports().unwrap();
    let endpoint = format!("http://127.0.0.1:{nobody}");
    let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "50")];
    let (process, caller) = start("untraced", &environment);
    for _ in 0..20 {
        send(&caller, &injected_pod(NAMESPACE), "01");
    }
    until(|| process.log().contains("BatchSpanProcessor.ExportError"));
    assert!(!process.log().contains("panicked"), "{}", process.log());
}

#[test]
fn protocol_that_is_not_supported_is_an_error() {
    let mut command = Command::new(&*BINARY);
    command.args(["serve", "--snapshot", WORLD, "--development-certificate", SERVER_NAME]);
    command.args(["--listen=127.0.0.1:0", "--admin=127.0.0.1:0"]);
    command.envs([
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ]);
    let output = command.output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("`grpc`") && error.contains("OTEL_"), "{error}");
}
