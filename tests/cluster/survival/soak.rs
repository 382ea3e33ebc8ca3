use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::process::Process;
use bulkhead_harness::program::NAMESPACE;
use futures::future::join_all;
use kube::Client;
use serde_json::{Value, json};
use support::api::{client, request};
use support::cluster::{controller_metrics, jsonpath};
use support::metrics::{metrics, value};
use support::objects::{labelled_namespace, tenant};
use support::random::Random;
use support::wait::{until, within};
use tokio::runtime::Runtime;

use super::lifecycle::KINDS;
use super::load::Load;
use super::stage::Stage;

const TENANTS: u64 = 100;
const NAMESPACES: u64 = 3;
const WORKERS: u64 = 4;
const SECONDS: u64 = 45;
/// The time after which memory must not grow any more: by then every tenant has come and gone. A short run warms up for a
/// third of its time.
const WARM_UP: Duration = Duration::from_mins(10);
/// The memory in MiB, beside 5 %, that a process may gain after the warm-up of a long run.
const LONG_GAIN: f64 = 1.0;
/// The same for a replica of the webhook in a short run: about a kilobyte for each review.
const REPLICA_GAIN: f64 = 2.0;
/// The same for a controller, for which the number of namespaces still grows then.
const CONTROLLER_GAIN: f64 = 12.0;

/// `BULKHEAD_SOAK_SECONDS=3600` runs it for an hour. The short run finds leaks of more than a kilobyte with each review, and
/// connections, tasks, threads and objects that stay. Only a run of 20 minutes or more shows that memory is flat.
#[test]
fn tenants_at_random_under_load_leak_neither_memory_nor_connections_nor_objects() {
    let seconds =
        std::env::var("BULKHEAD_SOAK_SECONDS").map_or(SECONDS, |text| u64::from_str(&text).unwrap());
    let length = Duration::from_secs(seconds);
    let stage = Stage::start(&[]);
    let runtime = Runtime::new().unwrap();
    let admin = stage.cluster.admin().unwrap();
    let admin_client = runtime.block_on(client(&admin));
    let objects_before = objects(&admin);
    let before = stage.sample(Instant::now());
    let load = Load::start(&stage);
    let end = Instant::now() + length;
    let workers: Vec<_> = (0..WORKERS)
        .map(|worker| runtime.spawn(change_at_random(admin_client.clone(), worker, end)))
        .collect();
    let samples = stage.samples(end, (length / 60).max(Duration::from_secs(1)));
    let changes: usize =
        runtime.block_on(join_all(workers)).into_iter().map(|changes| changes.unwrap()).sum();
    let writes = load.stop();
    support::say(&format!("{changes} changes of {TENANTS} tenants in {seconds} s: {writes}"));
    support::say(&format!("before the load: {before}"));
    for sample in samples.iter().step_by(samples.len().div_ceil(12)) {
        support::say(&format!("after {:.0?}: {sample}", sample.at));
    }
    writes.assert_none_failed();
    assert_flat(&samples, length, stage.replicas.len());

    // The webhook refuses the deletion of a Tenant that still has namespaces.
    within(Duration::from_mins(3), || {
        runtime.block_on(delete_all(&admin_client));
        objects(&admin) == objects_before
    });
    until(|| all_are_released(&admin));
    let refused = stage.cluster.audited("system:serviceaccount:bulkhead-system:").unwrap();
    let is_refused = |event: &&Value| event["annotations"]["authorization.k8s.io/decision"] != "allow";
    assert_eq!(refused.iter().find(is_refused), None);
    // An API server closes a connection that was idle for 90 seconds.
    within(Duration::from_mins(3), || stage.sample(Instant::now()).holds_no_more_than(&before));
    support::say(&format!("after the deletion: {}", stage.sample(Instant::now())));
}

/// The tenants, the namespaces and all objects with Bulkhead's label.
fn objects(admin: &Kubectl) -> BTreeSet<String> {
    let path = r#"{range .items[*]}{.kind} {.metadata.namespace} {.metadata.name}{"\n"}{end}"#;
    let labelled = jsonpath(admin, &[KINDS, "-A", "-l", "app.kubernetes.io/managed-by=bulkhead"], path);
    let all = jsonpath(admin, &["tenants.bulkhead.dev,namespaces", "-A"], path);
    labelled.lines().chain(all.lines()).map(str::to_owned).collect()
}

