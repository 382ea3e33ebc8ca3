//! Callers of the webhook: the API server with its certificate, others, and the NetworkPolicy.

use std::collections::BTreeMap;

use bulkhead_harness::evaluator::{End, Packet, Pod, Port, passes};
use bulkhead_harness::pki::Authority;
use bulkhead_harness::program::{NAMESPACE, printed};
use bulkhead_harness::wire;
use serde_json::{Value, json};
use support::BINARY;
use support::cluster::{new_namespace, new_tenant, shared};
use support::refusal::{expect_admitted, expect_refused, violations, warnings};
use support::review::allows_pod_in;

/// The API server shows the certificate that its AdmissionConfiguration names. Both replicas have `--client-ca`.
#[test]
fn api_server_is_answered_and_other_callers_are_not() {
    let it = shared();
    let member = new_tenant(&it, "callers");
    let namespace = new_namespace(&member, "callers");
    let foreign = r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"tenant-callers-x","labels":{"bulkhead.dev/tenant":"nobody"}}}"#;
    expect_refused(
        &member.feed(&["create", "-f", "-"], foreign).unwrap(),
        &[("BH102", "metadata.labels[bulkhead.dev/tenant]")],
    );

    assert!(allows_pod_in(&namespace, &it.caller().unwrap()));
    let other = Authority::new("other").unwrap().client("kube-apiserver", None).unwrap();
    for stranger in [it.caller_with(None).unwrap(), it.caller_with(Some(&other)).unwrap()] {
        assert!(stranger.post("/validate/workloads", b"{}").is_err());
    }
    for replica in &it.replicas {
        assert_eq!(wire::get(replica.admin, "/readyz").unwrap().status, 200, "probes need no certificate");
    }
}

/// RBAC allows the stranger everything.
#[test]
fn refusal_to_a_stranger_does_not_list_tenants() {
    let it = shared();
    let member = new_tenant(&it, "secretive");
    let namespace = new_namespace(&member, "secretive");
    let stranger = it.cluster.powerful("nosy", "nosy-people").unwrap();
    let said = stranger.run(&["delete", "tenant", "secretive", "--dry-run=server"]).unwrap();
    assert_eq!(violations(&said.stderr), [("BH901", "metadata")], "{}", said.stderr);
    assert!(!said.stderr.contains(&namespace), "{}", said.stderr);
    let name = |tenant: &str| {
        let name = format!("tenant-{tenant}-new");
        let said = stranger.run(&["create", "namespace", &name, "--dry-run=server"]).unwrap();
        assert!(!said.success);
        said.stderr.replace(&name, "NAME")
    };
    assert_eq!(name("secretive"), name("nonexistent"));
    let bare =
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } }).to_string();
    let said = stranger.feed(&["replace", "--dry-run=server", "-f", "-"], &bare).unwrap();
    assert!(
        warnings(&said.stderr).contains(&("", "metadata.labels[bulkhead.dev/tenant]")),
        "{}",
        said.stderr
    );
    assert!(!said.stderr.contains("`secretive`"), "{}", said.stderr);
}

/// Packets to a pod of Bulkhead, by an independent evaluator.
#[test]
fn network_policy_lets_only_the_api_servers_and_prometheus_in() {
    let it = shared();
    let arguments = ["network", "--api-servers", "192.0.2.10,2001:db8::/64", "--metrics-from", "prometheus"];
    let policy = printed(&BINARY, &arguments).unwrap();
    let admin = it.cluster.admin().unwrap();
    expect_admitted(&admin.feed(&["apply", "--dry-run=server", "-f", "-"], &policy).unwrap());
    let policy: Value = serde_saphyr::from_str(&policy).unwrap();

    let pod = |namespace: &str| {
        let name = BTreeMap::from([("kubernetes.io/metadata.name".to_owned(), namespace.to_owned())]);
        let pod = Pod { namespace: namespace.to_owned(), namespace_labels: name, labels: BTreeMap::new() };
        End { pod: Some(pod), address: [10, 244, 0, 7].into() }
    };
    let address = |text: &str| End { pod: None, address: text.parse().unwrap() };
    let rows = [
        (address("192.0.2.10"), [true, false]),
        (address("2001:db8::7"), [true, false]),
        (address("192.0.2.11"), [false, false]),
        (pod("prometheus"), [false, true]),
        (pod("tenant-acme"), [false, false]),
        (pod("default"), [false, false]),
        (pod(NAMESPACE), [false, false]),
    ];
    for (from, expected) in rows {
        let packets =
            [9443, 8080].map(|port| Packet { from: from.clone(), to: pod(NAMESPACE), port: Port::Tcp(port) });
        assert_eq!(passes(std::slice::from_ref(&policy), &packets).unwrap(), expected, "{from:?}");
    }
}
