//! Requests that no API server sends, to the real process over TLS. After each of them the server answers others.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bulkhead_harness::cluster::folder;
use bulkhead_harness::program::{SERVER_NAME, Server};
use bulkhead_harness::wire::{self, Answer, Caller};
use serde_json::{Value, json};
use support::metrics::{metrics, value};
use support::objects::changed;
use support::refusal::causes;
use support::review::{UID, creation};
use support::{BINARY, WORLD};

/// A server that judges in the world of the examples.
struct Fixture {
    server: Server,
    caller: Caller,
}

fn serve(arguments: &[&str]) -> Fixture {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("serve-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let all = [&["--snapshot", WORLD, "--development-certificate", SERVER_NAME], arguments].concat();
    let mut server = Server::start(&BINARY, &name, &folder(&name).unwrap(), &all, None).unwrap();
    server.wait_until_ready().unwrap();
    let caller = Caller::new(server.webhook, SERVER_NAME, &server.process.stdout()).unwrap();
    Fixture { server, caller }
}

impl Fixture {
    /// A bad pod is refused with its code, and no thread has panicked.
    fn is_healthy(&self) {
        self.violates(&review(|_| {}), &[("BH301", "spec")]);
        assert!(!self.server.process.log().contains("panicked"), "{}", self.server.process.log());
    }

    /// The response to a review, which has the uid of the review.
    fn review(&self, review: &str) -> Value {
        let answer = self.caller.post("/validate/workloads?timeout=5s", review.as_bytes()).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(body["response"]["uid"], UID, "{body}");
        body["response"].clone()
    }

    /// The review is refused for these violations.
    fn violates(&self, review: &str, expected: &[(&str, &str)]) {
        let response = self.review(review);
        let status = &response["status"];
        assert_eq!((&response["allowed"], &status["code"]), (&json!(false), &json!(403)), "{response}");
        assert_eq!(causes(&response), expected, "{response}");
    }

    /// The review is refused because it cannot be judged, for this reason; the message names all of `names`.
    fn is_unjudged(&self, review: &str, code: u16, reason: &str, names: &[&str]) {
        let series = format!("bulkhead_unjudged_requests_total{{reason=\"{reason}\"}}");
        let count = || value(&metrics(self.server.admin), &series);
        let before = count();
        let response = self.review(review);
        let status = &response["status"];
        assert_eq!((&response["allowed"], &status["code"]), (&json!(false), &json!(code)), "{response}");
        let message = status["message"].as_str().unwrap();
        assert!(names.iter().all(|name| message.contains(name)), "{response}");
        assert_eq!((causes(&response), count()), (Vec::new(), before + 1), "{response}");
        self.is_healthy();
    }

    fn rejected(&self, answer: &Answer, status: u16) {
        assert_eq!(answer.status, status, "{}", answer.body);
        assert!(!answer.body.contains("secret"), "the body is not echoed: {}", answer.body);
        self.is_healthy();
    }
}

/// The review of a pod without a proxy, changed.
fn review(change: impl FnOnce(&mut Value)) -> String {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": "secret" }, "spec": { "containers": [{ "name": "secret" }] },
    });
    let mut review = creation("pods", "tenant-acme", "alice", &pod);
    let request = &mut review["request"];
    request["kind"] = json!({ "group": "", "version": "v1", "kind": "Pod" });
    request["name"] = json!("secret");
    request["userInfo"]["groups"] = json!(["acme-developers"]);
    request["dryRun"] = json!(false);
    for absent in ["oldObject", "options"] {
        request[absent] = Value::Null;
    }
    changed(review, change).to_string()
}