/// True if the names of the deleted tenants and namespaces are reserved, each with the time of its deletion, as
/// docs/tenants.md says.
fn all_are_released(admin: &Kubectl) -> bool {
    let maps = jsonpath(admin, &["configmaps", "-n", NAMESPACE], "{range .items[*]}{.data}{end}");
    let maps = serde_json::Deserializer::from_str(&maps).into_iter::<Value>().map(Result::unwrap);
    let names: Vec<(String, String)> = maps
        .flat_map(|map| map.as_object().cloned().unwrap_or_default())
        .filter(|(name, _)| name.contains("soak-"))
        .map(|(name, reservation)| (name, reservation.as_str().unwrap().to_owned()))
        .collect();
    !names.is_empty() && names.iter().all(|(_, reservation)| reservation.ends_with('Z'))
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

/// The use of the machine by each process: the replicas of the webhook, then the controllers.
struct Sample {
    at: Duration,
    processes: Vec<Use>,
}

struct Use {
    /// Resident memory in MiB.
    memory: f64,
    files: usize,
    threads: usize,
    tasks: u64,
}

impl fmt::Display for Sample {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Use { memory, files, threads, tasks }) in self.processes.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(text, "{separator}{memory:.1} MiB, {files} files, {threads} threads, {tasks} tasks")?;
        }
        Ok(())
    }
}

impl Sample {
    /// True if no process has more files, threads or tasks than before; two files may be those of a request for metrics.
    fn holds_no_more_than(&self, before: &Self) -> bool {
        self.processes.iter().zip(&before.processes).all(|(now, before)| {
            now.files <= before.files + 2 && now.threads <= before.threads && now.tasks <= before.tasks + 2
        })
    }
}

impl Stage {
    fn sample(&self, begin: Instant) -> Sample {
        let of = |process: &Process, metrics: &str| Use {
            memory: process.resident_mib().unwrap(),
            files: process.open_files().unwrap(),
            threads: process.threads().unwrap(),
            tasks: value(metrics, "bulkhead_tasks"),
        };
        let replicas = self.replicas.iter().map(|replica| of(&replica.process, &metrics(replica.admin)));
        let controllers = self.controllers.iter().map(|process| of(process, &controller_metrics(process)));
        Sample { at: begin.elapsed(), processes: replicas.chain(controllers).collect() }
    }

    fn samples(&self, end: Instant, interval: Duration) -> Vec<Sample> {
        let begin = Instant::now();
        let mut samples = Vec::new();
        while Instant::now() < end {
            samples.push(self.sample(begin));
            std::thread::sleep(interval);
        }
        samples
    }
}

/// Fails if a process has more memory, or more threads, in the last fifth of the time than right after the warm-up.
fn assert_flat(samples: &[Sample], length: Duration, replicas: usize) {
    let is_long = length >= WARM_UP * 2;
    let warm_up = if is_long { WARM_UP } else { length / 3 };
    let warm: Vec<&Sample> = samples.iter().filter(|sample| sample.at > warm_up).collect();
    let (first, last) = (&warm[..warm.len() / 5], &warm[warm.len() - warm.len() / 5..]);
    assert!(!first.is_empty(), "too short for a comparison");
    for process in 0..samples[0].processes.len() {
        let memory = |samples: &[&Sample]| {
            samples.iter().map(|sample| sample.processes[process].memory).fold(0.0, f64::max)
        };
        let (before, after) = (memory(first), memory(last));
        let gain = match (is_long, process < replicas) {
            (true, _) => LONG_GAIN,
            (false, true) => REPLICA_GAIN,
            (false, false) => CONTROLLER_GAIN,
        };
        support::say(&format!(
            "process {process}: at most {before:.1} MiB after the warm-up, {after:.1} MiB at the end"
        ));
        assert!(after <= before * 1.05 + gain, "process {process}: {before} MiB, then {after} MiB");
    }
}
