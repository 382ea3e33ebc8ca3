//! What it costs to keep baselines, on a real API server with istiod and two replicas of the webhook: how long a
//! thousand namespaces take beside a bare client that makes the same writes, how soon drift is repaired, what is
//! written at rest, and what becomes of two hundred namespaces while a replica is killed or the baseline changes.
//! `cargo bench --bench baseline`, or one part: `-- apply`, `repair`, `rest`, `killed` or `upgrade`.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a bench that cannot go on should stop")]
#![expect(clippy::print_stdout, reason = "figures are its output")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use bulkhead::baseline::Kind;
use bulkhead_harness::cluster::Cluster;
use bulkhead_harness::program::{Installation, controller, controller_with};
use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{
    ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams, PostParams,
    TypeMeta,
};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, ResourceExt};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::time::sleep;

const BINARY: &str = env!("CARGO_BIN_EXE_bulkhead");
const CONTROLLER: &str = "system:serviceaccount:bulkhead-system:bulkhead-controller";
/// As many places as the controller sees to at once.
const AT_ONCE: usize = 16;
/// Of namespaces that are made ready, by the controller and by the bare client in turns.
const ROUNDS: [usize; 2] = [500, 500];

fn main() {
    let runtime = Runtime::new().expect("a runtime");
    let mut it = Installation::start(BINARY.as_ref(), |_| {}).expect("an installation");
    let admin = runtime.block_on(connect(&it.cluster, None));
    let bulkhead = runtime.block_on(connect(&it.cluster, Some(CONTROLLER)));
    let runs =
        |part: &str| std::env::args().skip(1).all(|argument| argument.starts_with("--") || argument == part);
    if runs("repair") {
        runtime.block_on(repair(&admin, &bulkhead));
    }
    if runs("rest") {
        runtime.block_on(rest(&it.cluster, &admin));
    }
    if runs("killed") {
        killed(&runtime, &mut it, &admin);
    }
    if runs("upgrade") {
        upgrade(&runtime, &mut it, &admin);
    }
    if runs("apply") {
        apply(&runtime, &mut it, &admin, &bulkhead);
    }
}

/// As an administrator, or as somebody else with all rights.
async fn connect(cluster: &Cluster, user: Option<&str>) -> Client {
    let kubeconfig = cluster.admin().expect("an administrator").kubeconfig;
    let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("a kubeconfig");
    let options = KubeConfigOptions::default();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await.expect("a configuration");
    config.auth_info.impersonate = user.map(str::to_owned);
    config.auth_info.impersonate_groups = user.map(|_| vec!["system:masters".to_owned()]);
    Client::try_from(config).expect("a client")
}

/// A tenant with one namespace for each name.
async fn tenants(admin: &Client, names: &[String]) {
    let tenants = ApiResource::from_gvk(&GroupVersionKind::gvk("bulkhead.dev", "v1alpha1", "Tenant"));
    let tenants = &Api::<DynamicObject>::all_with(admin.clone(), &tenants);
    let namespaces = &Api::<Namespace>::all(admin.clone());
    let both = |name: &String| {
        let owner = json!({ "kind": "Group", "name": format!("{name}-developers") });
        let tenant = json!({
            "apiVersion": "bulkhead.dev/v1alpha1", "kind": "Tenant", "metadata": { "name": name },
            "spec": { "owners": [owner] },
        });
        let labels = json!({ "bulkhead.dev/tenant": name });
        let namespace = json!({ "metadata": { "name": format!("tenant-{name}"), "labels": labels } });
        async move {
            let tenant = serde_json::from_value(tenant).expect("a tenant");
            until_created(tenants, &tenant).await;
            let namespace = serde_json::from_value(namespace).expect("a namespace");
            until_created(namespaces, &namespace).await;
        }
    };
    stream::iter(names).for_each_concurrent(AT_ONCE, both).await;
}

/// A write that a replica took with it when it ended is made again, as kubectl's user or a controller does.
async fn until_created<K>(objects: &Api<K>, object: &K)
where
    K: Clone + std::fmt::Debug + serde::Serialize + serde::de::DeserializeOwned,
{
    for _ in 0..100 {
        match objects.create(&PostParams::default(), object).await {
            Err(kube::Error::Api(status)) if status.code != 409 => sleep(Duration::from_millis(100)).await,
            _ => return,
        }
    }
}

fn named(prefix: &str, number: usize) -> Vec<String> {
    (0..number).map(|number| format!("{prefix}-{number:04}")).collect()
}

