//! Two thousand writes to namespaces, of every kind and by everybody, against a plain model of whose a namespace
//! is: no difference, ever.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::Request;
use futures::future::join_all;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::Status;
use kube::{Client, Config};
use serde_json::{Value, json};

use crate::cluster::{namespace, shared, tenant};

use Change::{Annotation, Finalizer, Hollow, Label, Owner};
use Verb::{Apply, Create, Delete, Generate, Json, Merge, Replace, Strategic};

/// What is random follows from it alone.
const SEED: u64 = 0xb01d;
/// How many writes each name gets, one after another; the names are written to at once, for ends take seconds.
const WRITES: usize = 200;
const NAMES: [&str; 10] = [
    "tenant-own-one",
    "tenant-own-one-a",
    "tenant-own-one-b",
    "tenant-own-two",
    "tenant-own-two-a",
    "tenant-own-onerous",
    "tenant-own-nobody",
    "own-one",
    "own-elsewhere",
    "kube-own",
];

const TENANTS: [&str; 2] = ["own-one", "own-two"];
const TENANT: &str = "bulkhead.dev/tenant";
const PLAIN: &str = "tenant";
const MESH: &str = "istio-injection";
const SECURITY: &str = "pod-security.kubernetes.io/enforce";
const NODES: &str = "scheduler.alpha.kubernetes.io/node-selector";
const FINALIZER: &str = "example.com/held";
const ALL: &str = "/api/v1/namespaces";

#[test]
fn two_thousand_writes_end_as_the_model_says() {
    let it = shared();
    let [member, _] = TENANTS.map(|name| tenant(&it, name));
    namespace(&member, "own-one-home");
    it.cluster.powerful("own-mallory", "strangers").unwrap();
    let kubeconfig = Kubeconfig::read_from(it.cluster.admin().unwrap().kubeconfig).unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let stage = Stage::set(&kubeconfig).await;
        join_all(NAMES.iter().zip(SEED..).map(|(name, seed)| write_to(&stage, name, seed))).await;
    });
}

/// Who writes, and the tenants it creates namespaces for. RBAC lets each of them do everything.
#[derive(Debug)]
struct Actor {
    user: &'static str,
    groups: &'static [&'static str],
    acts_for: &'static [&'static str],
}

