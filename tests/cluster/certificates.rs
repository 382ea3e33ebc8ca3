//! The webhook's certificate in a Secret: issued and rotated by the controller, or written by another tool. Each test has
//! a cluster of its own.

use std::thread::sleep;
use std::time::{Duration, Instant};

use bulkhead_harness::cluster::Cluster;
use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::pki::Authority;
use bulkhead_harness::program::{NAMESPACE, SERVER_NAME, Server, prepare};
use bulkhead_harness::wire::{self, Caller};
use serde_json::{Value, json};
use support::BINARY;
use support::objects::labelled_namespace;
use support::self_managed::SelfManaged;
use support::wait::until;

/// Lifetimes in seconds, so short that the test sees several rotations.
const CA_LIFETIME: u64 = 48;
const CERTIFICATE_LIFETIME: u64 = 30;

fn field(admin: &Kubectl, secret: &str, key: &str) -> Option<String> {
    let said = admin.run(&["get", "secret", secret, "-n", NAMESPACE, "-o", "json"]).unwrap().stdout;
    let secret: Value = serde_json::from_str(&said).ok()?;
    secret["data"][key].as_str().map(str::to_owned)
}

#[test]
fn installed_without_a_certificate_it_enforces_and_rotates_with_every_call_judged() {
    let installed = SelfManaged::start(CA_LIFETIME, CERTIFICATE_LIFETIME);
    let admin = installed.cluster.admin().unwrap();

    // The webhook's account reads the certificate, and not the CA's key.
    let webhook = installed.cluster.service_account(NAMESPACE, "bulkhead").unwrap();
    let read = |secret: &str| {
        let name = format!("--field-selector=metadata.name={secret}");
        webhook.run(&["get", "secrets", "-n", NAMESPACE, &name, "-o", "yaml"]).unwrap()
    };
    assert!(read("bulkhead-webhook-tls").stdout.contains("tls.key: "));
    assert!(read("bulkhead-webhook-ca").stderr.contains("is forbidden"));

    let stranger = installed.cluster.powerful("stranger", "strangers").unwrap();
    let forged = labelled_namespace("forged", &json!({ "bulkhead.dev/tenant": "nobody" })).to_string();
    let (mut authorities, mut certificates) = (Vec::new(), Vec::new());
    let end = Instant::now() + Duration::from_secs(CA_LIFETIME * 5 / 3);
    let mut calls = 0;
    while Instant::now() < end {
        let said = stranger.feed(&["create", "--dry-run=server", "-f", "-"], &forged).unwrap().stderr;
        assert!(said.contains("BH102"), "after {calls} calls: {said}");
        calls += 1;
        for (seen, secret, key) in [
            (&mut authorities, "bulkhead-webhook-ca", "ca.crt"),
            (&mut certificates, "bulkhead-webhook-tls", "tls.crt"),
        ] {
            let now = field(&admin, secret, key);
            if seen.last() != Some(&now) {
                seen.push(now);
            }
        }
        sleep(Duration::from_millis(50));
    }
    let rotations = (authorities.len() - 1, certificates.len() - 1);
    assert!(calls > 100 && rotations.0 >= 2 && rotations.1 >= 4, "{calls} calls, {rotations:?} rotations");
}

/// As cert-manager writes it. The replica waits for the Secret, takes a new pair, and keeps the old one if the new one is
/// broken.
#[test]
fn certificate_of_another_tool_is_taken_from_its_secret() {
    let cluster = Cluster::start().unwrap();
    prepare(&cluster, &BINARY).unwrap();
    let admin = cluster.admin().unwrap();
    let account = cluster.service_account(NAMESPACE, "bulkhead").unwrap();
    let arguments = ["--certificates=external", "--parts=webhook"];
    let mut replica =
        Server::start(&BINARY, "webhook", &cluster.folder, &arguments, Some(&account.kubeconfig)).unwrap();
    until(|| {
        let answer = wire::get(replica.admin, "/readyz").unwrap();
        answer.status != 200 && answer.body.trim().ends_with("certificate")
    });

    let write = |certificate: &str, key: &str| {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": { "name": "bulkhead-webhook-tls", "namespace": NAMESPACE },
            "stringData": { "tls.crt": certificate, "tls.key": key },
        });
        admin.apply(&secret.to_string()).unwrap();
    };
    let is_served = |authority: &Authority| {
        let caller = Caller::new(replica.webhook, SERVER_NAME, &authority.certificate).unwrap();
        caller.connect().is_ok()
    };
    let (first, second) = (Authority::new("first").unwrap(), Authority::new("second").unwrap());
    let pair = first.server(&[SERVER_NAME]).unwrap();
    write(&pair.certificate, &pair.key);
    until(|| is_served(&first));
    replica
        .process
        .wait_for(Duration::from_secs(10), |_| {
            wire::get(replica.admin, "/readyz").is_ok_and(|answer| answer.status == 200).then_some(())
        })
        .unwrap();

    let other = second.server(&[SERVER_NAME]).unwrap();
    write(&other.certificate, &pair.key);
    until(|| replica.process.log().contains("the previous one stays in use"));
    assert!(is_served(&first));
    write(&other.certificate, &other.key);
    until(|| is_served(&second) && !is_served(&first));
}
