//! Two thousand random writes to namespaces, of every kind and by every kind of user, against a plain model of their
//! tenants: each write has the result of the model.

use std::time::Duration;

use bulkhead_harness::kubectl::Kubectl;
use futures::future::join_all;
use kube::Client;
use kube::core::Status;
use serde_json::{Value, json};
use support::api::{call, client_as, request};
use support::cluster::{new_namespace, new_tenant, shared};
use support::random::Random;

use Verb::{Apply, Create, Delete, Generate, Json, Merge, Replace, Strategic};

/// The seed of every random choice.
const SEED: u64 = 0xb01d;
/// Writes to each name, one after another. All names are written to at the same time, because deletions take seconds.
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

#[test]
fn random_namespace_writes_have_the_result_of_the_model() {
    let it = shared();
    let [member, _] = TENANTS.map(|name| new_tenant(&it, name));
    new_namespace(&member, "own-one-home");
    it.cluster.powerful("own-mallory", "strangers").unwrap();
    let admin = it.cluster.admin().unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let stage = Stage::set(&admin).await;
        join_all(NAMES.iter().zip(SEED..).map(|(name, seed)| write_to(&stage, name, seed))).await;
    });
}

/// A user who writes, and the tenants that they may create namespaces for. RBAC allows each user everything.
#[derive(Debug)]
struct Actor {
    user: &'static str,
    groups: Names,
    tenants: Names,
}

type Names = &'static [&'static str];

const PLATFORM: Actor = actor("own-root", &["system:masters"], &TENANTS);
const ACTORS: &[Actor] = &[
    PLATFORM,
    actor("own-alice", &["own-one-developers"], &["own-one"]),
    actor("own-bob", &["own-two-developers"], &["own-two"]),
    actor("own-carol", &["own-one-developers", "own-two-developers"], &TENANTS),
    actor("own-mallory", &["strangers"], &[]),
    actor("system:serviceaccount:tenant-own-one-home:deployer", &["strangers"], &["own-one"]),
    actor("system:serviceaccount:kube-system:namespace-controller", &["strangers"], &[]),
    actor("system:serviceaccount:kube-system:generic-garbage-collector", &["strangers"], &[]),
    actor("system:kube-controller-manager", &["strangers"], &[]),
];