const STRANGERS: &[&str] = &["strangers"];
const PLATFORM: Actor = Actor { user: "own-root", groups: &["system:masters"], acts_for: &TENANTS };
const ACTORS: &[Actor] = &[
    PLATFORM,
    Actor { user: "own-alice", groups: &["own-one-developers"], acts_for: &["own-one"] },
    Actor { user: "own-bob", groups: &["own-two-developers"], acts_for: &["own-two"] },
    Actor { user: "own-carol", groups: &["own-one-developers", "own-two-developers"], acts_for: &TENANTS },
    Actor { user: "own-mallory", groups: STRANGERS, acts_for: &[] },
    Actor {
        user: "system:serviceaccount:tenant-own-one-home:deployer",
        groups: STRANGERS,
        acts_for: &["own-one"],
    },
    Actor {
        user: "system:serviceaccount:kube-system:namespace-controller",
        groups: STRANGERS,
        acts_for: &[],
    },
    Actor {
        user: "system:serviceaccount:kube-system:generic-garbage-collector",
        groups: STRANGERS,
        acts_for: &[],
    },
    Actor { user: "system:kube-controller-manager", groups: STRANGERS, acts_for: &[] },
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Verb {
    Create,
    /// Creates under a name that begins like the one written to, and leaves that alone.
    Generate,
    Apply,
    Replace,
    Merge,
    Strategic,
    Json,
    Delete,
}

const CREATING: &[(Verb, &str)] = &[(Create, ""), (Create, ""), (Apply, ""), (Generate, "")];
const CHANGING: &[(Verb, &str)] = &[
    (Generate, ""),
    (Apply, ""),
    (Replace, ""),
    (Replace, "/status"),
    (Replace, "/finalize"),
    (Merge, ""),
    (Merge, "/status"),
    (Strategic, ""),
    (Strategic, "/status"),
    (Json, ""),
    (Json, "/status"),
];

/// What a write sets, or removes.
#[derive(Clone, Copy, Debug)]
enum Change {
    Label(&'static str, Option<&'static str>),
    Annotation(&'static str, Option<&'static str>),
    Owner(bool),
    Finalizer(bool),
    /// Whether `spec.finalizers` is empty; `/finalize` alone changes it.
    Hollow(bool),
}

const CHANGES: &[Change] = &[
    Label(TENANT, Some("own-one")),
    Label(TENANT, Some("own-two")),
    Label(TENANT, Some("own-ghost")),
    Label(TENANT, None),
    Label(PLAIN, Some("own-one")),
    Label(PLAIN, Some("own-two")),
    Label(PLAIN, Some("upstairs")),
    Label(PLAIN, None),
    Label(MESH, Some("enabled")),
    Label(MESH, Some("disabled")),
    Label(MESH, None),
    Label(SECURITY, Some("privileged")),
    Label(SECURITY, None),
    Label("team", Some("payments")),
    Label("team", Some("search")),
    Label("team", None),
    Annotation("team", Some("payments")),
    Annotation("team", None),
    Annotation(NODES, Some("disk=fast")),
    Annotation(NODES, None),
    Owner(true),
    Owner(false),
    Finalizer(true),
    Finalizer(false),
];

#[derive(Debug)]
struct Write {
    verb: Verb,
    /// The subresource.
    door: &'static str,
    /// Whether a replace leaves out all that it does not change.
    forgets: bool,
    changes: Vec<Change>,
}

/// A namespace, as far as it matters whose it is.
#[derive(Clone, Debug, Default, PartialEq)]
struct Namespace {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    owned: bool,
    held: bool,
    hollow: bool,
}

#[derive(Debug)]
enum Outcome {
    Refused,
    /// What stands there then.
    Admitted(Option<Namespace>),
}

/// The model: what comes of a write to the namespace `name`.
fn expected(actor: &Actor, name: &str, before: Option<&Namespace>, write: &Write) -> Outcome {
    if write.verb == Delete {
        return Outcome::Admitted(None);
    }
    let written = write.written(before);
    let after = match before {
        Some(before) if write.verb != Generate => changed(actor, before, written, write.door),
        _ => created(actor, name, written),
    };
    after.map_or(Outcome::Refused, |after| Outcome::Admitted(Some(after)))
}

fn created(actor: &Actor, name: &str, new: Namespace) -> Option<Namespace> {
    let whose = match new.label(TENANT) {
        Some(said) => actor.acts_for.iter().copied().find(|tenant| *tenant == said),
        None => actor.tenant_for(name),
    };
    let new = match whose {
        Some(tenant) => new.labelled(tenant),
        None => new,
    };
    let is_well = match new.label(TENANT) {
        Some(tenant) => {
            whose == Some(tenant)
                && bears(name, tenant)
                && new.label(PLAIN) == Some(tenant)
                && new.label(MESH) == Some("enabled")
                && new.label(SECURITY).is_none()
                && !new.annotations.contains_key(NODES)
                && !new.owned
                && !new.held
        }
        None => {
            actor.acts_for.is_empty()
                && !TENANTS.iter().any(|tenant| bears(name, tenant))
                && !new.label(PLAIN).is_some_and(is_tenant)
        }
    };
    (actor.is_platform() || (is_well && !name.starts_with("kube-"))).then_some(new)
}

fn changed(actor: &Actor, before: &Namespace, mut new: Namespace, door: &str) -> Option<Namespace> {
    if actor.is_platform() {
        return Some(new.settled());
    }
    let tenant = before.label(TENANT);
    if door.is_empty() && tenant.is_some_and(is_tenant) {
        for key in [TENANT, PLAIN, MESH] {
            if let Some(value) = before.labels.get(key) {
                new.labels.entry(key.to_owned()).or_insert_with(|| value.clone());
            }
        }
    }
    let keeps = |key: &str| new.label(key) == before.label(key);
    let is_well = match tenant {
        Some(tenant) => {
            keeps(TENANT)
                && (keeps(PLAIN) || new.label(PLAIN) == Some(tenant))
                && keeps(MESH)
                && keeps(SECURITY)
                && new.annotations.get(NODES) == before.annotations.get(NODES)
                && (before.owned || !new.owned)
                && (before.held || !new.held)
                && (before.hollow == new.hollow || actor.empties_namespaces())
        }
        None => keeps(TENANT) && (keeps(PLAIN) || !new.label(PLAIN).is_some_and(is_tenant)),
    };
    is_well.then_some(new)
}

fn is_tenant(name: &str) -> bool {
    TENANTS.contains(&name)
}

/// Whether `namespace` is named as one of `tenant`.
fn bears(namespace: &str, tenant: &str) -> bool {
    let own = format!("tenant-{tenant}");
    namespace == own || namespace.starts_with(&format!("{own}-"))
}

impl Actor {
    fn is_platform(&self) -> bool {
        self.groups.contains(&"system:masters")
    }

    /// Whether this is an account of the controller that ends namespaces.
    fn empties_namespaces(&self) -> bool {
        self.user == "system:serviceaccount:kube-system:namespace-controller"
            || self.user == "system:kube-controller-manager"
    }

    /// The tenant whose a new namespace is that does not say.
    fn tenant_for(&self, name: &str) -> Option<&'static str> {
        match self.acts_for {
            [only] => Some(*only),
            several => several.iter().copied().find(|tenant| bears(name, tenant)),
        }
    }
}

