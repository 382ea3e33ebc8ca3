use std::str::FromStr;
use std::time::{Duration, Instant};

use bulkhead_harness::process::Process;
use futures::future::join_all;
use kube::Client;
use serde_json::{Value, json};
use support::api::{client, request};
use support::objects::{labelled_namespace, tenant};
use support::random::Random;
use support::wait::within;
use tokio::runtime::Runtime;

use super::lifecycle::KINDS;
use super::load::Load;
use super::stage::Stage;

const TENANTS: u64 = 100;
const NAMESPACES: u64 = 3;
const WORKERS: u64 = 4;
const MINUTES: u64 = 1;
/// The time after which memory must not grow any more: by then every tenant has come and gone.
const WARM_UP: Duration = Duration::from_mins(10);
const SAMPLE_INTERVAL: Duration = Duration::from_secs(10);

/// `BULKHEAD_SOAK_MINUTES=60` runs it for an hour.
#[test]
fn tenants_at_random_under_load_leak_neither_memory_nor_connections_nor_objects() {
    let minutes =
        std::env::var("BULKHEAD_SOAK_MINUTES").map_or(MINUTES, |text| u64::from_str(&text).unwrap());
    let stage = Stage::start(&[]);
    let runtime = Runtime::new().unwrap();
    let admin = stage.cluster.admin().unwrap();
    let admin_client = runtime.block_on(client(&admin));
    let open_files = || stage.processes().map(|process| process.open_files().unwrap()).collect::<Vec<_>>();
    let before = open_files();
    let load = Load::start(&stage);
    let end = Instant::now() + Duration::from_mins(minutes);
    let workers: Vec<_> = (0..WORKERS)
        .map(|worker| runtime.spawn(change_at_random(admin_client.clone(), worker, end)))
        .collect();
    let samples = stage.sample_memory(end);
    let changes: usize =
        runtime.block_on(join_all(workers)).into_iter().map(|changes| changes.unwrap()).sum();
    let writes = load.stop();
    support::say(&format!("{changes} changes of {TENANTS} tenants in {minutes} minutes: {writes}"));
    writes.assert_none_failed();
    assert_flat(&samples);

    let managed = "app.kubernetes.io/managed-by=bulkhead";
    let left = || {
        let kinds = format!("tenants.bulkhead.dev,namespaces,{KINDS}");
        let all = admin.ok(&["get", "-A", "-o", "name", &kinds]).unwrap();
        let labelled = admin.ok(&["get", "-A", "-l", managed, "-o", "yaml", KINDS]).unwrap();
        all.contains("soak-") || labelled.contains("soak-")
    };
    // The webhook refuses the deletion of a Tenant that still has namespaces.
    within(Duration::from_mins(3), || {
        runtime.block_on(delete_all(&admin_client));
        !left()
    });
    // An API server closes a connection that was idle for 90 seconds.
    within(Duration::from_mins(3), || {
        open_files().iter().zip(&before).all(|(now, before)| *now <= before + 2)
    });
}

/// Changes the tenants of one worker until the end. Returns the number of changes.
async fn change_at_random(client: Client, worker: u64, end: Instant) -> usize {
    let mut random = Random::new(worker);
    let mut changes = 0;
    while Instant::now() < end {
        let name = format!("soak-{}", worker + WORKERS * random.below(TENANTS / WORKERS));
        let namespace = format!("tenant-{name}-{}", random.below(NAMESPACES));
        let group = "/apis/bulkhead.dev/v1alpha1/tenants";
        let owner = format!("{name}-developers-{}", random.below(3));
        let spec = json!({ "owners": [{ "kind": "Group", "name": owner }] });
        let labels = json!({ "bulkhead.dev/tenant": name });
        let change = match random.below(6) {
            0 => request("POST", group, "json", &tenant(&name, &spec)),
            1 => request("PATCH", &format!("{group}/{name}"), "merge-patch+json", &json!({ "spec": spec })),
            2 => request("POST", "/api/v1/namespaces", "json", &labelled_namespace(&namespace, &labels)),
            3 => request("DELETE", &format!("/api/v1/namespaces/{namespace}"), "json", &Value::Null),
            4 => request("DELETE", &format!("{group}/{name}"), "json", &Value::Null),
            _ => {
                let note =
                    json!({ "metadata": { "annotations": { "example.com/note": changes.to_string() } } });
                request("PATCH", &format!("/api/v1/namespaces/{namespace}"), "merge-patch+json", &note)
            }
        };
        match client.request_text(change).await {
            Ok(_) => changes += 1,
            // It exists, it does not, it is ending, or its tenant has namespaces.
            Err(kube::Error::Api(status)) if [403, 404, 409].contains(&status.code) => {
                assert!(!status.message.contains("failed calling webhook"), "{status:?}");
            }
            Err(error) => panic!("{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    changes
}

async fn delete_all(client: &Client) {
    for number in 0..TENANTS {
        for namespace in 0..NAMESPACES {
            let path = format!("/api/v1/namespaces/tenant-soak-{number}-{namespace}");
            let _ = client.request_text(request("DELETE", &path, "json", &Value::Null)).await;
        }
        let path = format!("/apis/bulkhead.dev/v1alpha1/tenants/soak-{number}");
        let _ = client.request_text(request("DELETE", &path, "json", &Value::Null)).await;
    }
}

/// The resident memory of each process, in MiB, at some time since the start.
struct Sample {
    at: Duration,
    memory: Vec<f64>,
}

impl Stage {
    fn processes(&self) -> impl Iterator<Item = &Process> {
        self.replicas.iter().map(|replica| &replica.process).chain(&self.controllers)
    }

    fn sample_memory(&self, end: Instant) -> Vec<Sample> {
        let begin = Instant::now();
        let mut samples = Vec::new();
        while Instant::now() < end {
            let memory = self.processes().map(|process| process.resident_mib().unwrap()).collect();
            samples.push(Sample { at: begin.elapsed(), memory });
            std::thread::sleep(SAMPLE_INTERVAL);
        }
        samples
    }
}

/// Fails if a process has more memory in the last fifth of the time than right after the warm-up. A short run has no end
/// of the warm-up, and only prints.
fn assert_flat(samples: &[Sample]) {
    for sample in samples.iter().step_by(samples.len().div_ceil(12)) {
        support::say(&format!("resident after {:.0?}: {:.1?} MiB", sample.at, sample.memory));
    }
    let warm: Vec<&Sample> = samples.iter().filter(|sample| sample.at > WARM_UP).collect();
    let (first, last) = (&warm[..warm.len() / 5], &warm[warm.len() - warm.len() / 5..]);
    let most = |samples: &[&Sample], process: usize| {
        samples.iter().map(|sample| sample.memory[process]).fold(0.0, f64::max)
    };
    for process in 0..samples[0].memory.len() {
        let (before, after) = (most(first, process), most(last, process));
        assert!(after <= before * 1.05 + 1.0, "process {process}: {before} MiB, then {after} MiB");
    }
}