/// How many of the namespaces whose names begin so are ready.
async fn ready(admin: &Client, prefix: &str) -> usize {
    let namespaces = Api::<Namespace>::all(admin.clone());
    let list = namespaces.list(&ListParams::default().match_any()).await.expect("namespaces");
    let is_ready = |namespace: &Namespace| {
        let conditions = namespace.status.iter().flat_map(|status| status.conditions.iter().flatten());
        conditions
            .into_iter()
            .any(|known| known.type_ == "bulkhead.dev/BaselineReady" && known.status == "True")
    };
    let named =
        list.iter().filter(|namespace| namespace.name_any().starts_with(&format!("tenant-{prefix}-")));
    named.filter(|namespace| is_ready(namespace)).count()
}

async fn until_ready(admin: &Client, prefix: &str, number: usize) {
    let limit = Instant::now() + Duration::from_mins(10);
    while ready(admin, prefix).await < number {
        assert!(Instant::now() < limit, "{} of {number} are ready", ready(admin, prefix).await);
        sleep(Duration::from_millis(200)).await;
    }
}

fn api(client: &Client, kind: Kind, namespace: Option<&str>) -> Api<DynamicObject> {
    let resource = GroupVersionKind::gvk(kind.group(), kind.version(), kind.name());
    let resource = ApiResource::from_gvk_with_plural(&resource, kind.resource());
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

/// All that the controller has written for a tenant.
async fn written(client: &Client, tenant: &str) -> Vec<(Kind, DynamicObject)> {
    let mut all = Vec::new();
    let namespace = format!("tenant-{tenant}");
    for kind in Kind::ALL.iter().copied().filter(|kind| !matches!(kind, Kind::GlobalNetworkPolicy(_))) {
        let labels = ListParams::default().labels("app.kubernetes.io/managed-by=bulkhead");
        let names = ListParams::default().fields("metadata.name=default");
        let asked = if kind.is_shared() { names } else { labels };
        let list = api(client, kind, None).list(&asked).await.expect("a list");
        all.extend(list.into_iter().filter_map(|object| {
            let is_of_tenant = object.name_any().ends_with(&format!("-{tenant}"));
            let is_own = object.namespace().map_or(is_of_tenant, |place| place == namespace);
            is_own.then_some((kind, object))
        }));
    }
    all
}

fn apply(runtime: &Runtime, it: &mut Installation, admin: &Client, bulkhead: &Client) {
    let mut took = [Duration::ZERO; 2];
    let mut writes = 0;
    stop(it);
    for (round, number) in ROUNDS.into_iter().enumerate() {
        let (ours, bare) = (format!("ours{round}"), format!("bare{round}"));
        runtime.block_on(tenants(admin, &named(&ours, number)));
        let start = Instant::now();
        it.controller = controller(&it.cluster, &it.binary).expect("a controller");
        runtime.block_on(until_ready(admin, &ours, number));
        took[0] += start.elapsed();
        let first = format!("{ours}-0000");
        let objects = runtime.block_on(written(admin, &first));
        writes = objects.len() + 1;

        stop(it);
        runtime.block_on(tenants(admin, &named(&bare, number)));
        let start = Instant::now();
        runtime.block_on(same_writes(bulkhead, &objects, &first, &named(&bare, number)));
        took[1] += start.elapsed();
    }
    it.controller = controller(&it.cluster, &it.binary).expect("a controller");
    let number: usize = ROUNDS.iter().sum();
    let [ours, bare] = took.map(|took| took.as_secs_f64());
    println!(
        "baseline of {number} namespaces, {writes} writes each: {ours:.1} s from the controller's start"
    );
    println!("  the same writes by a bare client: {bare:.1} s; ratio {:.2} (aim: at most 1.3)", ours / bare);
}

fn stop(it: &mut Installation) {
    it.controller.terminate().expect("a controller");
    it.controller.wait(Duration::from_secs(20)).expect("its end");
}

/// Writes for each tenant what was written for the first, one after another, as many tenants at once as the controller.
async fn same_writes(client: &Client, objects: &[(Kind, DynamicObject)], first: &str, names: &[String]) {
    let namespaces = &Api::<Namespace>::all(client.clone());
    let write = |name: &String| {
        let name = name.clone();
        async move {
            for (kind, object) in objects {
                let mut object = object.clone();
                object.types =
                    Some(TypeMeta { api_version: kind.api_version(), kind: kind.name().to_owned() });
                object.metadata = kube::api::ObjectMeta {
                    name: object.metadata.name,
                    namespace: object.metadata.namespace,
                    labels: object.metadata.labels,
                    ..kube::api::ObjectMeta::default()
                };
                if let Value::Object(fields) = &mut object.data {
                    fields.remove("status");
                }
                let text = serde_json::to_string(&object).expect("JSON").replace(first, &name);
                let object: DynamicObject = serde_json::from_str(&text).expect("an object");
                let objects = api(client, *kind, object.metadata.namespace.as_deref());
                let done = if kind.is_shared() {
                    let ours = PatchParams::apply("bare").force();
                    objects.patch(&object.name_any(), &ours, &Patch::Apply(&object)).await
                } else {
                    objects.create(&PostParams::default(), &object).await
                };
                done.expect("written");
            }
            let condition = json!({
                "type": "bulkhead.dev/BaselineReady", "status": "True", "reason": "BaselineStands",
                "message": format!("the baseline of tenant {name} stands"),
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            });
            let patch = Patch::Strategic(json!({ "status": { "conditions": [condition] } }));
            let namespace = format!("tenant-{name}");
            namespaces.patch_status(&namespace, &PatchParams::default(), &patch).await.expect("told");
        }
    };
    stream::iter(names).for_each_concurrent(AT_ONCE, write).await;
}

/// Two hundred objects deleted, one after another, as whoever may.
async fn repair(admin: &Client, bulkhead: &Client) {
    let names = named("repair", 20);
    tenants(admin, &names).await;
    until_ready(admin, "repair", names.len()).await;
    sleep(Duration::from_secs(5)).await;
    let mut took = Vec::new();
    for name in &names {
        let namespace = format!("tenant-{name}");
        let own: Vec<_> = written(admin, name).await;
        let own =
            own.into_iter().filter(|(kind, object)| object.metadata.namespace.is_some() && !kind.is_shared());
        for (kind, object) in own.take(10) {
            let start = Instant::now();
            let objects = api(bulkhead, kind, Some(&namespace));
            objects.delete(&object.name_any(), &DeleteParams::default()).await.expect("deleted");
            while objects.get_opt(&object.name_any()).await.expect("asked").is_none() {
                assert!(start.elapsed() < Duration::from_secs(15), "{} stays away", object.name_any());
                sleep(Duration::from_millis(5)).await;
            }
            took.push(start.elapsed());
        }
    }
    took.sort_unstable();
    let at = |part: usize| took[(took.len() - 1) * part / 100];
    println!(
        "repair of {} deleted objects: half within {:.0?}, 95 % within {:.0?} (aim: 2 s), all within {:.0?}",
        took.len(),
        at(50),
        at(95),
        at(100)
    );
}

/// Twelve thousand events that mean nothing, two hundred a second.
async fn rest(cluster: &Cluster, admin: &Client) {
    const EVENTS: usize = 12_000;
    let names = named("rest", 50);
    tenants(admin, &names).await;
    until_ready(admin, "rest", names.len()).await;
    sleep(Duration::from_secs(10)).await;
    let written = || cluster.audited("system:serviceaccount:bulkhead-system:").expect("an audit log").len();
    let before = written();
    let start = Instant::now();
    let namespaces = &Api::<Namespace>::all(admin.clone());
    let names = &names;
    let note = |event: usize| async move {
        let due = start + Duration::from_millis(event as u64 * 5);
        sleep(due.saturating_duration_since(Instant::now())).await;
        let patch = json!({ "metadata": { "annotations": { "example.com/event": event.to_string() } } });
        let name = format!("tenant-{}", names[event % names.len()]);
        namespaces.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await.expect("noted");
    };
    stream::iter(0..EVENTS).for_each_concurrent(AT_ONCE, note).await;
    let took = start.elapsed();
    sleep(Duration::from_secs(5)).await;
    println!(
        "{EVENTS} events that change nothing, in {took:.0?}: {} writes of ours (aim: 0)",
        written() - before
    );
}

/// Pods of every tenant are asked for again and again until they are there.
async fn pods(admin: &Client, names: &[String]) -> Vec<String> {
    let without = std::sync::Mutex::new(Vec::new());
    let namespaces = &Api::<Namespace>::all(admin.clone());
    let ask = |name: &String| {
        let namespace = format!("tenant-{name}");
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "web" },
            "spec": { "containers": [{ "name": "web", "image": "registry.example.com/web:1" }] },
        });
        let pods: Api<k8s_openapi::api::core::v1::Pod> = Api::namespaced(admin.clone(), &namespace);
        let without = &without;
        async move {
            let pod = serde_json::from_value(pod).expect("a pod");
            while pods.create(&PostParams::default(), &pod).await.is_err() {
                sleep(Duration::from_millis(100)).await;
            }
            let now = namespaces.get(&namespace).await.expect("a namespace");
            let conditions = now.status.iter().flat_map(|status| status.conditions.iter().flatten());
            let mut said = conditions.into_iter().filter(|known| known.type_ == "bulkhead.dev/BaselineReady");
            if !said.any(|known| known.status == "True") {
                without.lock().expect("no panic").push(namespace);
            }
        }
    };
    stream::iter(names).for_each_concurrent(names.len(), ask).await;
    without.into_inner().expect("no panic")
}