const fn actor(user: &'static str, groups: Names, tenants: Names) -> Actor {
    Actor { user, groups, tenants }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Verb {
    Create,
    /// Creates under another name that begins alike.
    Generate,
    Apply,
    Replace,
    Merge,
    Strategic,
    Json,
    Delete,
}

/// Writes to a namespace that does not exist, and to one that does: the verb and the subresource.
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

/// Entries of labels and annotations that are written: the map, the key and its values.
const ENTRIES: &[(&str, &str, &[&str])] = &[
    ("labels", TENANT, &["own-one"]),
    ("labels", TENANT, &["own-two", "own-ghost"]),
    ("labels", PLAIN, &["own-one"]),
    ("labels", PLAIN, &["own-two", "upstairs"]),
    ("labels", MESH, &["enabled", "disabled"]),
    ("labels", SECURITY, &["privileged"]),
    ("labels", "team", &["payments", "search"]),
    ("annotations", "team", &["payments", "search"]),
    ("annotations", NODES, &["disk=fast"]),
];

#[derive(Debug)]
struct Write {
    verb: Verb,
    resource: &'static str,
    /// True if a replace leaves out everything that it does not change.
    forgets: bool,
    /// A merge patch of a state.
    patch: Value,
}

/// The fields of the metadata in a state, each unless it is empty. A state also has `hollow` if `spec.finalizers` is
/// empty, and is `null` for a namespace that does not exist.
const FIELDS: [&str; 4] = ["labels", "annotations", "ownerReferences", "finalizers"];

fn state(object: &Value) -> Value {
    let mut state = json!({ "hollow": object["spec"]["finalizers"].is_null().then_some(true) });
    for field in FIELDS {
        state[field] = object["metadata"][field].clone();
    }
    state["labels"].as_object_mut().unwrap().remove("kubernetes.io/metadata.name");
    pruned(state)
}

fn pruned(mut state: Value) -> Value {
    let is_empty = |value: &Value| value.is_null() || *value == json!({}) || *value == json!([]);
    state.as_object_mut().unwrap().retain(|_, value| !is_empty(value));
    state
}

impl Write {
    /// The state after the write, if no webhook changed or refused it.
    fn written(&self, before: &Value) -> Value {
        let mut written = match self.verb {
            Generate => json!({}),
            _ if before.is_null() => json!({}),
            _ if self.forgets => json!({ "hollow": before["hollow"] }),
            _ => before.clone(),
        };
        json_patch::merge(&mut written, &self.patch);
        pruned(written)
    }
}

/// The model: the state after a write to the namespace `name`, or to one with a similar name; `None` if the write is
/// refused.
fn expected(actor: &Actor, name: &str, before: &Value, write: &Write) -> Option<Value> {
    if write.verb == Delete {
        return (!actor.is_foreign(before)).then_some(Value::Null);
    }
    let written = write.written(before);
    if write.verb == Generate || before.is_null() {
        created(actor, name, written)
    } else {
        changed(actor, before, written, write.resource)
    }
}

fn created(actor: &Actor, name: &str, mut new: Value) -> Option<Value> {
    let owner = match (new["labels"][TENANT].as_str(), actor.tenants) {
        (Some(label), own) => own.iter().copied().find(|tenant| *tenant == label),
        (None, [only]) => Some(*only),
        (None, several) => several.iter().copied().find(|tenant| has_name_of(name, tenant)),
    };
    if let Some(tenant) = owner {
        label(&mut new, tenant);
    }
    let is_well = match new["labels"][TENANT].as_str() {
        Some(tenant) => {
            owner == Some(tenant)
                && has_name_of(name, tenant)
                && new["labels"][PLAIN] == tenant
                && new["labels"][MESH] == "enabled"
                && new["labels"][SECURITY].is_null()
                && new["annotations"][NODES].is_null()
                && new["ownerReferences"].is_null()
                && new["finalizers"].is_null()
        }
        None => {
            actor.tenants.is_empty() && !name.starts_with("tenant-") && known(&new["labels"][PLAIN]).is_none()
        }
    };
    (actor.is_platform() || (is_well && !name.starts_with("kube-"))).then_some(new)
}

fn changed(actor: &Actor, before: &Value, mut new: Value, resource: &str) -> Option<Value> {
    if actor.is_platform() {
        // The controller adds what is missing.
        if let Some(tenant) = known(&new["labels"][TENANT]) {
            label(&mut new, tenant);
        }
        return Some(new);
    }
    let was = &before["labels"];
    for key in [TENANT, PLAIN, MESH] {
        let is_gone = new["labels"][key].is_null() && !was[key].is_null();
        if is_gone && resource.is_empty() && known(&was[TENANT]).is_some() {
            new["labels"][key] = was[key].clone();
        }
    }
    let keeps = |map: &str, key: &str| new[map][key] == before[map][key];
    let adds = |list: &str| !new[list].is_null() && new[list] != before[list];
    let plain = &new["labels"][PLAIN];
    let is_well = match was[TENANT].as_str() {
        Some(tenant) => {
            (keeps("labels", PLAIN) || *plain == tenant)
                && keeps("labels", MESH)
                && keeps("labels", SECURITY)
                && keeps("annotations", NODES)
                && !adds("ownerReferences")
                && !adds("finalizers")
                && (new["hollow"] == before["hollow"] || actor.empties_namespaces())
        }
        None => keeps("labels", PLAIN) || known(plain).is_none(),
    };
    let is_unchanged = new == *before;
    (is_well && keeps("labels", TENANT) && (is_unchanged || !actor.is_foreign(before))).then_some(new)
}

/// The tenant that a label names, if there is one.
fn known(label: &Value) -> Option<&'static str> {
    TENANTS.into_iter().find(|tenant| *label == *tenant)
}

