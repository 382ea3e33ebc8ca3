//! Tests of `execute` against a fake API server, which fails as the real one does.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use hyper::{Method, StatusCode};
use kube::Client;
use serde_json::{Value, json};

use super::apply::{Executor, TimeLimits};
use super::cache::ManagedCache;
use super::events::DriftRecorder;
use super::object_ref::ObjectRef;
use super::outcome::Outcome;
use super::plan::{Plan, PodGuard};
use super::reason::ReconcileReason;
use super::step::{Action, AfterFailure, Step, Write};
use super::target::Target;
use crate::api::TenantSpec;
use crate::baseline::Manifest;
use crate::keys::{AMBIENT, DATAPLANE_LABEL, INJECTION_LABEL, MANAGED_BY_LABEL, TENANT_LABEL};
use crate::kinds::Kind;
use crate::settings::Settings;
use crate::snapshot::{BASELINE_READY, ClusterState, Namespace, Snapshot, Tenant, ready_for};
use crate::sources::SnapshotStore;
use crate::telemetry::Metrics;

const NAMESPACE: &str = "tenant-one-1";

/// The answer to a request.
#[derive(Clone)]
enum Answer {
    /// The object of the request, as it is stored.
    Stored,
    /// This object.
    Object(Value),
    /// An error, with its code, reason and message.
    Error(u16, &'static str, &'static str),
    /// None.
    Hang,
}

/// A fake API server: the answers to requests with a method and the end of a path, and the requests that it got.
#[derive(Clone, Default)]
struct FakeApi {
    answers: Vec<(Method, &'static str, Answer)>,
    requests: Arc<Mutex<Vec<String>>>,
    /// The bodies of the requests.
    bodies: Arc<Mutex<Vec<Value>>>,
}

const NOT_FOUND: Answer = Answer::Error(404, "NotFound", "not found");
const EXISTS: Answer = Answer::Error(409, "AlreadyExists", "the object already exists");

impl FakeApi {
    fn answer(mut self, method: Method, path: &'static str, answer: Answer) -> Self {
        self.answers.push((method, path, answer));
        self
    }

