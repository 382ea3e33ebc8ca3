//! Random edits of every object of a baseline, by every verb and by every kind of user: a difference lasts no longer
//! than a repair, and tenants can still write their own objects. `BULKHEAD_EDITS=5000 cargo test --release --test
//! cluster edits` makes 5000 of them.

use std::time::{Duration, Instant};

use axum::http::Request;
use bulkhead::baseline::differences;
use bulkhead::kinds::Kind;
use bulkhead_harness::kubectl::Kubectl;
use futures::future::join_all;
use kube::Client;
use serde_json::{Value, json};
use support::api::{call, client, client_as, request};
use support::cluster::{new_namespace, new_tenant, shared};
use support::objects::object;
use support::random::Random;
use tokio::time::sleep;

/// The seed of every random choice.
const SEED: u64 = 0xed17;
const EDITS: usize = 400;
const NAMESPACES: [&str; 4] = ["edit", "edit-a", "edit-b", "edit-c"];
/// The longest time that a repair may take.
const REPAIR: Duration = Duration::from_secs(15);

#[test]
fn edited_baseline_objects_are_unchanged_or_repaired() {
    let it = shared();
    let member = new_tenant(&it, "edit");
    for name in NAMESPACES {
        new_namespace(&member, name);
    }
    it.cluster.powerful("edit-argo", "edit-deployers").unwrap();
    let admin = it.cluster.admin().unwrap();
    let edits = std::env::var("BULKHEAD_EDITS").map_or(EDITS, |number| number.parse().unwrap());
    let tallies = tokio::runtime::Runtime::new().unwrap().block_on(async {
        // A new namespace changes the policies of its siblings a moment later.
        sleep(Duration::from_secs(5)).await;
        let stage = Stage::set(&admin).await;
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
    support::say(&format!("{edits} edits: {said}"));
    assert!(tally.refused > edits / 4 && tally.harmless > 0 && tally.repairs.len() > edits / 20, "{said}");
}

/// The results of the edits.
#[derive(Default)]
struct Tally {
    refused: usize,
    harmless: usize,
    repairs: Vec<Duration>,
}

/// The users who edit, and their groups. RBAC allows each of them everything. The webhook admits edits by Bulkhead's own
/// account, and deletions by the namespace controller.
const ACTORS: &[(&str, &str)] = &[
    ("edit-alice", "edit-developers"),
    ("edit-argo", "edit-deployers"),
    ("edit-root", "system:masters"),
    ("system:serviceaccount:kube-system:generic-garbage-collector", "edit-deployers"),
    ("system:kube-controller-manager", "edit-deployers"),
    (BULKHEAD, "edit-deployers"),
    (NAMESPACE_CONTROLLER, "edit-deployers"),
];
const BULKHEAD: &str = "system:serviceaccount:bulkhead-system:bulkhead-controller";
const NAMESPACE_CONTROLLER: &str = "system:serviceaccount:kube-system:namespace-controller";

/// Patches to merge into an object or to apply to it.
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

/// An object of the baseline in its correct state.
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
    async fn set(admin: &Kubectl) -> Self {
        let mut actors = Vec::with_capacity(ACTORS.len());
        for (user, group) in ACTORS {
            actors.push((*user, client_as(admin, user, &[group]).await));
        }
        Self { actors, admin: client(admin).await }
    }

    async fn edit(&self, name: &str, seed: u64, edits: usize) -> Tally {
        let namespace = format!("tenant-{name}");
        let known = self.known(&namespace).await;
        let mut random = Random::new(seed);
        let mut tally = Tally::default();
        for step in 0..edits {
            let (user, client) = random.one_of(&self.actors);
            let object = random.one_of(&known);
            let (edit, request) = Self::request(&mut random, &namespace, object);
            let answer = call(client, request).await;
            let context =
                || format!("{namespace}, edit {step}: {user} {edit} {} {}", object.kind.name(), object.name);
            let is_trusted =
                *user == BULKHEAD || (*user == NAMESPACE_CONTROLLER && edit.starts_with("DELETE"));
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

    /// Creates and deletes a tenant's own policy.
    async fn own(&self, namespace: &str, step: usize) {
        let spec = json!({ "podSelector": {}, "ingress": [{ "from": [{ "podSelector": {} }] }] });
        let name = format!("mine-{step}");
        let policy = object("networking.k8s.io/v1", "NetworkPolicy", namespace, &name, &spec);
        let client = &self.actors[0].1;
        let all = path(Kind::NetworkPolicy, namespace, "");
        call(client, request("POST", &all, JSON, &policy)).await.unwrap();
        let own = path(Kind::NetworkPolicy, namespace, &format!("/{name}"));
        call(client, request("DELETE", &own, JSON, &json!({}))).await.unwrap();
    }

    /// Reads every object of the baseline in the namespace.
    async fn known(&self, namespace: &str) -> Vec<Known> {
        let mut known = Vec::new();
        for kind in Kind::all_managed().filter(|kind| is_of_namespaces(*kind)) {
            for object in self.list(namespace, kind).await {
                let name = object["metadata"]["name"].as_str().unwrap().to_owned();
                let is_ours = object["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "bulkhead";
                if is_ours || (kind.is_partly_managed() && name == "default") {
                    known.push(Known { kind, name, wanted: object });
                }
            }
        }
        assert!(known.len() >= 13, "{}", known.len());
        known
    }

    async fn list(&self, namespace: &str, kind: Kind) -> Vec<Value> {
        let list = call(&self.admin, request("GET", &path(kind, namespace, ""), JSON, &Value::Null)).await;
        list.unwrap()["items"].as_array().unwrap().clone()
    }

    /// Describes the first object of a kind that differs from its correct state.
    async fn differing(&self, namespace: &str, known: &[Known], kind: Kind) -> Option<String> {
        let now = self.list(namespace, kind).await;
        known.iter().filter(|known| known.kind == kind).find_map(|known| {
            let Some(found) = now.iter().find(|found| found["metadata"]["name"] == known.name) else {
                return Some(format!("{} is gone", known.name));
            };
            let account = json!({ "automountServiceAccountToken": false });
            let wanted = if kind.is_partly_managed() { &account } else { &known.wanted };
            let differences = differences(kind, wanted, found);
            let is_going = !found["metadata"]["deletionTimestamp"].is_null();
            (is_going || !differences.is_empty()).then(|| format!("{}: {differences:?}", known.name))
        })
    }

    /// Chooses an edit at random: a description, and the request.
    fn request(random: &mut Random, namespace: &str, object: &Known) -> (String, Request<Vec<u8>>) {
        let own = path(object.kind, namespace, &format!("/{}", object.name));
        let mut patch = random.one_of(&patches()).clone();
        // A finalizer on the default account, whose other fields are free, would block its deletion.
        if let Some(metadata) = patch["metadata"].as_object_mut().filter(|_| object.kind.is_partly_managed())
        {
            metadata.remove("finalizers");
        }
        let mut whole = object.wanted.clone();
        let metadata = json!({ "name": object.name, "labels": object.wanted["metadata"]["labels"] });
        whole["metadata"] = metadata;
        let (edit, request) =
            match *random.one_of(&["delete", "collection", "merge", "merge", "apply", "replace", "create"]) {
                "delete" => ("DELETE", request("DELETE", &own, JSON, &json!({}))),
                "collection" => {
                    let all = path(object.kind, namespace, "");
                    // Token controllers of other tests need the other accounts.
                    let all = if object.kind.is_partly_managed() { own } else { all };
                    ("DELETE all", request("DELETE", &all, JSON, &json!({})))
                }
                "merge" => ("merge", request("PATCH", &own, "merge-patch+json", &patch)),
                "apply" => {
                    let mut applied =
                        json!({ "apiVersion": object.kind.api_version(), "kind": object.kind.name() });
                    json_patch::merge(&mut applied, &patch);
                    let own = format!("{own}?fieldManager=argo&force=true");
                    ("apply", request("PATCH", &own, "apply-patch+yaml", &applied))
                }
                "replace" => {
                    if random.one_in(2) {
                        json_patch::merge(&mut whole, &patch);
                    }
                    ("replace", request("PUT", &own, JSON, &whole))
                }
                _ => ("create", request("POST", &path(object.kind, namespace, ""), JSON, &whole)),
            };
        (format!("{edit} {patch}"), request)
    }
}

const JSON: &str = "json";

fn is_of_namespaces(kind: Kind) -> bool {
    !kind.is_cluster_scoped() && kind != Kind::EnvoyFilter
}

fn path(kind: Kind, namespace: &str, rest: &str) -> String {
    let root = if kind.group().is_empty() { "/api" } else { "/apis" };
    format!("{root}/{}/namespaces/{namespace}/{}{rest}", kind.api_version(), kind.plural())
}