/// Adds the labels that a namespace of `tenant` lacks.
fn label(state: &mut Value, tenant: &str) {
    for (key, value) in [(TENANT, tenant), (PLAIN, tenant), (MESH, "enabled")] {
        if state["labels"][key].is_null() {
            state["labels"][key] = json!(value);
        }
    }
}

/// True if the name of `namespace` is one for `tenant`.
fn has_name_of(namespace: &str, tenant: &str) -> bool {
    let own = format!("tenant-{tenant}");
    namespace == own || namespace.starts_with(&format!("{own}-"))
}

impl Actor {
    fn is_platform(&self) -> bool {
        self.groups.contains(&"system:masters")
    }

    /// True for members of other tenants than that of the namespace.
    fn is_foreign(&self, namespace: &Value) -> bool {
        let tenant = namespace["labels"][TENANT].as_str();
        !self.is_platform()
            && !self.tenants.is_empty()
            && tenant.is_some_and(|tenant| !self.tenants.contains(&tenant))
    }

    fn empties_namespaces(&self) -> bool {
        self.user == "system:serviceaccount:kube-system:namespace-controller"
            || self.user == "system:kube-controller-manager"
    }
}

/// Writes to one name, and compares the state after each write.
async fn write_to(stage: &Stage, base: &str, seed: u64) {
    let mut random = Random::new(seed);
    let (mut name, mut lives, mut was_foreign) = (base.to_owned(), 0, false);
    let mut before = Value::Null;
    for step in 0..WRITES {
        let (actor, client) = random.one_of(&stage.people);
        let write = random_write(&mut random, !before.is_null(), &stage.owner);
        let admitted = expected(actor, &name, &before, &write);
        let verdict = if admitted.is_some() { "admitted" } else { "refused" };
        let answer = stage.send(client, &name, step, &write, &before).await;
        let agrees = match &answer {
            Ok(_) => admitted.is_some(),
            Err(status) => admitted.is_none() && status.message.contains("bulkhead.dev\" denied the request"),
        };
        let is_deleted = write.verb == Delete && admitted.is_some();
        let after = admitted.unwrap_or_else(|| before.clone());
        let found = match &answer {
            Ok(made) if write.verb == Generate => state(made),
            _ => stage.found(&name, &after).await,
        };
        assert!(
            agrees && found == after,
            "seed {SEED:#x}, `{name}`, write {step}: {actor:?}\n{write:?}\nbefore: {before}\n\
             expected: {verdict}, {after}\nfound: {found}\nanswer: {:?}",
            answer.err(),
        );
        if write.verb != Generate {
            was_foreign |= after["labels"][TENANT].as_str().is_some_and(|tenant| !has_name_of(&name, tenant));
            before = after;
        }
        // Such a name is reserved after its deletion, from a moment that the model does not know.
        if is_deleted && std::mem::take(&mut was_foreign) {
            lives += 1;
            name = format!("{base}-{lives}");
        }
    }
}

