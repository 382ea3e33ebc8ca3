//! Input that no API server sends, to the real process over TLS. After each the healthy are served.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bulkhead_harness::cluster::folder;
use bulkhead_harness::components;
use bulkhead_harness::program::{SERVER_NAME, Server};
use bulkhead_harness::wire::{self, Answer, Caller};
use serde_json::{Value, json};

use crate::cluster::BINARY;

/// A server with the world of the examples.
struct Fixture {
    server: Server,
    caller: Caller,
}

fn serve(arguments: &[&str]) -> Fixture {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("serve-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let world = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/world");
    let all = [&["--world", world, "--development-certificate", SERVER_NAME], arguments].concat();
    components::build_all().unwrap();
    let mut server = Server::start(BINARY.as_ref(), &name, &folder(&name).unwrap(), &all, None).unwrap();
    server.wait_until_ready().unwrap();
    let caller = Caller::new(server.webhook, SERVER_NAME, &server.process.stdout()).unwrap();
    Fixture { server, caller }
}

impl Fixture {
    /// A bad pod is refused with its code, and nothing has panicked.
    fn is_healthy(&self) {
        let response = self.review(&review(|_| {}));
        assert_eq!(
            (&response["allowed"], &response["status"]["code"]),
            (&json!(false), &json!(403)),
            "{response}"
        );
        assert!(!self.server.process.log().contains("panicked"), "{}", self.server.process.log());
    }

    /// The response to a review, which must be answered under its uid.
    fn review(&self, review: &str) -> Value {
        let answer = self.caller.post("/validate/workloads?timeout=5s", review.as_bytes()).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(body["response"]["uid"], "0f4b", "{body}");
        body["response"].clone()
    }

    fn refused(&self, review: &str, code: u16, says: &str) {
        let response = self.review(review);
        let status = &response["status"];
        assert_eq!((&response["allowed"], &status["code"]), (&json!(false), &json!(code)), "{response}");
        assert!(status["message"].as_str().unwrap().contains(says), "{response}");
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
    let mut review = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "0f4b",
            "kind": { "group": "", "version": "v1", "kind": "Pod" },
            "resource": { "group": "", "version": "v1", "resource": "pods" },
            "name": "secret", "namespace": "tenant-acme", "operation": "CREATE",
            "userInfo": { "username": "alice", "groups": ["acme-developers"] },
            "object": {
                "apiVersion": "v1", "kind": "Pod",
                "metadata": { "name": "secret" }, "spec": { "containers": [{ "name": "secret" }] },
            },
            "oldObject": null, "dryRun": false, "options": null,
        },
    });
    change(&mut review);
    review.to_string()
}

#[test]
fn what_is_no_review_is_a_bad_request() {
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
fn what_cannot_be_judged_is_refused_under_its_uid() {
    let it = serve(&[]);
    let request = |field: &str, value: Value| review(|review| review["request"][field] = value);
    it.refused(
        &request("operation", json!("OBLITERATE")),
        422,
        "no rule is written for OBLITERATE of `pods`",
    );
    it.refused(&request("operation", json!("DELETE")), 422, "no rule is written for DELETE of `pods`");
    it.refused(
        &request("subResource", json!("secret")),
        422,
        "no rule is written for CREATE of `pods/secret`",
    );
    it.refused(&request("resource", json!({ "group": "x.io", "resource": "pods" })), 422, "`pods.x.io`");
    it.refused(&request("object", Value::Null), 422, "carries no `object`");
    it.refused(&request("operation", json!("UPDATE")).replace("secret", "a"), 422, "carries no `oldObject`");
    it.refused(
        &request("object", json!({ "apiVersion": "v1", "kind": "ConfigMap" })),
        422,
        "announces a Pod, the object is a `ConfigMap`",
    );
    it.refused(&request("object", json!([])), 422, "cannot be read");
    it.refused(
        &request("object", json!({ "apiVersion": "v1", "kind": "Pod", "spec": { "containers": {} } })),
        422,
        "cannot be read",
    );
    it.refused(&request("namespace", json!("nowhere")), 503, "`nowhere` is not known here as a tenant's yet");
}

#[test]
fn a_key_that_stands_twice_is_refused() {
    let it = serve(&[]);
    let twice = |json: &str, doubled: &str| review(|_| {}).replace(json, doubled);
    it.refused(
        &twice("\"spec\":{", "\"spec\":{\"hostNetwork\":false,\"hostNetwork\":true,"),
        422,
        "duplicate field",
    );
    let labels = "\"metadata\":{\"labels\":{\"a\":\"1\",\"b\":\"2\",\"a\":\"3\"},";
    it.refused(&twice("\"metadata\":{", labels), 422, "duplicate key `a`");
}

#[test]
fn depth_does_not_hide_the_uid() {
    let it = serve(&[]);
    let deep = |place: &str| {
        let nest = format!("{}{}", "[".repeat(9_000), "]".repeat(9_000));
        review(|_| {}).replace(place, &format!("{place}\"deep\":{nest},"))
    };
    // Where no rule reads, depth is skipped; what rules read is judged as ever.
    it.refused(&deep("\"spec\":{"), 403, "BH301");
    it.refused(&deep("\"metadata\":{"), 403, "BH301");
    let nest = format!("{}{}", "[".repeat(9_000), "]".repeat(9_000));
    it.refused(&review(|_| {}).replace("[{\"name\":\"secret\"}]", &nest), 422, "cannot be read");
}

#[test]
fn more_than_32_mib_is_too_large() {
    let it = serve(&[]);
    let head = |length: usize| {
        format!(
            "POST /validate/workloads HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    it.rejected(&it.caller.send(head((32 << 20) + 1).as_bytes()).unwrap(), 413);

    // As large as may be: the padding is where no rule reads.
    let small = review(|review| review["request"]["object"]["data"] = json!(""));
    let padding = "<".repeat((32 << 20) - small.len());
    let large = small.replace("\"data\":\"\"", &format!("\"data\":\"{padding}\""));
    assert_eq!(large.len(), 32 << 20);
    it.refused(&large, 403, "BH301");
}

#[test]
fn only_what_an_api_server_sends_is_read() {
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
fn only_http_1_1_is_offered() {
    let it = serve(&[]);
    let connection = it.caller.connect().unwrap();
    assert_eq!(connection.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
}

/// Whoever stalls waits alone, and not for ever.
#[test]
fn the_stalled_are_let_go_and_the_healthy_served() {
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
fn a_connection_serves_many_reviews() {
    let it = serve(&[]);
    let mut connection = it.caller.connect().unwrap();
    for _ in 0..100 {
        connection.write_all(&wire::request("/validate/workloads", review(|_| {}).as_bytes())).unwrap();
        assert_eq!(wire::read(&mut connection).unwrap().status, 200);
    }
}
