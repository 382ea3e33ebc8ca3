//! Edits of every object of a baseline, by every verb and by everybody: it never differs for longer than a repair takes,
//! and nobody is kept from what is his own. `BULKHEAD_EDITS=5000 cargo test --release -- edits` makes as many.

use std::time::{Duration, Instant};

use axum::http::{Method, Request};
use bulkhead::baseline::{Kind, differences};
use futures::future::join_all;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::Status;
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::cluster::{namespace, shared, tenant};
use crate::random::Random;

/// All that is random follows from it.
const SEED: u64 = 0xed17;
const EDITS: usize = 400;
const NAMESPACES: [&str; 4] = ["edit", "edit-a", "edit-b", "edit-c"];
/// What a repair may take.
const REPAIR: Duration = Duration::from_secs(15);

#[test]
fn whatever_is_edited_is_the_baseline_again() {
    let it = shared();
    let member = tenant(&it, "edit");
    for name in NAMESPACES {
        namespace(&member, name);
    }
    it.cluster.powerful("edit-argo", "edit-deployers").unwrap();
    let kubeconfig = Kubeconfig::read_from(it.cluster.admin().unwrap().kubeconfig).unwrap();
    let edits = std::env::var("BULKHEAD_EDITS").map_or(EDITS, |number| number.parse().unwrap());
    let tallies = tokio::runtime::Runtime::new().unwrap().block_on(async {
        // A namespace that is new changes the lists of its siblings, a moment later.
        sleep(Duration::from_secs(5)).await;
        let stage = Stage::set(&kubeconfig).await;
        let each = edits / NAMESPACES.len();
        join_all(NAMESPACES.iter().zip(SEED..).map(|(name, seed)| stage.edit(name, seed, each))).await
    });
    let mut tally = Tally::default();
    for other in tallies {
        tally.refused += other.refused;
        tally.harmless += other.harmless;
        tally.repairs.extend(other.repairs);
    }
    tally.repairs.sort_unstable();
    let at = |part: usize| tally.repairs[(tally.repairs.len() - 1) * part / 100];
    let said = format!(
        "{} refused, {} harmless, {} repaired within: half {:.0?}, 95 % {:.0?}, all {:.0?}",
        tally.refused,
        tally.harmless,
        tally.repairs.len(),
        at(50),
        at(95),
        at(100),
    );
    drop(std::io::Write::write_all(&mut std::io::stderr(), format!("{edits} edits: {said}\n").as_bytes()));
    assert!(tally.refused > edits / 4 && tally.harmless > 0 && tally.repairs.len() > edits / 20, "{said}");
}

/// What became of the edits.
#[derive(Default)]
struct Tally {
    refused: usize,
    harmless: usize,
    repairs: Vec<Duration>,
}

/// Who edits. RBAC lets each of them do everything; whose edits are admitted is Bulkhead's own account, and the
/// deletions of the namespace controller.
const ACTORS: &[(&str, &str)] = &[
    ("edit-alice", "edit-developers"),
    ("edit-argo", "edit-deployers"),
    ("edit-root", "system:masters"),
    ("system:serviceaccount:kube-system:generic-garbage-collector", "edit-deployers"),
    ("system:kube-controller-manager", "edit-deployers"),
    (BULKHEAD, "edit-deployers"),
    (EMPTIES, "edit-deployers"),
];
const BULKHEAD: &str = "system:serviceaccount:bulkhead-system:bulkhead-controller";
const EMPTIES: &str = "system:serviceaccount:kube-system:namespace-controller";