/// The clients of the users, and one to read with.
struct Stage {
    people: Vec<(&'static Actor, Client)>,
    platform: Client,
    /// A reference to an owner that exists: the garbage collector would delete a namespace of any other.
    owner: Value,
}

impl Stage {
    async fn set(admin: &Kubectl) -> Self {
        let client = |actor: &'static Actor| client_as(admin, actor.user, actor.groups);
        let platform = client(&PLATFORM).await;
        let mut people = Vec::with_capacity(ACTORS.len());
        for actor in ACTORS {
            people.push((actor, client(actor).await));
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
        before: &Value,
    ) -> Result<Value, Box<Status>> {
        let (all, one) = (path(""), path(name) + write.resource);
        let written = write.written(before);
        let part = json!({ "metadata": write.patch });
        let answer = loop {
            let asked = match write.verb {
                Create => request("POST", &all, "json", &named("name", name, &written)),
                Generate => {
                    request("POST", &all, "json", &named("generateName", &format!("{name}-"), &written))
                }
                Apply => {
                    // A new manager each time: a manager deletes the fields that its next apply leaves out.
                    let path = format!("{one}?force=true&fieldManager=own-{step}");
                    request("PATCH", &path, "apply-patch+yaml", &named("name", name, &write.patch))
                }
                Replace => request("PUT", &one, "json", &self.replacement(name, &written).await),
                Merge => request("PATCH", &one, "merge-patch+json", &part),
                Strategic => request("PATCH", &one, "strategic-merge-patch+json", &part),
                Json => request("PATCH", &one, "json-patch+json", &operations(before, &written)),
                Delete => request("DELETE", &one, "json", &json!({})),
            };
            match call(client, asked).await {
                // The controller has written the status in the meantime.
                Err(status) if status.is_conflict() => {}
                answer => break answer,
            }
        };
        if write.verb == Delete && answer.is_ok() {
            // Then only the contents delay the deletion; this write completes that of a hollow namespace.
            let none = json!({ "metadata": { "finalizers": null } });
            drop(call(&self.platform, request("PATCH", &one, "merge-patch+json", &none)).await);
        }
        answer
    }

    /// The namespace as it is now, with the fields of `written`.
    async fn replacement(&self, name: &str, written: &Value) -> Value {
        let mut object = read(&self.platform, name).await.unwrap();
        for field in FIELDS {
            object["metadata"][field] = written[field].clone();
        }
        object["spec"]["finalizers"] =
            if written["hollow"].is_null() { json!(["kubernetes"]) } else { json!([]) };
        object
    }

    /// Waits for the expected state for two minutes at most, and returns the last one: deletions and the controller need
    /// a moment.
    async fn found(&self, name: &str, expected: &Value) -> Value {
        let mut tries = 0;
        loop {
            let found = read(&self.platform, name).await.map_or(Value::Null, |object| state(&object));
            if found == *expected || tries == 1_200 {
                return found;
            }
            tries += 1;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// A JSON patch from one state to the next.
fn operations(before: &Value, written: &Value) -> Value {
    let changed = FIELDS.into_iter().filter(|field| written[*field] != before[*field]);
    let operation = |field: &str| {
        let op = if written[field].is_null() { "remove" } else { "add" };
        json!({ "op": op, "path": format!("/metadata/{field}"), "value": written[field] })
    };
    changed.map(operation).collect()
}

fn path(name: &str) -> String {
    format!("/api/v1/namespaces/{name}").trim_end_matches('/').to_owned()
}

fn named(key: &str, name: &str, metadata: &Value) -> Value {
    let mut metadata = metadata.clone();
    metadata[key] = json!(name);
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata })
}

async fn read(client: &Client, name: &str) -> Option<Value> {
    match call(client, request("GET", &path(name), "json", &Value::Null)).await {
        Ok(found) => Some(found),
        Err(status) if status.is_not_found() => None,
        Err(status) => panic!("{status}"),
    }
}

fn random_write(random: &mut Random, exists: bool, owner: &Value) -> Write {
    let (verb, resource) = if exists && random.one_in(64) {
        (Delete, "")
    } else {
        *random.one_of(if exists { CHANGING } else { CREATING })
    };
    let mut patch = json!({});
    for _ in 0..*random.one_of(&[0, 1, 1, 2, 3]) {
        random_change(random, &mut patch, owner);
    }
    if verb == Apply {
        // An apply cannot remove a field.
        let nulls = std::mem::replace(&mut patch, json!({}));
        json_patch::merge(&mut patch, &nulls);
    }
    if resource == "/finalize" && random.one_in(3) {
        patch["hollow"] = json!(random.one_in(2).then_some(true));
    }
    Write { verb, resource, forgets: verb == Replace && random.one_in(2), patch }
}

fn random_change(random: &mut Random, patch: &mut Value, owner: &Value) {
    if random.one_in(5) {
        let owners = ("ownerReferences", owner.clone());
        let (list, item) = if random.one_in(2) { owners } else { ("finalizers", json!("example.com/held")) };
        patch[list] = if random.one_in(2) { json!([item]) } else { Value::Null };
    } else {
        let (map, key, values) = *random.one_of(ENTRIES);
        patch[map][key] = if random.one_in(4) { Value::Null } else { json!(random.one_of(values)) };
    }
}
