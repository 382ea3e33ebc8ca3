//! Cost of many tenants and many pods, on a real API server: memory of the webhook with 4,000 tenants of three
//! namespaces, and memory and speed of an audit of 1,000 and of 10,000 pods. Run: `cargo bench --bench scale`

#![expect(clippy::expect_used, reason = "a bench that cannot go on should stop")]
#![expect(clippy::print_stdout, reason = "figures are its output")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use bulkhead::keys::TENANT_LABEL;
use bulkhead_harness::cluster::{Cluster, folder};
use bulkhead_harness::istio::Istio;
use bulkhead_harness::process::peak_mib;
use bulkhead_harness::program::{NAMESPACE, SERVER_NAME, Server, prepare};
use futures::{StreamExt, TryStreamExt, stream};
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

const TENANTS: usize = 4_000;
const NAMESPACES: usize = 3;
const PODS: [usize; 2] = [1_000, 10_000];
const AT_ONCE: usize = 64;

fn main() {
    let binary: &Path = env!("CARGO_BIN_EXE_bulkhead").as_ref();
    let runtime = Runtime::new().expect("a runtime");
    let cluster = Cluster::start().expect("a cluster");
    let _istio = Istio::start(&cluster).expect("Istio");
    prepare(&cluster, binary).expect("Bulkhead's kinds");
    let client = runtime.block_on(connect(&cluster));

    // `-- webhook` or `-- audit` runs only that part.
    let runs =
        |part: &str| std::env::args().skip(1).all(|argument| argument.starts_with("--") || argument == part);
    if runs("audit") {
        audits(&runtime, &client, &cluster, binary);
    }
    if runs("webhook") {
        webhook(&runtime, &client, &cluster, binary);
    }
}

fn audits(runtime: &Runtime, client: &Client, cluster: &Cluster, binary: &Path) {
    // One tenant, and pods in one namespace that istiod does not inject.
    runtime.block_on(create(client, [tenant("audited")]));
    runtime.block_on(create(client, [namespace("tenant-audited", "audited")]));
    sleep(Duration::from_secs(2));
    let mut made = 0;
    let mut peaks = Vec::new();
    for pods in PODS {
        runtime.block_on(create(client, (made..pods).map(pod)));
        made = pods;
        let start = Instant::now();
        let (peak, said) = audit(cluster, binary);
        let took = start.elapsed();
        println!("audit of {pods} pods of 14 kB: {peak:.1} MiB at most, {took:.1?} in all");
        println!("  {}", said.trim());
        peaks.push(peak);
    }
    if let [small, large] = peaks.as_slice() {
        println!("  growth of memory: {:+.0} % (aim: at most 20)", (large / small - 1.0) * 100.0);
    }
}

fn webhook(runtime: &Runtime, client: &Client, cluster: &Cluster, binary: &Path) {
    let names = || (0..TENANTS).map(|number| format!("t-{number:04}"));
    runtime.block_on(create(client, names().map(|name| tenant(&name))));
    let namespaces =
        |name: String| (0..NAMESPACES).map(move |place| namespace(&format!("tenant-{name}-{place}"), &name));
    runtime.block_on(create(client, names().flat_map(namespaces)));
    let folder = folder("scale").expect("a folder");
    let account = cluster.service_account(NAMESPACE, "bulkhead").expect("its account");
    let arguments = ["--parts=webhook", "--development-certificate", SERVER_NAME];
    let mut server =
        Server::start(binary, "scale", &folder, &arguments, Some(&account.kubeconfig)).expect("a server");
    server.wait_until_ready().expect("a ready server");
    println!("webhook with {TENANTS} tenants of {NAMESPACES} namespaces:");
    let before = server.process.resident_mib().expect("its memory");
    println!("  resident when ready {before:.1} MiB");
    // Each namespace makes a new snapshot.
    for number in 0..200 {
        runtime.block_on(create(client, [namespace(&format!("tenant-t-0000-more-{number}"), "t-0000")]));
        sleep(Duration::from_millis(50));
    }
    let after = server.process.resident_mib().expect("its memory");
    println!("  after 200 changes {after:.1} MiB (aim: at most 64)");
}

async fn connect(cluster: &Cluster) -> Client {
    let kubeconfig = cluster.admin().expect("the administrator").kubeconfig;
    let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("a kubeconfig");
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    Client::try_from(config.expect("a configuration")).expect("a client")
}

async fn create(client: &Client, objects: impl IntoIterator<Item = Value>) {
    let create = |object: Value| {
        let client = client.clone();
        async move {
            let object: DynamicObject = serde_json::from_value(object).expect("an object");
            let types = object.types.clone().expect("its kind");
            let (group, version) = types.api_version.split_once('/').unwrap_or(("", &types.api_version));
            let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &types.kind));
            let api = match &object.metadata.namespace {
                Some(namespace) => Api::<DynamicObject>::namespaced_with(client, namespace, &resource),
                None => Api::all_with(client, &resource),
            };
            api.create(&PostParams::default(), &object).await.map(drop)
        }
    };
    let objects = stream::iter(objects).map(create).buffer_unordered(AT_ONCE);
    objects.try_collect::<()>().await.expect("what was created");
}

fn tenant(name: &str) -> Value {
    json!({
        "apiVersion": "bulkhead.dev/v1alpha1", "kind": "Tenant", "metadata": { "name": name },
        "spec": { "owners": [{ "kind": "Group", "name": format!("{name}-developers") }] },
    })
}

fn namespace(name: &str, tenant: &str) -> Value {
    let labels = json!({ TENANT_LABEL: tenant, "tenant": tenant });
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name, "labels": labels } })
}

/// Returns the examples' pod, as the real injector made it.
fn pod(number: usize) -> Value {
    let text = include_str!("../examples/injected/shop.json");
    let mut pod: Value = serde_json::from_str(text).expect("JSON");
    if let Some(metadata) = pod.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("name".to_owned(), json!(format!("shop-{number:05}")));
        metadata.insert("namespace".to_owned(), json!("tenant-audited"));
    }
    pod
}

/// Runs an audit. Returns its peak memory in MiB, and its summary.
fn audit(cluster: &Cluster, binary: &Path) -> (f64, String) {
    let settings = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/snapshot/settings.yaml");
    let mut audit = Command::new(binary)
        .args(["audit", "--tenant=audited", "--settings", settings])
        .env("KUBECONFIG", cluster.admin().expect("the administrator").kubeconfig)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("an audit");
    let mut peak = 0.0_f64;
    while audit.try_wait().expect("its end").is_none() {
        peak = peak_mib(audit.id()).unwrap_or_default().max(peak);
        sleep(Duration::from_millis(5));
    }
    let output = audit.wait_with_output().expect("what it said");
    (peak, String::from_utf8_lossy(&output.stderr).into_owned())
}