fn killed(runtime: &Runtime, it: &mut Installation, admin: &Client) {
    let names = named("killed", 200);
    let start = Instant::now();
    let asked = {
        let (admin, names) = (admin.clone(), names.clone());
        runtime.spawn(async move {
            tenants(&admin, &names).await;
            pods(&admin, &names).await
        })
    };
    std::thread::sleep(Duration::from_secs(3));
    it.replace_replica(0).expect("a replica");
    let without = runtime.block_on(asked).expect("no panic");
    runtime.block_on(until_ready(admin, "killed", names.len()));
    println!(
        "{} namespaces while a replica is killed: all ready and with a pod after {:.0?}; {} had a pod before its baseline (aim: 0)",
        names.len(),
        start.elapsed(),
        without.len()
    );
}

/// The baseline becomes another one while pods are created, with the old webhooks beside; and back.
fn upgrade(runtime: &Runtime, it: &mut Installation, admin: &Client) {
    let names = named("upgrade", 200);
    runtime.block_on(tenants(admin, &names));
    runtime.block_on(until_ready(admin, "upgrade", names.len()));
    let old =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/world/settings.yaml"))
            .expect("settings");
    let new = it.cluster.folder.join("new-settings.yaml");
    let text = old.replace("mesh:\n", "mesh:\n  outbound: ALLOW_ANY\n");
    std::fs::write(&new, text + "baseline:\n  pace: 50\n").expect("settings");
    let new = new.display().to_string();
    for (arguments, mode) in [(vec!["--settings", new.as_str()], "ALLOW_ANY"), (Vec::new(), "REGISTRY_ONLY")]
    {
        stop(it);
        let start = Instant::now();
        it.controller = if arguments.is_empty() {
            controller(&it.cluster, &it.binary).expect("a controller")
        } else {
            controller_with(&it.cluster, &it.binary, &arguments).expect("a controller")
        };
        let (refused, took) = runtime.block_on(pods_until(admin, &names, mode, start));
        println!(
            "upgrade of {} namespaces to {mode}: {took:.1?}; {refused} pods refused (aim: 0)",
            names.len()
        );
    }
}

