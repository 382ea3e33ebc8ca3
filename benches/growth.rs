//! Growth of the cost of a decision with the size of the cluster: instructions, counted by callgrind, with 10 and
//! with 4,000 tenants of three namespaces. Needs valgrind. Run: `cargo bench --bench growth`

#![expect(clippy::expect_used, reason = "a bench that cannot go on should stop")]
#![expect(clippy::print_stdout, reason = "figures are its output")]

mod pod;
mod review;

use std::hint::black_box;
use std::process::Command;
use std::sync::Arc;

use bulkhead::api::{Subject, SubjectKind, TenantSpec};
use bulkhead::policy::judge;
use bulkhead::settings::Settings;
use bulkhead::snapshot::{ClusterState, Namespace, Snapshot, Tenant};
use bulkhead::sources::files;
use bulkhead::webhook::wire::{self, AdmissionResponse};
use serde_json::json;

const SIZES: [usize; 2] = [10, 4_000];
const NAMESPACES: usize = 3;
const DECISIONS: usize = 200;
/// The name and the group of the user in the review of a namespace.
const MEMBER: (&str, &str) = ("alice", "t-0005-developers");

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, _, what, tenants, decisions] = arguments.as_slice() {
        return decide(what, tenants.parse().expect("tenants"), decisions.parse().expect("decisions"));
    }
    for what in ["pod", "namespace"] {
        let costs = SIZES.map(|tenants| {
            let (setup, all) = (instructions(what, tenants, 1), instructions(what, tenants, DECISIONS + 1));
            (all - setup) / DECISIONS as u64
        });
        println!("instructions a decision on a new {what} ({DECISIONS} decisions after the first):");
        for (tenants, cost) in SIZES.iter().zip(costs) {
            println!("  {tenants} tenants of {NAMESPACES} namespaces: {cost}");
        }
        let [small, large] = costs.map(|cost| u32::try_from(cost).map_or(f64::INFINITY, f64::from));
        println!("  growth: {:+.1} % (aim: at most 10)", (large / small - 1.0) * 100.0);
    }
}

/// Runs this program under callgrind. Returns the number of instructions.
fn instructions(what: &str, tenants: usize, decisions: usize) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().expect("this program"))
        .args(["decide", what, &tenants.to_string(), &decisions.to_string()])
        .output()
        .expect("valgrind");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let collected = said.lines().find_map(|line| line.split_once("Collected : "));
    collected.and_then(|(_, count)| count.trim().parse().ok()).expect("callgrind's count")
}

fn decide(what: &str, tenants: usize, decisions: usize) {
    let snapshot = snapshot(tenants);
    let review =
        if what == "pod" { pod::review("tenant-t-0005-1") } else { namespace(MEMBER, "tenant-t-0005-new") };
    for _ in 0..decisions {
        let envelope = wire::read(black_box(&review), Some(&snapshot)).expect("a review");
        let answer = AdmissionResponse::from_verdict(&judge(&envelope.review(), &snapshot));
        assert!(answer.is_allowed(), "{answer:?}");
        drop(black_box(answer.write(envelope.uid()).expect("an answer")));
    }
}

/// The mesh writes proxies as in the examples.
fn snapshot(tenants: usize) -> Snapshot {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/snapshot/proxy-references.yaml");
    let example = files::snapshot(&files::read(&[file.into()]).expect("a file")).expect("a snapshot");
    let proxy_references = example.proxy_references.clone();
    let mut state = ClusterState { proxy_references, ..ClusterState::default() };
    for number in 0..tenants {
        let name = format!("t-{number:04}");
        let owner = Subject { kind: SubjectKind::Group, name: format!("{name}-developers"), namespace: None };
        let spec = TenantSpec { owners: vec![owner], ..TenantSpec::default() };
        state.tenants.push(Arc::new(Tenant::new(name.clone(), 0, spec)));
        for place in 0..NAMESPACES {
            let namespace = Namespace { tenant: Some(name.clone()), ready: true, ..Namespace::default() };
            state.namespaces.push((format!("tenant-{name}-{place}").into(), Arc::new(namespace)));
        }
    }
    Snapshot::new(Arc::new(Settings::default()), state)
}

/// Returns an `AdmissionReview` in which a member creates a namespace, with the labels that the webhook adds.
fn namespace(member: (&str, &str), name: &str) -> Vec<u8> {
    let (user, group) = member;
    let tenant = group.trim_end_matches("-developers");
    let review = json!({
        "kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "9d5f1c0a-6f0e-4d0b-8a53-0e7a2f1b3c4e",
            "resource": { "group": "", "version": "v1", "resource": "namespaces" },
            "name": name, "namespace": name, "operation": "CREATE",
            "userInfo": { "username": user, "groups": [group, "system:authenticated"] },
            "object": {
                "apiVersion": "v1", "kind": "Namespace",
                "metadata": { "name": name, "labels": { "bulkhead.dev/tenant": tenant, "tenant": tenant } },
            },
            "oldObject": null,
        },
    });
    serde_json::to_vec(&review).expect("JSON")
}