#[test]
fn malformed_review_is_a_bad_request() {
    let it = serve(&[]);
    let whole = review(|_| {});
    let bodies = [
        whole[..whole.len() / 2].to_owned(),
        String::new(),
        "secret".to_owned(),
        "{}".to_owned(),
        "[".repeat(100_000),
        review(|review| review["kind"] = json!("secret")),
        review(|review| review["apiVersion"] = json!("admission.k8s.io/v1beta1")),
        review(|review| review["request"] = Value::Null),
        review(|review| drop(review["request"].as_object_mut().unwrap().remove("uid"))),
        whole.replace("\"uid\":\"0f4b\"", "\"uid\":\"0f4b\",\"uid\":\"0f4c\""),
        whole.replace("\"request\"", "\"Request\""),
        format!("{whole}secret"),
        format!("\u{feff}{whole}"),
    ];
    for body in bodies {
        let answer = it.caller.post("/validate/workloads", body.as_bytes()).unwrap();
        it.rejected(&answer, 400);
    }
}

#[test]
fn review_that_cannot_be_judged_is_refused_under_its_uid() {
    let it = serve(&[]);
    let request = |field: &str, value: Value| review(|review| review["request"][field] = value);
    let unregistered = |review: &str, names: &[&str]| it.is_unjudged(review, 422, "unregistered", names);
    unregistered(&request("operation", json!("OBLITERATE")), &["OBLITERATE", "`pods`"]);
    unregistered(&request("operation", json!("DELETE")), &["DELETE", "`pods`"]);
    unregistered(&request("subResource", json!("secret")), &["CREATE", "`pods/secret`"]);
    unregistered(&request("resource", json!({ "group": "x.io", "resource": "pods" })), &["`pods.x.io`"]);
    it.is_unjudged(&request("object", Value::Null), 422, "no-object", &["`object`"]);
    let update = request("operation", json!("UPDATE")).replace("secret", "a");
    it.is_unjudged(&update, 422, "no-object", &["`oldObject`"]);
    let unreadable = |object: Value, names: &[&str]| {
        it.is_unjudged(&request("object", object), 422, "unreadable", names);
    };
    unreadable(json!({ "apiVersion": "v1", "kind": "ConfigMap" }), &["`ConfigMap`"]);
    unreadable(json!([]), &[]);
    unreadable(json!({ "apiVersion": "v1", "kind": "Pod", "spec": { "containers": {} } }), &[]);
    it.is_unjudged(&request("namespace", json!("nowhere")), 503, "unknown-namespace", &["`nowhere`"]);
}

#[test]
fn duplicate_key_is_refused() {
    let it = serve(&[]);
    let doubled = |json: &str, doubled: &str| review(|_| {}).replace(json, doubled);
    let field = doubled("\"spec\":{", "\"spec\":{\"hostNetwork\":false,\"hostNetwork\":true,");
    it.is_unjudged(&field, 422, "unreadable", &["`hostNetwork`"]);
    let labels = "\"metadata\":{\"labels\":{\"a\":\"1\",\"b\":\"2\",\"a\":\"3\"},";
    it.is_unjudged(&doubled("\"metadata\":{", labels), 422, "unreadable", &["`a`"]);
}

#[test]
fn deeply_nested_object_is_refused_under_its_uid() {
    let it = serve(&[]);
    let nest = format!("{}{}", "[".repeat(9_000), "]".repeat(9_000));
    let deep = |place: &str| review(|_| {}).replace(place, &format!("{place}\"deep\":{nest},"));
    // A field that no table lists is skipped; the others are judged as usual.
    for (place, path) in [("\"spec\":{", "spec.deep"), ("\"metadata\":{", "metadata.deep")] {
        it.violates(&deep(place), &[("BH301", "spec"), ("BH908", path)]);
        it.is_healthy();
    }
    let containers = review(|_| {}).replace("[{\"name\":\"secret\"}]", &nest);
    it.is_unjudged(&containers, 422, "unreadable", &[]);
}