impl Change {
    fn adds(&self) -> bool {
        matches!(self, Label(_, Some(_)) | Annotation(_, Some(_)) | Owner(true) | Finalizer(true))
    }
}

impl Write {
    /// What would stand there if nobody looked.
    fn written(&self, before: Option<&Namespace>) -> Namespace {
        let start = match before {
            Some(before) if self.forgets => Namespace { hollow: before.hollow, ..Namespace::default() },
            Some(before) if self.verb != Generate => before.clone(),
            _ => Namespace::default(),
        };
        start.with(&self.changes)
    }
}

impl Namespace {
    fn of(object: &Value) -> Self {
        let metadata = &object["metadata"];
        let map = |field: &str| -> BTreeMap<String, String> {
            serde_json::from_value(metadata[field].clone()).unwrap_or_default()
        };
        let has = |list: &Value| list.as_array().is_some_and(|list| !list.is_empty());
        let mut labels = map("labels");
        labels.remove("kubernetes.io/metadata.name");
        Self {
            labels,
            annotations: map("annotations"),
            owned: has(&metadata["ownerReferences"]),
            held: has(&metadata["finalizers"]),
            hollow: !has(&object["spec"]["finalizers"]),
        }
    }

    fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key).map(String::as_str)
    }

    fn with(mut self, changes: &[Change]) -> Self {
        let set = |map: &mut BTreeMap<String, String>, key: &str, value: Option<&str>| match value {
            Some(value) => drop(map.insert(key.to_owned(), value.to_owned())),
            None => drop(map.remove(key)),
        };
        for change in changes {
            match *change {
                Label(key, value) => set(&mut self.labels, key, value),
                Annotation(key, value) => set(&mut self.annotations, key, value),
                Owner(there) => self.owned = there,
                Finalizer(there) => self.held = there,
                Hollow(now) => self.hollow = now,
            }
        }
        self
    }

    fn labelled(mut self, tenant: &str) -> Self {
        for (key, value) in [(TENANT, tenant), (PLAIN, tenant), (MESH, "enabled")] {
            self.labels.entry(key.to_owned()).or_insert_with(|| value.to_owned());
        }
        self
    }

    /// What the controller makes of it: it adds the labels that a tenant's namespace lacks.
    fn settled(self) -> Self {
        match TENANTS.into_iter().find(|tenant| self.label(TENANT) == Some(*tenant)) {
            Some(tenant) => self.labelled(tenant),
            None => self,
        }
    }

    fn metadata(&self, owner: &Value) -> Value {
        json!({
            "labels": self.labels,
            "annotations": self.annotations,
            "ownerReferences": self.owned.then_some(owner).as_slice(),
            "finalizers": self.held.then_some(FINALIZER).as_slice(),
        })
    }
}