    async fn respond(self, request: Request) -> Response {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let name = path.rsplit('/').next().unwrap_or_default();
        let dry_run =
            if request.uri().query().unwrap_or_default().contains("dryRun") { " (dry run)" } else { "" };
        self.requests.lock().unwrap().push(format!("{method} {name}{dry_run}"));
        let known = self.answers.iter().find(|(known, end, _)| *known == method && path.ends_with(end));
        let answer = match known {
            Some((.., answer)) => answer.clone(),
            None if [Method::GET, Method::DELETE].contains(&method) => NOT_FOUND,
            None => Answer::Stored,
        };
        let body = to_bytes(request.into_body(), 1 << 20).await.unwrap();
        self.bodies.lock().unwrap().push(serde_json::from_slice(&body).unwrap_or_default());
        match answer {
            Answer::Stored => (StatusCode::OK, body).into_response(),
            Answer::Object(object) => (StatusCode::OK, object.to_string()).into_response(),
            Answer::Error(code, reason, message) => {
                let status = json!({
                    "kind": "Status", "apiVersion": "v1", "status": "Failure",
                    "code": code, "reason": reason, "message": message,
                });
                (StatusCode::from_u16(code).unwrap(), status.to_string()).into_response()
            }
            Answer::Hang => std::future::pending().await,
        }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// Returns the body of the latest request.
    fn latest_body(&self) -> Value {
        self.bodies.lock().unwrap().last().cloned().unwrap()
    }

    async fn execute(&self, plan: Plan) -> Outcome {
        let fake = self.clone();
        let client = Client::new(Router::new().fallback(move |request| fake.respond(request)), "default");
        let (snapshots, metrics) = (SnapshotStore::default(), Metrics::default());
        snapshots.publish(snapshot("1"));
        let limits = TimeLimits { target: Duration::from_secs(3), write: Duration::from_millis(500) };
        let drift_recorder = DriftRecorder::new(&client, &metrics);
        let executor =
            Executor { client: &client, snapshots: &snapshots, drift_recorder, metrics: &metrics, limits };
        Box::pin(executor.execute(plan)).await
    }
}

/// A snapshot with a namespace that waits for its baseline.
fn snapshot(uid: &str) -> Snapshot {
    let tenant = Tenant::new("one".to_owned(), 0, TenantSpec::default());
    let namespace = Namespace { tenant: Some("one".to_owned()), uid: uid.to_owned(), ..Namespace::default() };
    let state = ClusterState {
        tenants: vec![Arc::new(tenant)],
        namespaces: vec![(NAMESPACE.into(), Arc::new(namespace))],
        ..ClusterState::default()
    };
    Snapshot::new(Arc::new(Settings::default()), state)
}

fn plan(steps: Vec<Step>) -> Plan {
    Plan {
        target: Target::of_namespace("one", NAMESPACE),
        reason: ReconcileReason::Created,
        cache_version: ManagedCache::default().version(),
        was_ready: false,
        may_replace: false,
        pod_guard: None,
        steps,
    }
}

/// Returns the labels of an object that Bulkhead manages.
fn managed() -> Value {
    let (key, value) = MANAGED_BY_LABEL;
    json!({ key: value })
}

fn manifest(kind: Kind, namespace: Option<&str>, name: &str) -> Manifest {
    let object = json!({
        "apiVersion": kind.api_version(), "kind": kind.name(),
        "metadata": { "name": name, "namespace": namespace, "labels": managed() },
        "spec": { "podSelector": {} },
    });
    Manifest { kind, namespace: namespace.map(str::to_owned), name: name.to_owned(), object }
}

fn write(name: &str, exists: bool, after_failure: AfterFailure) -> Step {
    let manifest = manifest(Kind::NetworkPolicy, Some(NAMESPACE), name);
    Step { action: Action::Write(Write { manifest, exists }), after_failure }
}

fn create(name: &str) -> Step {
    write(name, false, AfterFailure::Skip)
}

fn update(name: &str) -> Step {
    write(name, true, AfterFailure::Take)
}

fn prune(name: &str) -> Step {
    let key = ObjectRef::new(Kind::NetworkPolicy, NAMESPACE, name);
    let mut cache = ManagedCache::default();
    let object = serde_json::from_value(manifest(key.kind, Some(NAMESPACE), name).object).unwrap();
    cache.record_write(key.kind, object, &cache.version());
    let candidate = cache.prune_candidate(&key).unwrap();
    Step { action: Action::Prune(candidate), after_failure: AfterFailure::Take }
}

/// Returns the step that marks the namespace with this UID ready.
fn mark_ready(uid: &str) -> Step {
    let known = Arc::clone(snapshot(uid).namespace(NAMESPACE).unwrap());
    let action = Action::MarkReady { namespace: NAMESPACE.to_owned(), tenant: "one".to_owned(), known };
    Step { action, after_failure: AfterFailure::Take }
}

/// Returns an object as the API server has it, with another spec than the manifest.
fn found(name: &str, labels: &Value) -> Answer {
    let mut object = manifest(Kind::NetworkPolicy, Some(NAMESPACE), name).object;
    object["metadata"]["labels"] = labels.clone();
    object["metadata"]["resourceVersion"] = json!("7");
    object["spec"] = json!({ "podSelector": { "matchLabels": { "app": "other" } } });
    Answer::Object(object)
}

#[tokio::test]
async fn webhook_refusal_skips_new_objects_and_takes_the_other_steps() {
    const MESSAGE: &str = "admission webhook \"policies.example.com\" denied the request: not here";
    let api =
        FakeApi::default().answer(Method::POST, "/networkpolicies", Answer::Error(403, "Forbidden", MESSAGE));
    let steps = vec![create("first"), create("second"), update("third"), prune("fourth")];
    let outcome = api.execute(plan(steps)).await;
    assert_eq!(outcome.result, Err(MESSAGE.to_owned()));
    // The update finds no object, and creates it.
    let requests = ["POST networkpolicies", "GET third", "POST networkpolicies", "DELETE fourth"];
    assert_eq!(api.requests(), requests);
    assert_eq!((outcome.applied.len(), outcome.pruned.len()), (0, 1));
}

#[tokio::test]
async fn create_in_a_terminating_namespace_fails_with_the_message_of_the_api_server() {
    const MESSAGE: &str =
        "unable to create new content in namespace tenant-one-1 because it is being terminated";
    let api =
        FakeApi::default().answer(Method::POST, "/networkpolicies", Answer::Error(403, "Forbidden", MESSAGE));
    let outcome = api.execute(plan(vec![create("first")])).await;
    assert_eq!(outcome.result, Err(MESSAGE.to_owned()));
    assert_eq!(api.requests(), ["POST networkpolicies"]);
}

#[tokio::test]
async fn conflict_of_an_update_fails_and_is_not_recorded() {
    let conflict = Answer::Error(409, "Conflict", "the object has been modified");
    let api = FakeApi::default().answer(Method::GET, "/first", found("first", &managed())).answer(
        Method::PUT,
        "/first",
        conflict,
    );
    let outcome = api.execute(plan(vec![update("first"), update("second")])).await;
    assert_eq!(outcome.result, Err("the object has been modified".to_owned()));
    assert_eq!(api.requests(), ["GET first", "PUT first", "GET second", "POST networkpolicies"]);
    assert_eq!(outcome.applied.len(), 1, "only the second");
}

#[tokio::test]
async fn object_that_exists_already_is_read_and_replaced_if_it_is_managed() {
    let api = FakeApi::default().answer(Method::POST, "/networkpolicies", EXISTS).answer(
        Method::GET,
        "/first",
        found("first", &managed()),
    );
    let outcome = api.execute(plan(vec![create("first")])).await;
    assert_eq!(outcome.result, Ok(()));
    assert_eq!(api.requests(), ["POST networkpolicies", "GET first", "PUT first"]);
    let [(_, object)] = outcome.applied.as_slice() else { panic!("{outcome:?}") };
    assert_eq!(
        object.metadata.resource_version.as_deref(),
        Some("7"),
        "the update is of the version that was read"
    );
}

#[tokio::test]
async fn object_from_before_the_baseline_is_replaced_only_after_acknowledgement() {
    let api = FakeApi::default().answer(Method::POST, "/networkpolicies", EXISTS).answer(
        Method::GET,
        "/first",
        found("first", &json!({})),
    );
    let outcome = api.execute(plan(vec![create("first"), create("second")])).await;
    let error = outcome.result.unwrap_err();
    assert!(error.contains("existed before the baseline and differs in spec.podSelector"), "{error}");
    assert_eq!(api.requests(), ["POST networkpolicies", "GET first"]);
    let outcome = api.execute(Plan { may_replace: true, ..plan(vec![create("first")]) }).await;
    assert_eq!(outcome.result, Ok(()));
    assert_eq!(api.requests().last().unwrap(), "PUT first");
}

#[tokio::test]
async fn object_from_before_the_baseline_is_replaced_if_its_labels_alone_differ() {
    let mut unlabelled = manifest(Kind::NetworkPolicy, Some(NAMESPACE), "first").object;
    unlabelled["metadata"]["labels"] = json!({});
    let api = FakeApi::default().answer(Method::GET, "/first", Answer::Object(unlabelled));
    assert_eq!(api.execute(plan(vec![update("first")])).await.result, Ok(()));
    assert_eq!(api.requests(), ["GET first", "PUT first"]);
}

#[tokio::test]
async fn object_that_is_right_already_is_not_replaced() {
    let right = manifest(Kind::NetworkPolicy, Some(NAMESPACE), "first").object;
    let api = FakeApi::default().answer(Method::GET, "/first", Answer::Object(right));
    let outcome = api.execute(plan(vec![update("first")])).await;
    assert_eq!((outcome.result, outcome.applied.len()), (Ok(()), 1));
    assert_eq!(api.requests(), ["GET first"]);
}

#[tokio::test]
async fn kind_that_is_not_served_is_named() {
    let api = FakeApi::default().answer(Method::POST, "/flowschemas", NOT_FOUND);
    let write = Write { manifest: manifest(Kind::FlowSchema, None, "some"), exists: false };
    let step = Step { action: Action::Write(write), after_failure: AfterFailure::Take };
    let error = api.execute(plan(vec![step])).await.result.unwrap_err();
    assert!(error.starts_with("the API server does not serve FlowSchema of flowcontrol"), "{error}");
    // In a namespace, the same answer means that the namespace is gone.
    let api = FakeApi::default().answer(Method::POST, "/networkpolicies", NOT_FOUND);
    assert_eq!(api.execute(plan(vec![create("first")])).await.result, Err("not found".to_owned()));
}

#[tokio::test]
async fn prune_of_an_object_that_is_gone_succeeds() {
    let api = FakeApi::default();
    let outcome = api.execute(plan(vec![prune("first")])).await;
    assert_eq!((outcome.result, outcome.pruned.len()), (Ok(()), 1));
    let refusal = Answer::Error(403, "Forbidden", "no");
    let api = FakeApi::default().answer(Method::DELETE, "/first", refusal);
    let outcome = api.execute(plan(vec![prune("first"), prune("second")])).await;
    assert_eq!(outcome.result, Err("no".to_owned()));
    assert_eq!(outcome.pruned.iter().map(|pruned| &*pruned.key.name).collect::<Vec<_>>(), ["second"]);
}

#[tokio::test]
async fn write_that_hangs_delays_the_others_for_its_time_limit() {
    let api = FakeApi::default().answer(Method::POST, "/networkpolicies", Answer::Hang).answer(
        Method::GET,
        "/second",
        found("second", &managed()),
    );
    let outcome = api.execute(plan(vec![create("first"), update("second")])).await;
    assert_eq!(outcome.result, Err("timed out".to_owned()));
    assert_eq!(api.requests(), ["POST networkpolicies", "GET second", "PUT second"]);
    assert_eq!(outcome.applied.len(), 1);
}

#[tokio::test]
async fn target_that_hangs_ends_with_what_was_applied() {
    let api = FakeApi::default().answer(Method::PATCH, "/status", Answer::Hang);
    let outcome = api.execute(plan(vec![create("first"), mark_ready("1")])).await;
    assert_eq!(outcome.result, Err("timed out".to_owned()));
    assert_eq!((outcome.applied.len(), outcome.marked_ready), (1, None));
}

#[tokio::test]
async fn object_that_another_webhook_changes_fails_and_is_recorded() {
    let api = FakeApi::default().answer(Method::POST, "/networkpolicies", found("first", &managed()));
    let outcome = api.execute(plan(vec![create("first"), create("second")])).await;
    let error = outcome.result.unwrap_err();
    assert!(error.starts_with("another webhook or policy changes NetworkPolicy first"), "{error}");
    assert_eq!((api.requests().len(), outcome.applied.len()), (1, 1));
}

#[tokio::test]
async fn binding_stays_if_its_replacement_would_be_refused() {
    let mut desired = manifest(Kind::RoleBinding, Some(NAMESPACE), "owners");
    desired.object["roleRef"] = json!({ "name": "new" });
    let mut found = desired.object.clone();
    found["roleRef"] = json!({ "name": "old" });
    let refusal = Answer::Error(403, "Forbidden", "no");
    let api = FakeApi::default().answer(Method::GET, "/owners", Answer::Object(found)).answer(
        Method::POST,
        "/rolebindings",
        refusal,
    );
    let action = Action::Write(Write { manifest: desired, exists: true });
    let outcome = api.execute(plan(vec![Step { action, after_failure: AfterFailure::Take }])).await;
    assert_eq!(outcome.result, Err("no".to_owned()));
    assert_eq!(api.requests(), ["GET owners", "POST rolebindings (dry run)"]);
}

#[tokio::test]
async fn guarded_plan_takes_no_step_while_pods_run() {
    let pods = json!({
        "kind": "PodMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": {},
        "items": [{ "metadata": { "name": "some" } }],
    });
    let api = FakeApi::default().answer(Method::GET, "/pods", Answer::Object(pods));
    let labels = [("app".to_owned(), "some".to_owned())].into();
    let pod_guard = Some(PodGuard { namespace: NAMESPACE.to_owned(), labels });
    let outcome = api.execute(Plan { pod_guard, ..plan(vec![prune("first")]) }).await;
    assert!(outcome.result.unwrap_err().contains("app=some"));
    assert_eq!(api.requests(), ["GET pods"]);
}

#[tokio::test]
async fn namespace_is_marked_ready_unless_it_was_created_again() {
    let api = FakeApi::default().answer(Method::PATCH, "/status", Answer::Object(json!({ "metadata": {} })));
    let outcome = api.execute(plan(vec![mark_ready("1")])).await;
    assert_eq!(api.requests(), ["PATCH status"]);
    assert!(
        outcome.marked_ready.is_some_and(|(namespace, known)| namespace == NAMESPACE && known.uid == "1")
    );
    let conditions = &api.latest_body()["status"]["conditions"];
    assert_eq!(conditions[0], json!({ "$patch": "delete", "type": BASELINE_READY }));
    assert_eq!(
        (&conditions[1]["status"], &conditions[1]["message"]),
        (&json!("True"), &json!(ready_for("one")))
    );
    let outcome = api.execute(plan(vec![mark_ready("earlier")])).await;
    assert_eq!((outcome.result, outcome.marked_ready), (Ok(()), None));
    assert_eq!(api.requests(), ["PATCH status"]);
}

#[tokio::test]
async fn labels_are_added_to_the_namespace_as_it_is_now() {
    let labels = vec![(INJECTION_LABEL, "enabled".to_owned())];
    let add = |namespace: Value| {
        let action = Action::AddLabels {
            namespace: NAMESPACE.to_owned(),
            tenant: "one".to_owned(),
            labels: labels.clone(),
        };
        let conflict = Answer::Error(409, "Conflict", "the object has been modified");
        let api = FakeApi::default()
            .answer(Method::GET, NAMESPACE, Answer::Object(json!({ "metadata": namespace })))
            .answer(Method::PATCH, NAMESPACE, conflict);
        (api, plan(vec![Step { action, after_failure: AfterFailure::Take }]))
    };
    // A conflict is no failure: the watch delivers the other write.
    let (api, plan) =
        add(json!({ "name": NAMESPACE, "labels": { TENANT_LABEL: "one" }, "resourceVersion": "7" }));
    assert_eq!(api.execute(plan).await.result, Ok(()));
    assert_eq!(api.requests(), ["GET tenant-one-1", "PATCH tenant-one-1"]);
    let metadata = json!({ "labels": { INJECTION_LABEL: "enabled" }, "resourceVersion": "7" });
    assert_eq!(api.latest_body(), json!({ "metadata": metadata }));
    // The namespace has moved to another tenant.
    let (api, plan) = add(json!({ "name": NAMESPACE, "labels": { TENANT_LABEL: "two" } }));
    assert_eq!(api.execute(plan).await.result, Ok(()));
    assert_eq!(api.requests(), ["GET tenant-one-1"]);
}

#[tokio::test]
async fn labels_of_sidecars_are_replaced_by_the_one_of_the_ambient_dataplane_in_one_write() {
    let move_of = |labels: Value| {
        let action = Action::MoveToAmbient {
            namespace: NAMESPACE.to_owned(),
            tenant: "one".to_owned(),
            removed: vec![INJECTION_LABEL],
        };
        let namespace =
            json!({ "metadata": { "name": NAMESPACE, "labels": labels, "resourceVersion": "7" } });
        let api = FakeApi::default()
            .answer(Method::GET, NAMESPACE, Answer::Object(namespace.clone()))
            .answer(Method::PATCH, NAMESPACE, Answer::Object(namespace));
        (api, plan(vec![Step { action, after_failure: AfterFailure::Skip }]))
    };
    let (api, plan_of_own) = move_of(json!({ TENANT_LABEL: "one", INJECTION_LABEL: "enabled" }));
    assert_eq!(api.execute(plan_of_own).await.result, Ok(()));
    assert_eq!(api.requests(), ["GET tenant-one-1", "PATCH tenant-one-1"]);
    let labels = json!({ DATAPLANE_LABEL: AMBIENT, INJECTION_LABEL: null });
    assert_eq!(api.latest_body(), json!({ "metadata": { "labels": labels, "resourceVersion": "7" } }));
    // The namespace has moved to another tenant, or the platform has excluded it from the ambient dataplane.
    for (key, value) in [(TENANT_LABEL, "two"), (DATAPLANE_LABEL, "none")] {
        let mut labels = json!({ TENANT_LABEL: "one", INJECTION_LABEL: "enabled" });
        labels[key] = value.into();
        let (api, plan) = move_of(labels);
        assert_eq!(api.execute(plan).await.result, Ok(()));
        assert_eq!(api.requests(), ["GET tenant-one-1"], "{key}");
    }
}