/// Creates and deletes pods everywhere until every Sidecar says `mode`; how many were refused, and when it did.
async fn pods_until(admin: &Client, names: &[String], mode: &str, start: Instant) -> (usize, Duration) {
    let mut refused = 0;
    let mut number = 0;
    loop {
        let sidecars = api(admin, Kind::Sidecar, None).list(&ListParams::default()).await.expect("a list");
        let modes: BTreeMap<String, String> = sidecars
            .into_iter()
            .filter(|object| object.name_any() == "default")
            .map(|object| {
                let mode = object.data.pointer("/spec/outboundTrafficPolicy/mode").and_then(Value::as_str);
                (object.namespace().unwrap_or_default(), mode.unwrap_or_default().to_owned())
            })
            .collect();
        let is_done = |name: &String| modes.get(&format!("tenant-{name}")).is_some_and(|known| known == mode);
        if names.iter().all(is_done) {
            return (refused, start.elapsed());
        }
        assert!(start.elapsed() < Duration::from_mins(5), "{mode} does not come");
        let some: BTreeSet<&String> = names.iter().skip(number * 37 % names.len()).take(20).collect();
        for name in some {
            number += 1;
            let pods: Api<k8s_openapi::api::core::v1::Pod> =
                Api::namespaced(admin.clone(), &format!("tenant-{name}"));
            let pod = json!({
                "metadata": { "name": format!("web-{}-{number}", mode.to_lowercase().replace('_', "-")) },
                "spec": { "containers": [{ "name": "web", "image": "registry.example.com/web:1" }] },
            });
            let pod = serde_json::from_value(pod).expect("a pod");
            refused += usize::from(pods.create(&PostParams::default(), &pod).await.is_err());
        }
    }
}