#[test]
fn body_over_32_mib_is_rejected() {
    let it = serve(&[]);
    let head = |length: usize| {
        format!(
            "POST /validate/workloads HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    it.rejected(&it.caller.send(head((32 << 20) + 1).as_bytes()).unwrap(), 413);

    // The largest body. No table lists the field with the padding.
    let small = review(|review| review["request"]["object"]["data"] = json!(""));
    let padding = "<".repeat((32 << 20) - small.len());
    let large = small.replace("\"data\":\"\"", &format!("\"data\":\"{padding}\""));
    assert_eq!(large.len(), 32 << 20);
    it.violates(&large, &[("BH301", "spec"), ("BH908", "data")]);
    it.is_healthy();
}

#[test]
fn request_unlike_those_of_an_api_server_is_rejected() {
    let it = serve(&[]);
    let body = review(|_| {});
    let send = |line: &str, headers: &str| {
        let length = if headers.contains("chunked") {
            String::new()
        } else {
            format!("Content-Length: {}\r\n", body.len())
        };
        it.caller
            .send(format!("{line} HTTP/1.1\r\nHost: a\r\n{headers}{length}\r\n{body}").as_bytes())
            .unwrap()
    };
    let json = "Content-Type: application/json\r\n";
    it.rejected(&send("POST /", json), 404);
    it.rejected(&send("POST /validate/secret", json), 404);
    it.rejected(&send("POST /validate/workloads/", json), 404);
    it.rejected(&send("PUT /validate/workloads", json), 405);
    it.rejected(&send("GET /mutate/labels", json), 405);
    it.rejected(&send("POST /validate/workloads", ""), 415);
    it.rejected(&send("POST /validate/workloads", "Content-Type: text/plain\r\n"), 415);
    it.rejected(&send("POST /validate/workloads", &format!("{json}Content-Encoding: gzip\r\n")), 415);
    let chunked = format!("{json}Transfer-Encoding: chunked\r\n");
    let answer = it
        .caller
        .send(
            format!("POST /validate/workloads HTTP/1.1\r\nHost: a\r\n{chunked}\r\n6\r\nsecret\r\n0\r\n\r\n")
                .as_bytes(),
        )
        .unwrap();
    it.rejected(&answer, 411);
    let both = format!("{json}Transfer-Encoding: chunked\r\nContent-Length: 6\r\n");
    let answer = it
        .caller
        .send(
            format!("POST /validate/workloads HTTP/1.1\r\nHost: a\r\n{both}\r\n6\r\nsecret\r\n0\r\n\r\n")
                .as_bytes(),
        )
        .unwrap();
    assert!([400, 411].contains(&answer.status), "{}", answer.status);
    it.is_healthy();
}

#[test]
fn tls_handshake_offers_only_http_1_1() {
    let it = serve(&[]);
    let connection = it.caller.connect().unwrap();
    assert_eq!(connection.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
}

/// A stalled connection delays no other, and is closed after a time.
#[test]
fn stalled_connection_is_closed_and_others_are_served() {
    let it = serve(&["--idle-timeout", "3"]);
    let start = Instant::now();
    let silent: Vec<_> = (0..50).map(|_| it.caller.tcp().unwrap()).collect();
    let mut head = it.caller.connect().unwrap();
    head.write_all(b"POST /validate/workloads HTTP/1.1\r\nHost:").unwrap();
    let mut body = it.caller.connect().unwrap();
    let mut request = wire::request("/validate/workloads?timeout=2s", review(|_| {}).as_bytes());
    request.truncate(request.len() - 5);
    body.write_all(&request).unwrap();
    it.is_healthy();

    assert_eq!(wire::read(&mut body).unwrap().status, 408);
    assert!(start.elapsed() < Duration::from_secs(4), "nine tenths of the two seconds granted");
    let ended = |stream: &mut dyn Read| matches!(stream.read(&mut [0; 64]), Ok(0) | Err(_));
    // A head that never ends is answered by the end of its connection.
    let mut answer = Vec::new();
    let _ = head.read_to_end(&mut answer);
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 408"), "{answer:?}");
    for mut stream in silent {
        assert!(ended(&mut stream));
    }
    assert!(start.elapsed() < Duration::from_secs(20));
    it.is_healthy();
}

#[test]
fn connection_serves_many_reviews() {
    let it = serve(&[]);
    let mut connection = it.caller.connect().unwrap();
    for _ in 0..100 {
        connection.write_all(&wire::request("/validate/workloads", review(|_| {}).as_bytes())).unwrap();
        assert_eq!(wire::read(&mut connection).unwrap().status, 200);
    }
}
