//! Writes through the API server at a fixed rate, however long each of them takes.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use axum::http::Request;
use kube::Client;
use serde_json::{Value, json};
use support::api::{client, request};
use support::objects::{list, network_policy, object};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::stage::Stage;

pub(super) const PER_SECOND: u32 = 200;
/// Time limit of a write for its user.
const LIMIT: Duration = Duration::from_secs(15);

/// The largest number of open writes. With more of them a slow machine would only become slower: there the rate falls.
const OPEN: usize = 64;
/// The number of stored objects. The API server repeats a write, and its calls of the webhook, after another write to the
/// same object. A quota of the baseline allows 100 in a namespace.
const POLICIES: usize = 64;

/// A load that goes on until it is stopped.
pub(super) struct Load {
    stopped: Arc<AtomicBool>,
    writes: JoinHandle<Vec<Write>>,
    start: Instant,
}

/// The writes of a load, in the order of their start.
pub(super) struct Writes(Vec<Write>);

/// A write, with its start since the start of the load.
#[derive(Debug)]
pub(super) struct Write {
    pub(super) at: Duration,
    took: Duration,
    outcome: Outcome,
}

#[derive(Debug)]
enum Outcome {
    Judged,
    /// The API server refused it because no replica judged it, or did not answer.
    Failed(String),
    /// The API server admitted it although a rule refuses it.
    Unjudged,
}

/// The writes of which a load consists, in turns.
#[derive(Clone, Copy)]
enum Kind {
    /// A NetworkPolicy that the rules admit, as a dry run.
    Admitted,
    /// A NetworkPolicy that allows every peer, as a dry run.
    Refused,
    /// An Ingress that the rules admit, as a dry run.
    Routed,
    /// A new annotation of a NetworkPolicy, which is stored.
    Stored,
}

impl Load {
    /// Starts to write to the tenant's namespace.
    pub(super) fn start(stage: &Stage) -> Self {
        Self::of(stage, &stage.namespace, &[Kind::Admitted, Kind::Refused, Kind::Stored])
    }

    /// Starts to write to a namespace of no tenant.
    pub(super) fn outside_of_tenants(stage: &Stage, namespace: &str) -> Self {
        Self::of(stage, namespace, &[Kind::Admitted, Kind::Routed, Kind::Stored])
    }

    fn of(stage: &Stage, namespace: &str, kinds: &'static [Kind]) -> Self {
        let namespace = namespace.to_owned();
        let policies = (0..POLICIES).map(|number| policy(&namespace, number));
        stage.member.apply(&list(policies).to_string()).unwrap();
        let user = stage.cluster.certified_user("survivor-alice", "survivor-developers").unwrap();
        let stopped = Arc::new(AtomicBool::new(false));
        let is_stopped = Arc::clone(&stopped);
        let writes = std::thread::spawn(move || {
            let write = async { generate(&client(&user).await, &namespace, kinds, &is_stopped).await };
            Runtime::new().unwrap().block_on(write)
        });
        Self { stopped, writes, start: Instant::now() }
    }

    /// The time since the start, to which the starts of writes can be compared.
    pub(super) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Stops, and waits for the open writes.
    pub(super) fn stop(self) -> Writes {
        self.stopped.store(true, Ordering::Relaxed);
        let mut writes = self.writes.join().unwrap();
        writes.sort_by_key(|write| write.at);
        Writes(writes)
    }
}

async fn generate(client: &Client, namespace: &str, kinds: &[Kind], is_stopped: &AtomicBool) -> Vec<Write> {
    let start = Instant::now();
    let mut ticks = interval(Duration::from_secs(1) / PER_SECOND);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut open = JoinSet::new();
    let permits = Arc::new(Semaphore::new(OPEN));
    for (number, kind) in kinds.iter().copied().cycle().enumerate() {
        if is_stopped.load(Ordering::Relaxed) {
            break;
        }
        ticks.tick().await;
        let permit = Arc::clone(&permits).acquire_owned().await.unwrap();
        let (client, namespace) = (client.clone(), namespace.to_owned());
        open.spawn(async move {
            let _permit = permit;
            let (at, begin) = (start.elapsed(), Instant::now());
            let answer = timeout(LIMIT, client.request_text(kind.request(&namespace, number))).await;
            let outcome = match answer {
                Ok(answer) => kind.outcome(answer),
                Err(_) => Outcome::Failed(format!("no answer within {LIMIT:?}")),
            };
            Write { at, took: begin.elapsed(), outcome }
        });
    }
    open.join_all().await
}

