//! Cost of the match conditions for the API server: its processor time for an update of an object of 10 kB, of 250 kB,
//! and of the largest that it accepts, with each condition of each entry and with the condition `true`. No webhook is
//! called, because a last condition is false. Run: `cargo bench --bench conditions`

#![expect(clippy::expect_used, clippy::panic, reason = "a bench that cannot go on should stop")]
#![expect(clippy::indexing_slicing, reason = "an absent field of JSON is `null`")]
#![expect(clippy::print_stdout, reason = "figures are its output")]

use std::thread::sleep;
use std::time::{Duration, Instant};

use bulkhead::registration::{Places, Service, mutating, validating};
use bulkhead::settings::Settings;
use bulkhead_harness::cluster::Cluster;
use bulkhead_harness::program::prepare;
use kube::Client;
use serde_json::{Map, Value, json};
use support::api::{call, client, request};
use tokio::runtime::Runtime;

/// A little more than the API server accepts of any kind; objects that are refused are made smaller.
const LARGEST: usize = 1_500_000;
const SIZES: [usize; 3] = [10_000, 250_000, LARGEST];
/// Processor time of the API server that is measured with each condition, to average out its other work.
const MEASURED: Duration = Duration::from_millis(1_500);
const LIMIT: f64 = 2.0;

/// An object that a user can fill, and the update that is measured.
struct Filled {
    entry: &'static str,
    /// The part that is filled.
    part: &'static str,
    collection: &'static str,
    subresource: &'static str,
    object: fn(usize) -> Value,
    patch: fn(usize) -> Value,
}

fn main() {
    let runtime = Runtime::new().expect("a runtime");
    let cluster = Cluster::start().expect("a cluster");
    prepare(&cluster, env!("CARGO_BIN_EXE_bulkhead").as_ref()).expect("Bulkhead's kinds");
    let admin = cluster.admin().expect("an administrator");
    admin.ok(&["create", "namespace", "filled"]).expect("a namespace");
    let api = runtime.block_on(client(&admin));
    let bench = Bench { runtime, cluster, api };
    let mut worst: f64 = 0.0;
    // `-- WHAT` measures only this entry or this part, such as `conditions`.
    let asked: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let is_asked =
        |filled: &&Filled| asked.iter().all(|what| [filled.entry, filled.part].contains(&what.as_str()));
    let measured: Vec<&Filled> = FILLED.iter().filter(is_asked).collect();
    assert!(!measured.is_empty(), "no entry and no part is {asked:?}");
    for filled in measured {
        for size in SIZES {
            worst = worst.max(bench.measure(filled, size));
        }
    }
    println!("at most {worst:.2} times the cost of `true` (aim: {LIMIT})");
    assert!(worst <= LIMIT, "a condition costs too much");
}

struct Bench {
    runtime: Runtime,
    cluster: Cluster,
    api: Client,
}

impl Bench {
    /// Measures the conditions of an entry, on an object of about this size; returns the largest ratio.
    fn measure(&self, filled: &Filled, size: usize) -> f64 {
        let (path, size) = self.create(filled, size);
        let rules = entry(filled.entry)["rules"].clone();
        let conditions = entry(filled.entry)["matchConditions"].as_array().expect("conditions").clone();
        let plain = self.cost(filled, &path, &rules, &json!({ "name": "plain", "expression": "true" }));
        let mut worst: f64 = 0.0;
        for condition in &conditions {
            let cost = self.cost(filled, &path, &rules, condition);
            let ratio = cost.as_secs_f64() / plain.as_secs_f64();
            println!(
                "{} of {} kB in {}: {}: {cost:.1?}, {ratio:.2} times {plain:.1?}",
                filled.collection.rsplit('/').next().unwrap_or_default(),
                size / 1_000,
                filled.part,
                condition["name"].as_str().unwrap_or_default(),
            );
            worst = worst.max(ratio);
        }
        self.send("DELETE", &path, "json", &Value::Null).expect("deleted");
        worst
    }

    /// Creates the object; smaller if the API server refuses it. Returns its path and its size.
    fn create(&self, filled: &Filled, mut size: usize) -> (String, usize) {
        loop {
            let mut object = (filled.object)(size);
            // A name of its own: an object with finalizers stays.
            let name = format!("{}-{}-{size}", filled.entry, filled.part);
            object["metadata"]["name"] = name.as_str().into();
            let path = format!("{}/{name}", filled.collection);
            let created = self.send("POST", filled.collection, "json", &object);
            let created = created.and_then(|created| {
                if filled.subresource.is_empty() {
                    return Ok(created);
                }
                let status = json!({ "status": object["status"] });
                self.send("PATCH", &format!("{path}{}", filled.subresource), "merge-patch+json", &status)
            });
            match created {
                Ok(created) => return (path, created.to_string().len()),
                Err(_) if size > 100_000 => {
                    let _ = self.send("DELETE", &path, "json", &Value::Null);
                    size -= size / 6;
                }
                Err(error) => panic!("{path}: {error}"),
            }
        }
    }

