//! The resolvers of the names and addresses behind Services, beside plain statements of what a tenant may name.

use bulkhead::snapshot::{Snapshot, User};
use bulkhead::sources::files;
use serde_json::{Value, json};
use support::judging::violations;
use support::random::Random;
use support::{WORLD, repository};

const NAMESPACE: &str = "tenant-delta";

/// The example's snapshot with the tenant `delta`, which has grants for hosts and addresses.
fn snapshot() -> Snapshot {
    let granted = repository("examples/snapshots/reached-addresses.yaml");
    let mut documents = files::read(&[granted]).unwrap();
    let others = files::read(&[WORLD.into()]).unwrap();
    documents.extend(others.into_iter().filter(|other| other.yaml.text(&["kind"]) != Some("Settings")));
    files::snapshot(&documents).unwrap()
}

/// The paths of the fields for which the creation of an object is refused.
fn refused_fields(snapshot: &Snapshot, object: &Value) -> Vec<String> {
    let user = User { name: "dora", groups: vec!["delta-developers"] };
    violations(snapshot, &user, object).into_iter().map(|violation| violation.field).collect()
}

/// A tenant may name its own Services, a granted host, and the hosts below a granted domain that no DNS of a cluster
/// can have.
fn may_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let labels: Vec<&str> = name.split('.').collect();
    let is_text = |label: &&str| {
        !label.is_empty() && label.chars().all(|letter| matches!(letter, 'a'..='z' | '0'..='9' | '-'))
    };
    if !labels.iter().all(is_text) {
        return false;
    }
    match labels.as_slice() {
        [_, .., NAMESPACE, "svc", "cluster", "local"] | ["db", "example", "net"] => true,
        [below @ .., "queues", "example", "net"] => {
            !below.is_empty() && !below[1..].iter().any(|label| ["svc", "pod"].contains(label))
        }
        _ => false,
    }
}

#[test]
fn external_name_is_admitted_if_and_only_if_the_tenant_may_name_it() {
    const STARTS: [&str; 9] =
        ["", "web.", "web-0.web.", "a.svc.", "10-1-0-7.", "db.", "x.queues.", "A.", ".."];
    const MIDDLES: [&str; 10] = [
        "",
        "tenant-delta.",
        "tenant-acme.",
        "default.",
        "tenant-delta.svc.",
        "shared-services.svc.",
        "queues.",
        "pod.",
        "svc.",
        "xqueues.",
    ];
    const ENDS: [&str; 14] = [
        "svc.cluster.local",
        "cluster.local",
        "svc.cluster.local.example.net",
        "svc.example.net",
        "pod.cluster.local",
        "example.net",
        "queues.example.net",
        "example.net.",
        "svc.cluster.local.",
        "svc.cluster.local..",
        "localhost",
        "169.254.169.254",
        "0x7f",
        "svc",
    ];
    let snapshot = snapshot();
    let mut admitted = 0;
    let all = STARTS.iter().flat_map(|start| MIDDLES.iter().map(move |middle| format!("{start}{middle}")));
    let all = all.flat_map(|prefix| ENDS.iter().map(move |end| format!("{prefix}{end}")));
    for name in all {
        let spec = json!({ "type": "ExternalName", "externalName": name });
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web", "namespace": NAMESPACE }, "spec": spec,
        });
        let found = refused_fields(&snapshot, &service);
        assert_eq!(found.is_empty(), may_name(&name), "{name}: {found:?}");
        admitted += usize::from(found.is_empty());
    }
    assert!((20..200).contains(&admitted), "{admitted}");
}

/// `203.0.113.0/24` is granted on two ports: these are its addresses, written in the one usual way.
fn is_granted_address(text: &str) -> bool {
    text.strip_prefix("203.0.113.")
        .is_some_and(|last| (0..=255).any(|number: u16| last == number.to_string()))
}

fn is_granted_port((port, protocol): &(Option<u16>, Option<&str>)) -> bool {
    [Some(5432), Some(6432)].contains(port) && [None, Some("TCP")].contains(protocol)
}

#[test]
fn endpoints_are_admitted_if_and_only_if_each_address_is_granted_for_each_port() {
    const ADDRESSES: [&str; 14] = [
        "203.0.113.0",
        "203.0.113.7",
        "203.0.113.255",
        "203.0.113.256",
        "203.0.113.07",
        "203.0.112.255",
        "203.0.114.0",
        "10.1.9.9",
        "192.0.2.10",
        "169.254.169.254",
        "::ffff:203.0.113.7",
        "2001:db8::7",
        "",
        "db.example.net",
    ];
    const PORTS: [(Option<u16>, Option<&str>); 8] = [
        (Some(5432), None),
        (Some(5432), Some("TCP")),
        (Some(6432), Some("TCP")),
        (Some(5432), Some("UDP")),
        (Some(22), None),
        (Some(0), None),
        (None, None),
        (None, Some("TCP")),
    ];
    let snapshot = snapshot();
    let mut random = Random::new(16);
    let (mut admitted, mut refusals) = (0, 0);
    for _ in 0..3_000 {
        // Most choices are granted ones, so that whole objects are admitted.
        let mut address = || if random.one_in(4) { *random.one_of(&ADDRESSES) } else { "203.0.113.7" };
        let addresses: Vec<&str> = (0..3).map(|_| address()).collect();
        let count = *random.one_of(&[0_usize, 1, 1, 2]);
        let mut port = || if random.one_in(3) { *random.one_of(&PORTS) } else { PORTS[0] };
        let ports: Vec<_> = (0..count).map(|_| port()).collect();
        let written = |(port, protocol): &(Option<u16>, Option<&str>)| {
            let mut written = json!({});
            if let Some(port) = port {
                written["port"] = json!(port);
            }
            if let Some(protocol) = protocol {
                written["protocol"] = json!(protocol);
            }
            written
        };
        let of_slice: Vec<Value> = ports.iter().map(written).collect();
        let slice = json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": { "name": "a", "namespace": NAMESPACE, "labels": { "kubernetes.io/service-name": "a" } },
            "endpoints": addresses.iter().map(|address| json!({ "addresses": [address] })).collect::<Vec<_>>(),
            "ports": of_slice,
        });
        let (ready, others) = addresses.split_at(1);
        let list = |addresses: &[&str]| -> Vec<Value> {
            addresses.iter().map(|address| json!({ "ip": address })).collect()
        };
        let endpoints = json!({
            "apiVersion": "v1", "kind": "Endpoints", "metadata": { "name": "a", "namespace": NAMESPACE },
            "subsets": [{ "addresses": list(ready), "notReadyAddresses": list(others), "ports": of_slice }],
        });
        let are_ports_granted = !ports.is_empty() && ports.iter().all(is_granted_port);
        let expected: Vec<usize> =
            (0..3).filter(|at| !(are_ports_granted && is_granted_address(addresses[*at]))).collect();
        let of_slice: Vec<String> =
            expected.iter().map(|at| format!("endpoints[{at}].addresses[0]")).collect();
        let of_endpoints = expected.iter().map(|at| match at {
            0 => "subsets[0].addresses[0].ip".to_owned(),
            at => format!("subsets[0].notReadyAddresses[{}].ip", at - 1),
        });
        assert_eq!(refused_fields(&snapshot, &slice), of_slice, "{slice}");
        assert_eq!(refused_fields(&snapshot, &endpoints), of_endpoints.collect::<Vec<_>>(), "{endpoints}");
        *(if expected.is_empty() { &mut admitted } else { &mut refusals }) += 1;
    }
    assert!(admitted > 300 && refusals > 300, "{admitted} admitted, {refusals} refused");
}