/// What is merged into an object, or applied to it.
fn patches() -> Vec<Value> {
    let owner = json!({ "apiVersion": "v1", "kind": "ConfigMap", "name": "mine", "uid": "5f0c7f3e" });
    vec![
        json!({ "metadata": { "labels": { "app.kubernetes.io/managed-by": "me" } } }),
        json!({ "metadata": { "labels": { "istio.io/rev": "nobody" } } }),
        json!({ "metadata": { "annotations": { "istio.io/dry-run": "true" } } }),
        json!({ "metadata": { "annotations": { "argocd.argoproj.io/tracking-id": "app" } } }),
        json!({ "metadata": { "ownerReferences": [owner] } }),
        json!({ "metadata": { "finalizers": ["example.com/held"] } }),
        json!({ "spec": { "podSelector": { "matchLabels": { "app": "nobody" } } } }),
        json!({ "spec": { "ingress": [{}] } }),
        json!({ "spec": { "egress": [{}] } }),
        json!({ "spec": { "policyTypes": ["Ingress"] } }),
        json!({ "spec": { "selector": { "matchLabels": { "app": "nobody" } } } }),
        json!({ "spec": { "mtls": { "mode": "DISABLE" } } }),
        json!({ "spec": { "rules": null } }),
        json!({ "spec": { "outboundTrafficPolicy": { "mode": "ALLOW_ANY" } } }),
        json!({ "spec": { "hard": { "pods": "100000" } } }),
        json!({ "spec": { "limits": [] } }),
        json!({ "subjects": [] }),
        json!({ "automountServiceAccountToken": true }),
        json!({ "metadata": { "annotations": {} } }),
    ]
}

/// An object of the baseline, as it must be.
struct Known {
    kind: Kind,
    name: String,
    wanted: Value,
}

struct Stage {
    admin: Client,
    actors: Vec<(&'static str, Client)>,
}

impl Stage {
    async fn set(kubeconfig: &Kubeconfig) -> Self {
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig.clone(), &options).await.unwrap();
        let actor = |(user, group): &(&'static str, &str)| {
            let mut config = config.clone();
            config.auth_info.impersonate = Some((*user).to_owned());
            config.auth_info.impersonate_groups = Some(vec![(*group).to_owned()]);
            (*user, Client::try_from(config).unwrap())
        };
        Self { actors: ACTORS.iter().map(actor).collect(), admin: Client::try_from(config.clone()).unwrap() }
    }

    async fn edit(&self, name: &str, seed: u64, edits: usize) -> Tally {
        let namespace = format!("tenant-{name}");
        let known = self.known(&namespace).await;
        let mut random = Random::new(seed);
        let mut tally = Tally::default();
        for step in 0..edits {
            let (user, client) = random.one_of(&self.actors);
            let object = random.one_of(&known);
            let (what, request) = Self::request(&mut random, &namespace, object);
            let answer = call(client, request).await;
            let context =
                || format!("{namespace}, edit {step}: {user} {what} {} {}", object.kind.name(), object.name);
            let is_trusted = *user == BULKHEAD || (*user == EMPTIES && what.starts_with("DELETE"));
            let start = Instant::now();
            let mut repaired = None;
            while let Some(differing) = self.differing(&namespace, &known, object.kind).await {
                assert!(is_trusted, "{}: {differing}", context());
                assert!(start.elapsed() < REPAIR, "{}: {differing} for {REPAIR:?}", context());
                sleep(Duration::from_millis(20)).await;
                repaired = Some(start.elapsed());
            }
            tally.repairs.extend(repaired);
            match answer {
                Ok(_) => tally.harmless += usize::from(!is_trusted),
                Err(_) => tally.refused += 1,
            }
            if random.one_in(20) {
                self.own(&namespace, step).await;
            }
        }
        tally
    }