    /// Returns the API server's processor time for one update with this condition.
    fn cost(&self, filled: &Filled, path: &str, rules: &Value, condition: &Value) -> Duration {
        let never = json!({ "name": "never", "expression": "false" });
        let webhook = json!({
            "name": "measured.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None",
            "failurePolicy": "Fail", "clientConfig": { "url": "https://127.0.0.1:1/" }, "rules": rules,
            "matchConditions": [condition, never],
        });
        let configuration = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": { "name": "measured" }, "webhooks": [webhook],
        });
        self.cluster.admin().and_then(|admin| admin.apply(&configuration.to_string())).expect("registered");
        // The API server reads the configuration from a watch.
        sleep(Duration::from_secs(2));
        let path = format!("{path}{}?dryRun=All", filled.subresource);
        let update = |step: usize| {
            let sent = self.send("PATCH", &path, "merge-patch+json", &(filled.patch)(step));
            sent.unwrap_or_else(|error| panic!("{condition}: {path}: {error}"));
        };
        (0..3).for_each(update);
        let time = || self.cluster.api_server_time().expect("the API server's time");
        let (start, begin, mut updates) = (time(), Instant::now(), 0);
        let spent = || time().saturating_sub(start);
        while spent() < MEASURED && begin.elapsed() < Duration::from_mins(1) {
            (0..5).for_each(|step| update(updates as usize + step));
            updates += 5;
        }
        spent() / updates
    }

    fn send(&self, method: &str, path: &str, media: &str, body: &Value) -> Result<Value, String> {
        let sent = call(&self.api, request(method, path, media, body));
        self.runtime.block_on(sent).map_err(|status| status.message)
    }
}

/// The entry of this name in one of the two configurations.
fn entry(name: &str) -> Value {
    let settings = Settings { mesh_wide: Some(bulkhead::settings::DenyAll::Disabled), ..Settings::default() };
    let service = Service {
        namespace: "n".to_owned(),
        name: "n".to_owned(),
        port: 443,
        ca_bundle: None,
        settings_config_map: "n".to_owned(),
    };
    let [validating, mutating] = [
        serde_json::to_value(validating(&service, Places::of_settings(&settings))).expect("JSON"),
        serde_json::to_value(mutating(&service)).expect("JSON"),
    ];
    let mut entries = [validating, mutating]
        .into_iter()
        .flat_map(|configuration| configuration["webhooks"].as_array().cloned().unwrap_or_default());
    let name = format!("{name}.bulkhead.dev");
    entries.find(|entry| entry["name"] == *name).expect("an entry")
}

fn keys(size: usize) -> Value {
    // With its quotes, an entry has 15 bytes, and as many again in `managedFields`.
    (0..size / 15).map(|index| (format!("k{index:08}"), "".into())).collect::<Map<_, _>>().into()
}

fn namespace(metadata: &Value) -> Value {
    let mut namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata });
    // The entries compare more in a tenant's namespace.
    namespace["metadata"]["labels"]["bulkhead.dev/tenant"] = "filled".into();
    namespace
}

fn note(step: usize) -> Value {
    json!({ "metadata": { "annotations": { "a": step.to_string() } } })
}

fn object(api_version: &str, kind: &str, more: Value) -> Value {
    let mut object = json!({ "apiVersion": api_version, "kind": kind, "metadata": {} });
    if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
        object.extend(more);
    }
    object
}

fn network_policy(size: usize) -> Value {
    let peers = (0..size / 45).map(|index: usize| {
        json!({ "ipBlock": { "cidr": format!("10.{}.{}.{}/32", index >> 16, index >> 8 & 255, index & 255) } })
    });
    let ingress = json!([{ "from": peers.collect::<Vec<_>>() }]);
    object(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        json!({ "spec": { "podSelector": {}, "ingress": ingress } }),
    )
}

fn secret(size: usize) -> Value {
    object("v1", "Secret", json!({ "stringData": keys(size) }))
}

const NAMESPACES: &str = "/api/v1/namespaces";

const fn labels(entry: &'static str) -> Filled {
    Filled {
        entry,
        part: "labels",
        collection: NAMESPACES,
        subresource: "",
        object: |size| namespace(&json!({ "labels": keys(size) })),
        patch: |step| json!({ "metadata": { "labels": { "k00000001": step.to_string() } } }),
    }
}

const fn network_policies(entry: &'static str) -> Filled {
    Filled {
        entry,
        part: "peers",
        collection: "/apis/networking.k8s.io/v1/namespaces/filled/networkpolicies",
        subresource: "",
        object: network_policy,
        patch: note,
    }
}