/// Writes to one name, and compares after each write.
async fn write_to(stage: &Stage, base: &str, seed: u64) {
    let mut random = Random(seed);
    let (mut name, mut lives, mut was_foreign) = (base.to_owned(), 0, false);
    let mut before: Option<Namespace> = None;
    for step in 0..WRITES {
        let (actor, client) = random.one_of(&stage.people);
        let write = random.write(before.is_some());
        let outcome = expected(actor, &name, before.as_ref(), &write);
        let answer = stage.send(client, &name, step, &write, before.as_ref()).await;
        let after = match &outcome {
            Outcome::Admitted(after) => after.clone(),
            Outcome::Refused => before.clone(),
        };
        let found = match &answer {
            Ok(made) if write.verb == Generate => Some(Namespace::of(made)),
            _ => stage.found(&name, after.as_ref()).await,
        };
        assert!(
            agree(&outcome, &answer) && found == after,
            "seed {SEED:#x}, `{name}`, write {step}: {actor:?}\n{write:?}\nbefore:   {before:?}\n\
             expected: {outcome:?}\nfound:    {found:?}\nanswer:   {:?}",
            answer.err(),
        );
        if write.verb == Generate {
            continue;
        }
        let is_foreign =
            |now: &Namespace| now.label(TENANT).is_some_and(|tenant| !bears(&name, tenant));
        was_foreign |= after.as_ref().is_some_and(is_foreign);
        // A name that was another tenant's is retired with the namespace; how soon is not for the model to say.
        if write.verb == Delete && std::mem::take(&mut was_foreign) {
            lives += 1;
            name = format!("{base}-{lives}");
        }
        before = after;
    }
}

fn agree(outcome: &Outcome, answer: &Result<Value, Box<Status>>) -> bool {
    match (outcome, answer) {
        (Outcome::Refused, Err(status)) => status.message.contains("bulkhead.dev\" denied the request"),
        (Outcome::Admitted(_), Ok(_)) => true,
        _ => false,
    }
}

/// Those who write, and who looks on.
struct Stage {
    people: Vec<(&'static Actor, Client)>,
    platform: Client,
    /// A reference to an owner that is there: the garbage collector would not spare what another owns.
    owner: Value,
}

impl Stage {
    async fn set(kubeconfig: &Kubeconfig) -> Self {
        let platform = client(kubeconfig, &PLATFORM).await;
        let mut people = Vec::with_capacity(ACTORS.len());
        for actor in ACTORS {
            people.push((actor, client(kubeconfig, actor).await));
        }
        let uid = read(&platform, "default").await.unwrap()["metadata"]["uid"].clone();
        let owner = json!({ "apiVersion": "v1", "kind": "Namespace", "name": "default", "uid": uid });
        Self { people, platform, owner }
    }

    async fn send(
        &self,
        client: &Client,
        name: &str,
        step: usize,
        write: &Write,
        before: Option<&Namespace>,
    ) -> Result<Value, Box<Status>> {
        let one = format!("{ALL}/{name}{}", write.door);
        let written = write.written(before);
        let whole = written.metadata(&self.owner);
        loop {
            let asked = match write.verb {
                Create => request("POST", ALL, "json", &named("name", name, whole.clone())),
                Generate => {
                    request("POST", ALL, "json", &named("generateName", &format!("{name}-"), whole.clone()))
                }
                Apply => {
                    // A manager of its own: what it leaves out next time would go.
                    let path = format!("{one}?force=true&fieldManager=own-{step}");
                    let part = named("name", name, self.patch(&write.changes));
                    request("PATCH", &path, "apply-patch+yaml", &part)
                }
                Replace => {
                    let mut object = read(&self.platform, name).await.unwrap();
                    for (field, value) in whole.as_object().unwrap() {
                        object["metadata"][field] = value.clone();
                    }
                    object["spec"]["finalizers"] = json!((!written.hollow).then_some("kubernetes").as_slice());
                    request("PUT", &one, "json", &object)
                }
                Merge | Strategic => {
                    let media =
                        if write.verb == Merge { "merge-patch+json" } else { "strategic-merge-patch+json" };
                    request("PATCH", &one, media, &json!({ "metadata": self.patch(&write.changes) }))
                }
                Json => {
                    let fields = whole.as_object().unwrap().iter();
                    let operations = fields.map(|(field, value)| {
                        json!({ "op": "add", "path": format!("/metadata/{field}"), "value": value })
                    });
                    request("PATCH", &one, "json-patch+json", &operations.collect::<Value>())
                }
                Delete => request("DELETE", &one, "json", &json!({})),
            };
            match call(client, asked).await {
                // The controller has written the status since it was read.
                Err(status) if status.is_conflict() => {}
                answer => {
                    if write.verb == Delete {
                        self.let_go(name).await;
                    }
                    return answer;
                }
            }
        }
    }

