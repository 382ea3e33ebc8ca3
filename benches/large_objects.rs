//! Cost of a decision on large objects: on legitimate ones, and on hostile ones of 3 MiB, the most that an API server
//! accepts of a request. Each is compared with serde_json, which only skips the same bytes, in alternating rounds.
//! Run: `cargo bench --bench large_objects`

#![expect(clippy::expect_used, reason = "a bench that cannot go on should stop")]
#![expect(clippy::print_stdout, reason = "figures are its output")]

mod review;
mod timing;

use std::hint::black_box;
use std::path::PathBuf;

use bulkhead::kinds::Kind;
use bulkhead::snapshot::Snapshot;
use bulkhead::sources::files;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use timing::{decide, micros, ratio, spread};

const ROUNDS: usize = 20;
const NAMESPACE: &str = "tenant-acme";
const LARGEST: usize = 3 << 20;
/// The most memory that a decision may take beside the review, in bytes.
const MEMORY: u64 = 16 << 20;

struct Large {
    name: &'static str,
    kind: Kind,
    spec: fn() -> Value,
    is_admitted: bool,
}

const OBJECTS: &[Large] = &[
    Large {
        name: "VirtualService of 200 rules",
        kind: Kind::VirtualService,
        spec: || virtual_service((0..200).map(own_rule)),
        is_admitted: true,
    },
    Large {
        name: "NetworkPolicy of 500 entries",
        kind: Kind::NetworkPolicy,
        spec: || network_policy((0..500).map(own_entry)),
        is_admitted: true,
    },
    hostile(
        "VirtualService for 100,000 hosts of others",
        Kind::VirtualService,
        || json!({ "hosts": (0..100_000).map(|n| format!("host-{n}.example.com")).collect::<Vec<_>>() }),
    ),
    hostile("VirtualService with 15,000 routes to others", Kind::VirtualService, || {
        virtual_service((0..15_000).map(|n| rule(n, "web.tenant-beta.svc.cluster.local")))
    }),
    hostile("NetworkPolicy with 15,000 peers in other namespaces", Kind::NetworkPolicy, || {
        let foreign = |n| {
            json!({ "matchExpressions": [
                { "key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": [format!("tenant-{n}")] },
                { "key": format!("key-{n}"), "operator": "Exists" },
            ] })
        };
        network_policy((0..15_000).map(|n| json!({ "from": [{ "namespaceSelector": foreign(n) }] })))
    }),
    hostile("NetworkPolicy with a selector of 200,000 values", Kind::NetworkPolicy, || {
        let values: Vec<String> = (0..200_000).map(|n| format!("tenant-{n}")).collect();
        let key = "kubernetes.io/metadata.name";
        let foreign = json!({ "matchExpressions": [{ "key": key, "operator": "In", "values": values }] });
        network_policy([json!({ "from": [{ "namespaceSelector": foreign }] })])
    }),
    hostile("AuthorizationPolicy with 50,000 principals of others", Kind::AuthorizationPolicy, || {
        let principals: Vec<String> =
            (0..50_000).map(|n| format!("cluster.local/ns/tenant-{n}/sa/a")).collect();
        json!({ "rules": [{ "from": [{ "source": { "principals": principals } }] }] })
    }),
    hostile("DestinationRule with 15,000 arrays, each 100 deep", Kind::DestinationRule, || {
        let nested = (0..100).fold(json!([]), |inner, _| json!([inner]));
        json!({ "host": "web", "subsets": vec![nested; 15_000] })
    }),
];

const fn hostile(name: &'static str, kind: Kind, spec: fn() -> Value) -> Large {
    Large { name, kind, spec, is_admitted: false }
}

fn virtual_service(rules: impl IntoIterator<Item = Value>) -> Value {
    let http: Vec<Value> = rules.into_iter().collect();
    json!({ "hosts": ["web.tenant-acme.svc.cluster.local"], "exportTo": ["."], "http": http })
}

fn own_rule(number: usize) -> Value {
    rule(number, &format!("web-{number}.tenant-acme.svc.cluster.local"))
}

fn rule(number: usize, host: &str) -> Value {
    json!({
        "name": format!("item-{number}"), "timeout": "5s", "retries": { "attempts": 2, "perTryTimeout": "2s" },
        "match": [{ "uri": { "prefix": format!("/items/{number}/") }, "headers": { "x-version": { "exact": "2" } } }],
        "route": [{ "destination": { "host": host, "port": { "number": 8080 } }, "weight": 100 }],
    })
}

fn network_policy(ingress: impl IntoIterator<Item = Value>) -> Value {
    let ingress: Vec<Value> = ingress.into_iter().collect();
    json!({ "podSelector": { "matchLabels": { "app": "web" } }, "policyTypes": ["Ingress"], "ingress": ingress })
}

fn own_entry(number: usize) -> Value {
    json!({
        "from": [{ "podSelector": { "matchLabels": { "app": format!("client-{number}"), "tier": "front" } } }],
        "ports": [{ "protocol": "TCP", "port": 8080 }],
    })
}

fn main() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/snapshot"));
    let snapshot = files::snapshot(&files::read(&[folder]).expect("the example's world")).expect("a world");
    println!("decisions, beside the time to skip the same bytes, {ROUNDS} rounds: median (least to most)");
    // `-- WHAT` measures only the objects with this word in their names.
    let asked: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    for large in OBJECTS.iter().filter(|large| asked.iter().all(|word| large.name.contains(word))) {
        measure(large, &snapshot);
    }
}

fn measure(large: &Large, snapshot: &Snapshot) {
    let object = json!({
        "apiVersion": large.kind.api_version(), "kind": large.kind.name(),
        "metadata": { "name": "large", "namespace": NAMESPACE }, "spec": (large.spec)(),
    });
    let alice = json!({ "username": "alice", "groups": ["acme-developers", "system:authenticated"] });
    let review = review::of(large.kind, NAMESPACE, &alice, &object);
    assert!(review.len() < LARGEST + (LARGEST >> 1), "{} has {} bytes", large.name, review.len());
    let answer = decide(&review, snapshot);
    let answer = String::from_utf8_lossy(&answer);
    assert_eq!(answer.contains("\"allowed\":true"), large.is_admitted, "{}: {answer}", large.name);

    let turns = if large.is_admitted { 200 } else { 1 };
    let (mut skips, mut decisions) = (vec![], vec![]);
    for _ in 0..ROUNDS {
        skips.push(micros(turns, || {
            drop(black_box(serde_json::from_slice::<IgnoredAny>(black_box(&review))));
        }));
        decisions.push(micros(turns, || drop(black_box(decide(black_box(&review), snapshot)))));
    }
    let memory = allocation_counter::measure(|| drop(black_box(decide(&review, snapshot))));
    let aim = if large.is_admitted { 3 } else { 20 };
    println!("{}, {} bytes", large.name, review.len());
    println!("  ratio        {}   (aim: at most {aim})", ratio(&decisions, &skips));
    println!("  decision     {} µs", spread(decisions));
    println!(
        "  allocations  {}, at most {} kB at once, an answer of {} bytes",
        memory.count_total,
        memory.bytes_max >> 10,
        answer.len()
    );
    assert!(memory.bytes_max < MEMORY, "more memory than {MEMORY} bytes");
}