const fn secrets(entry: &'static str) -> Filled {
    Filled {
        entry,
        part: "data",
        collection: "/api/v1/namespaces/filled/secrets",
        subresource: "",
        object: secret,
        patch: note,
    }
}

static FILLED: &[Filled] = &[
    Filled {
        entry: "namespaces",
        part: "annotations",
        collection: NAMESPACES,
        subresource: "",
        object: |size| namespace(&json!({ "annotations": keys(size) })),
        patch: note,
    },
    labels("namespaces"),
    Filled {
        entry: "namespaces",
        part: "finalizers",
        collection: NAMESPACES,
        subresource: "",
        object: |size| {
            let finalizers: Vec<_> = (0..size / 25).map(|index| format!("example.com/{index:08}")).collect();
            namespace(&json!({ "finalizers": finalizers }))
        },
        patch: note,
    },
    Filled {
        entry: "namespaces",
        part: "conditions",
        collection: NAMESPACES,
        subresource: "/status",
        object: |size| {
            let condition = |index| json!({ "type": format!("t{index:08}"), "status": "True" });
            let mut namespace = namespace(&json!({}));
            namespace["status"] = json!({ "conditions": (0..size / 50).map(condition).collect::<Vec<_>>() });
            namespace
        },
        patch: |step| json!({ "metadata": { "annotations": { "a": step.to_string() } }, "status": { "phase": "Active" } }),
    },
    labels("labels"),
    Filled {
        entry: "workload-changes",
        part: "annotations",
        collection: "/apis/apps/v1/namespaces/filled/deployments",
        subresource: "",
        object: |size| {
            let metadata = json!({ "labels": { "app": "a" }, "annotations": keys(size) });
            let spec = json!({ "containers": [{ "name": "a", "image": "registry.example.com/a:1" }] });
            let template = json!({ "metadata": metadata, "spec": spec });
            let spec =
                json!({ "replicas": 0, "selector": { "matchLabels": { "app": "a" } }, "template": template });
            object("apps/v1", "Deployment", json!({ "spec": spec }))
        },
        patch: note,
    },
    Filled {
        entry: "workload-changes",
        part: "arguments",
        collection: "/api/v1/namespaces/filled/pods",
        subresource: "",
        object: |size| {
            let arguments: Vec<_> = (0..size / 11).map(|index| format!("{index:08}")).collect();
            let container = json!({ "name": "a", "image": "registry.example.com/a:1", "args": arguments });
            let spec = json!({ "automountServiceAccountToken": false, "containers": [container] });
            object("v1", "Pod", json!({ "spec": spec }))
        },
        patch: note,
    },
    network_policies("policies"),
    network_policies("shared"),
    secrets("shared"),
    secrets("credentials"),
    secrets("identities"),
    Filled {
        entry: "unowned",
        part: "rules",
        collection: "/apis/networking.k8s.io/v1/namespaces/filled/ingresses",
        subresource: "",
        object: |size| {
            let rule = |index| json!({ "host": format!("host-{index:08}.example.com") });
            let rules: Vec<_> = (0..size / 40).map(rule).collect();
            object("networking.k8s.io/v1", "Ingress", json!({ "spec": { "rules": rules } }))
        },
        patch: note,
    },
    Filled {
        entry: "services",
        part: "annotations",
        collection: "/api/v1/namespaces/filled/services",
        subresource: "",
        object: |size| {
            let spec = json!({ "clusterIP": "None", "selector": { "app": "a" } });
            object("v1", "Service", json!({ "metadata": { "annotations": keys(size) }, "spec": spec }))
        },
        patch: note,
    },
    Filled {
        entry: "services",
        part: "addresses",
        collection: "/api/v1/namespaces/filled/endpoints",
        subresource: "",
        object: |size| {
            let ip = |index: usize| format!("10.{}.{}.{}", index >> 16, index >> 8 & 255, index & 255);
            let addresses: Vec<_> = (0..size / 20).map(|index| json!({ "ip": ip(index) })).collect();
            let subset = json!({ "addresses": addresses, "ports": [{ "port": 80 }] });
            object("v1", "Endpoints", json!({ "subsets": [subset] }))
        },
        patch: note,
    },
    Filled {
        entry: "cluster",
        part: "finalizers",
        collection: "/apis/bulkhead.dev/v1alpha1/tenants",
        subresource: "",
        object: |size| {
            let finalizers: Vec<_> = (0..size / 25).map(|index| format!("example.com/{index:08}")).collect();
            let mut tenant = object("bulkhead.dev/v1alpha1", "Tenant", json!({ "spec": { "owners": [] } }));
            tenant["metadata"]["finalizers"] = json!(finalizers);
            tenant
        },
        patch: note,
    },
];