    /// The changed part of the metadata, with `null` for what goes.
    fn patch(&self, changes: &[Change]) -> Value {
        let mut metadata = json!({});
        for change in changes {
            match *change {
                Label(key, value) => metadata["labels"][key] = json!(value),
                Annotation(key, value) => metadata["annotations"][key] = json!(value),
                Owner(there) => metadata["ownerReferences"] = json!(there.then_some([&self.owner])),
                Finalizer(there) => metadata["finalizers"] = json!(there.then_some([FINALIZER])),
                Hollow(_) => {}
            }
        }
        metadata
    }

    /// Has a namespace that is to end wait for its contents alone; a hollow one ends with this write.
    async fn let_go(&self, name: &str) {
        let none = json!({ "metadata": { "finalizers": null } });
        let asked = request("PATCH", &format!("{ALL}/{name}"), "merge-patch+json", &none);
        drop(call(&self.platform, asked).await);
    }

    /// What stands there, at the latest after half a minute: ends and the controller take a moment.
    async fn found(&self, name: &str, expected: Option<&Namespace>) -> Option<Namespace> {
        let mut tries = 0;
        loop {
            let found = read(&self.platform, name).await.as_ref().map(Namespace::of);
            if found.as_ref() == expected || tries == 300 {
                return found;
            }
            tries += 1;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

async fn client(kubeconfig: &Kubeconfig, actor: &Actor) -> Client {
    let options = KubeConfigOptions::default();
    let mut config = Config::from_custom_kubeconfig(kubeconfig.clone(), &options).await.unwrap();
    config.auth_info.impersonate = Some(actor.user.to_owned());
    config.auth_info.impersonate_groups = Some(actor.groups.iter().map(ToString::to_string).collect());
    Client::try_from(config).unwrap()
}

fn named(key: &str, name: &str, mut metadata: Value) -> Value {
    metadata[key] = json!(name);
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata })
}

fn request(method: &str, path: &str, media: &str, body: &Value) -> Request<Vec<u8>> {
    let head = Request::builder().method(method).uri(path);
    let head = head.header("content-type", format!("application/{media}"));
    head.body(body.to_string().into_bytes()).unwrap()
}

async fn call(client: &Client, request: Request<Vec<u8>>) -> Result<Value, Box<Status>> {
    client.request(request).await.map_err(|error| match error {
        kube::Error::Api(status) => status,
        other => panic!("{other}"),
    })
}

async fn read(client: &Client, name: &str) -> Option<Value> {
    let request = Request::get(format!("{ALL}/{name}")).body(Vec::new()).unwrap();
    match call(client, request).await {
        Ok(found) => Some(found),
        Err(status) if status.is_not_found() => None,
        Err(status) => panic!("{status}"),
    }
}

/// SplitMix64: neighbouring seeds have nothing in common.
struct Random(u64);

impl Random {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.number().is_multiple_of(chances)
    }

    fn one_of<'c, T>(&mut self, choices: &'c [T]) -> &'c T {
        &choices[usize::try_from(self.number() >> 32).unwrap() % choices.len()]
    }

    fn write(&mut self, exists: bool) -> Write {
        let (verb, door) = if exists && self.one_in(64) {
            (Delete, "")
        } else {
            *self.one_of(if exists { CHANGING } else { CREATING })
        };
        let mut changes = Vec::new();
        for _ in 0..*self.one_of(&[0, 1, 1, 2, 3]) {
            changes.push(*self.one_of(CHANGES));
        }
        if door == "/finalize" && self.one_in(3) {
            changes.push(Hollow(self.one_in(2)));
        }
        if verb == Apply {
            changes.retain(Change::adds);
        }
        Write { verb, door, forgets: verb == Replace && self.one_in(2), changes }
    }
}