/// A policy that allows the pods of its namespace.
fn policy(namespace: &str, number: usize) -> Value {
    let spec = json!({ "ingress": [{ "from": [{ "podSelector": {} }] }] });
    network_policy(namespace, &format!("load-{}", number % POLICIES), &spec)
}

impl Kind {
    fn request(self, namespace: &str, number: usize) -> Request<Vec<u8>> {
        let kinds = format!("/apis/networking.k8s.io/v1/namespaces/{namespace}");
        let policies = format!("{kinds}/networkpolicies");
        let mut policy = policy(namespace, number);
        let name = policy["metadata"]["name"].take();
        let stored = format!("{policies}/{}", name.as_str().unwrap());
        policy["metadata"]["name"] = json!(format!("new-{number}"));
        match self {
            Self::Admitted => request("POST", &format!("{policies}?dryRun=All"), "json", &policy),
            Self::Refused => {
                policy["spec"]["ingress"] = json!([{}]);
                request("POST", &format!("{policies}?dryRun=All"), "json", &policy)
            }
            Self::Routed => {
                let service = json!({ "service": { "name": "load", "port": { "number": 80 } } });
                let spec = json!({ "defaultBackend": service });
                let ingress = object("networking.k8s.io/v1", "Ingress", namespace, "load", &spec);
                request("POST", &format!("{kinds}/ingresses?dryRun=All"), "json", &ingress)
            }
            Self::Stored => {
                let note =
                    json!({ "metadata": { "annotations": { "example.com/number": number.to_string() } } });
                request("PATCH", &stored, "merge-patch+json", &note)
            }
        }
    }

    fn outcome(self, answer: Result<String, kube::Error>) -> Outcome {
        match (self, answer) {
            (Self::Refused, Ok(_)) => Outcome::Unjudged,
            (_, Ok(_)) => Outcome::Judged,
            (Self::Refused, Err(kube::Error::Api(refusal))) if refusal.message.contains("BH501") => {
                Outcome::Judged
            }
            (_, Err(error)) => Outcome::Failed(error.to_string()),
        }
    }
}

impl Writes {
    pub(super) fn failed(&self) -> impl Iterator<Item = &Write> {
        self.0.iter().filter(|write| matches!(write.outcome, Outcome::Failed(_)))
    }

    /// Fails if the API server admitted a write that a rule refuses.
    pub(super) fn assert_judged(&self) {
        let unjudged = self.0.iter().filter(|write| matches!(write.outcome, Outcome::Unjudged));
        assert_eq!(unjudged.count(), 0, "admitted without a judgement");
        assert!(!self.0.is_empty());
    }

    pub(super) fn assert_none_failed(&self) {
        self.assert_judged();
        let failed: Vec<_> = self.failed().collect();
        assert!(failed.is_empty(), "{self}: {failed:#?}");
    }
}

impl Write {
    /// True if the user reads which webhook did not judge the write.
    pub(super) fn has_clear_error(&self) -> bool {
        let Outcome::Failed(error) = &self.outcome else { return true };
        error.contains("failed calling webhook") && error.contains(".bulkhead.dev")
    }
}

impl fmt::Display for Writes {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut times: Vec<Duration> = self.0.iter().map(|write| write.took).collect();
        times.sort();
        let within = |part: usize| times[(times.len() - 1) * part / 100];
        let seconds = self.0.last().map_or(1.0, |write| write.at.as_secs_f64());
        let rate = f64::from(u32::try_from(times.len()).unwrap_or(u32::MAX)) / seconds;
        write!(
            text,
            "{} writes in {seconds:.0} s ({rate:.0} a second), {} failed; 50 % within {:.0?}, 99 % within {:.0?}, all within {:.0?}",
            times.len(),
            self.failed().count(),
            within(50),
            within(99),
            within(100)
        )
    }
}