    /// A tenant's own policy comes and goes as it likes.
    async fn own(&self, namespace: &str, step: usize) {
        let policy = json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": { "name": format!("mine-{step}"), "namespace": namespace },
            "spec": { "podSelector": {}, "ingress": [{ "from": [{ "podSelector": {} }] }] },
        });
        let client = &self.actors[0].1;
        call(client, written(Method::POST, &path(Kind::NetworkPolicy, namespace, ""), JSON, &policy))
            .await
            .unwrap();
        let name = format!("/mine-{step}");
        let delete = written(Method::DELETE, &path(Kind::NetworkPolicy, namespace, &name), JSON, &json!({}));
        call(client, delete).await.unwrap();
    }

    /// Every object of the baseline in the namespace.
    async fn known(&self, namespace: &str) -> Vec<Known> {
        let mut known = Vec::new();
        for kind in Kind::ALL.iter().copied().filter(|kind| is_of_namespaces(*kind)) {
            for object in self.list(namespace, kind).await {
                let name = object["metadata"]["name"].as_str().unwrap().to_owned();
                let is_ours = object["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "bulkhead";
                if is_ours || (kind.is_shared() && name == "default") {
                    known.push(Known { kind, name, wanted: object });
                }
            }
        }
        assert!(known.len() >= 13, "{}", known.len());
        known
    }

    async fn list(&self, namespace: &str, kind: Kind) -> Vec<Value> {
        let list =
            call(&self.admin, written(Method::GET, &path(kind, namespace, ""), JSON, &Value::Null)).await;
        list.unwrap()["items"].as_array().unwrap().clone()
    }

    /// What of a kind is not as it must be.
    async fn differing(&self, namespace: &str, known: &[Known], kind: Kind) -> Option<String> {
        let now = self.list(namespace, kind).await;
        known.iter().filter(|known| known.kind == kind).find_map(|known| {
            let Some(found) = now.iter().find(|found| found["metadata"]["name"] == known.name) else {
                return Some(format!("{} is gone", known.name));
            };
            let account = json!({ "automountServiceAccountToken": false });
            let wanted = if kind.is_shared() { &account } else { &known.wanted };
            let differences = differences(kind, wanted, found);
            let is_going = !found["metadata"]["deletionTimestamp"].is_null();
            (is_going || !differences.is_empty()).then(|| format!("{}: {differences:?}", known.name))
        })
    }

    /// A random edit: in words, and as it is sent.
    fn request(random: &mut Random, namespace: &str, object: &Known) -> (String, Request<Vec<u8>>) {
        let own = path(object.kind, namespace, &format!("/{}", object.name));
        let mut patch = random.one_of(&patches()).clone();
        // Whoever may hold up the deletion of the shared account decides when it goes.
        if let Some(metadata) = patch["metadata"].as_object_mut().filter(|_| object.kind.is_shared()) {
            metadata.remove("finalizers");
        }
        let mut whole = object.wanted.clone();
        let metadata = json!({ "name": object.name, "labels": object.wanted["metadata"]["labels"] });
        whole["metadata"] = metadata;
        let (what, request) =
            match *random.one_of(&["delete", "collection", "merge", "merge", "apply", "replace", "create"]) {
                "delete" => ("DELETE", written(Method::DELETE, &own, JSON, &json!({}))),
                "collection" => {
                    let all = path(object.kind, namespace, "");
                    // Others' token controllers need every other account.
                    let all = if object.kind.is_shared() { own } else { all };
                    ("DELETE all", written(Method::DELETE, &all, JSON, &json!({})))
                }
                "merge" => ("merge", written(Method::PATCH, &own, "application/merge-patch+json", &patch)),
                "apply" => {
                    let mut applied =
                        json!({ "apiVersion": object.kind.api_version(), "kind": object.kind.name() });
                    json_patch::merge(&mut applied, &patch);
                    let own = format!("{own}?fieldManager=argo&force=true");
                    ("apply", written(Method::PATCH, &own, "application/apply-patch+yaml", &applied))
                }
                "replace" => {
                    if random.one_in(2) {
                        json_patch::merge(&mut whole, &patch);
                    }
                    ("replace", written(Method::PUT, &own, JSON, &whole))
                }
                _ => ("create", written(Method::POST, &path(object.kind, namespace, ""), JSON, &whole)),
            };
        (format!("{what} {patch}"), request)
    }
}

const JSON: &str = "application/json";

fn is_of_namespaces(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::ClusterRole
            | Kind::ClusterRoleBinding
            | Kind::PriorityLevelConfiguration
            | Kind::FlowSchema
            | Kind::EnvoyFilter
            | Kind::GlobalNetworkPolicy(_)
    )
}

fn path(kind: Kind, namespace: &str, rest: &str) -> String {
    let root = if kind.group().is_empty() { "/api" } else { "/apis" };
    format!("{root}/{}/namespaces/{namespace}/{}{rest}", kind.api_version(), kind.resource())
}

fn written(method: Method, path: &str, content: &str, body: &Value) -> Request<Vec<u8>> {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    Request::builder().method(method).uri(path).header("Content-Type", content).body(body).unwrap()
}

async fn call(client: &Client, request: Request<Vec<u8>>) -> Result<Value, Box<Status>> {
    match client.request::<Value>(request).await {
        Ok(value) => Ok(value),
        Err(kube::Error::Api(status)) => Err(status),
        Err(error) => panic!("{error}"),
    }
}
