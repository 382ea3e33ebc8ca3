//! Owners who work in a namespace that they have just created. The controller gives them their permissions there a moment
//! later: the page for tenants says how each client waits. `BULKHEAD_NAMESPACE_RUNS=50` makes as many runs of each client.

use std::env::temp_dir;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bulkhead_harness::helm::Helm;
use bulkhead_harness::kubectl::{Kubectl, Said};
use kube::Client;
use serde_json::{Value, json};
use support::api::{call, client, request};
use support::chart::chart;
use support::cluster::{new_owner, shared};
use support::documents::example;
use support::objects::{self, labelled_namespace};
use support::shell::Shell;

/// The namespace in the examples of the page.
const DOCUMENTED: &str = "tenant-acme-shop";

struct Owner {
    tenant: String,
    kubectl: Kubectl,
    shell: Shell,
    chart: PathBuf,
    runtime: tokio::runtime::Runtime,
    client: Client,
}

/// A client that creates a namespace and objects in it; an error is what it was refused.
struct Tool {
    name: &'static str,
    at_once: fn(&Owner, &str) -> Result<(), String>,
    as_documented: fn(&Owner, &str) -> Result<(), String>,
}

const TOOLS: &[Tool] = &[
    Tool {
        name: "kubectl create, then apply",
        at_once: |owner, namespace| {
            result(owner.kubectl.run(&["create", "namespace", namespace]).unwrap())?;
            owner.apply(&application(namespace))
        },
        as_documented: |owner, namespace| {
            owner.create_and_wait(namespace)?;
            owner.apply(&application(namespace))
        },
    },
    Tool {
        name: "kubectl apply of all",
        at_once: |owner, namespace| owner.apply(&with_namespace(namespace)),
        as_documented: |owner, namespace| {
            owner.create_and_wait(namespace)?;
            owner.apply(&with_namespace(namespace))
        },
    },
    Tool {
        name: "kubectl apply of all, again",
        at_once: |owner, namespace| owner.apply(&with_namespace(namespace)),
        as_documented: |owner, namespace| {
            again(5, Duration::from_secs(1), || owner.apply(&with_namespace(namespace)))
        },
    },
    Tool {
        name: "helm install",
        at_once: |owner, namespace| owner.helm(&["install", "web", "--create-namespace", "-n", namespace]),
        as_documented: |owner, namespace| {
            owner.create_and_wait(namespace)?;
            owner.helm(&["install", "web", "-n", namespace])
        },
    },
    Tool {
        name: "Argo CD",
        at_once: synchronize,
        as_documented: |owner, namespace| {
            let policy = &documented("Argo CD Application")["spec"]["syncPolicy"]["retry"];
            let pause = seconds(policy["backoff"]["duration"].as_str().unwrap());
            again(policy["limit"].as_u64().unwrap(), pause, || synchronize(owner, namespace))
        },
    },
    Tool {
        name: "Terraform",
        at_once: |owner, namespace| create_all(owner, namespace, Duration::ZERO),
        as_documented: |owner, namespace| {
            let example = example("docs/for-tenants.md", "Terraform");
            let (_, pause) = example.split_once("create_duration = \"").unwrap();
            create_all(owner, namespace, seconds(pause.split_once('"').unwrap().0))
        },
    },
];

#[test]
fn owner_who_waits_as_documented_is_refused_nothing_in_a_new_namespace() {
    let runs = runs();
    note(&format!("{:<28} {:>8} {:>14}", "refused of each", "at once", "as documented"));
    let mut refusals = Vec::new();
    for (number, tool) in TOOLS.iter().enumerate() {
        let owner = Owner::new(&format!("nn-{number}"));
        let refused = |kind: &str, work: fn(&Owner, &str) -> Result<(), String>| -> Vec<String> {
            (0..runs).filter_map(|run| owner.work_in(&format!("{kind}-{run}"), work).err()).collect()
        };
        let at_once = refused("once", tool.at_once);
        for refusal in &at_once {
            assert!(refusal.contains("orbidden"), "{}: {refusal}", tool.name);
        }
        let as_documented = refused("waits", tool.as_documented);
        note(&format!("{:<28} {:>8} {:>14}", tool.name, at_once.len(), as_documented.len()));
        refusals.extend(as_documented.into_iter().map(|refusal| format!("{}: {refusal}", tool.name)));
    }
    assert!(refusals.is_empty(), "{}", refusals.join("\n"));
}

#[test]
fn owner_gets_the_permissions_within_seconds() {
    let owner = Owner::new("nn-time");
    let mut times: Vec<Duration> = (0..runs()).map(|run| owner.time_until_permitted(run)).collect();
    times.sort();
    let (median, longest) = (times[times.len() / 2], times[times.len() - 1]);
    note(&format!(
        "permissions in a new namespace after {median:?} (median), {longest:?} at most, of {}",
        times.len()
    ));
    assert!(longest < Duration::from_secs(5), "{times:?}");
}

/// Tries once, and again after a pause for up to so many times until it succeeds.
fn again(times: u64, pause: Duration, work: impl Fn() -> Result<(), String>) -> Result<(), String> {
    (0..times).fold(work(), |worked, _| {
        worked.or_else(|_| {
            std::thread::sleep(pause);
            work()
        })
    })
}

fn note(text: &str) {
    drop(writeln!(std::io::stderr(), "{text}"));
}

fn runs() -> usize {
    std::env::var("BULKHEAD_NAMESPACE_RUNS").map_or(3, |runs| runs.parse().unwrap())
}

impl Owner {
    fn new(tenant: &str) -> Self {
        let it = shared();
        let kubectl = new_owner(&it, tenant);
        let unlimited = json!({ "spec": { "namespaces": { "limit": 1000 } } });
        let arguments = ["patch", "tenant", tenant, "--type=merge", "-p", &unlimited.to_string()];
        it.cluster.admin().unwrap().ok(&arguments).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let client = runtime.block_on(client(&kubectl));
        let shell = Shell::of(&kubectl);
        let tenant = tenant.to_owned();
        Self { tenant, kubectl, shell, chart: chart(&objects_of("")), runtime, client }
    }

    /// Works in a new namespace, and deletes it.
    fn work_in(&self, name: &str, work: fn(&Self, &str) -> Result<(), String>) -> Result<(), String> {
        let namespace = format!("tenant-{}-{name}", self.tenant);
        let worked = work(self, &namespace);
        let delete = ["delete", "namespace", &namespace, "--ignore-not-found", "--wait=false"];
        shared().cluster.admin().unwrap().ok(&delete).unwrap();
        worked
    }

    fn apply(&self, objects: &Value) -> Result<(), String> {
        result(self.kubectl.feed(&["apply", "-f", "-"], &objects.to_string()).unwrap())
    }

    fn helm(&self, arguments: &[&str]) -> Result<(), String> {
        let chart = self.chart.display().to_string();
        let helm = Helm::new(self.kubectl.clone());
        result(helm.run(&[&arguments[..2], &[&chart], &arguments[2..]].concat()).unwrap())
    }

    /// Runs the documented commands.
    fn create_and_wait(&self, namespace: &str) -> Result<(), String> {
        let commands =
            example("docs/for-tenants.md", "Create a namespace and wait").replace(DOCUMENTED, namespace);
        self.shell.run(&temp_dir(), &commands)
    }

    fn post(&self, path: &str, object: &Value) -> Result<(), String> {
        let answer = self.runtime.block_on(call(&self.client, request("POST", path, "json", object)));
        answer.map(drop).map_err(|status| status.message)
    }

    /// The object; `None` if it does not exist.
    fn get(&self, path: &str) -> Result<Option<Value>, String> {
        match self.runtime.block_on(call(&self.client, request("GET", path, "json", &Value::Null))) {
            Ok(object) => Ok(Some(object)),
            Err(status) if status.code == 404 => Ok(None),
            Err(status) => Err(status.message),
        }
    }

    fn time_until_permitted(&self, run: usize) -> Duration {
        let namespace = format!("tenant-{}-{run}", self.tenant);
        self.post("/api/v1/namespaces", &labelled_namespace(&namespace, &json!({}))).unwrap();
        let start = Instant::now();
        while self.get(&format!("/api/v1/namespaces/{namespace}/configmaps/none")).is_err() {
            assert!(start.elapsed() < Duration::from_secs(30));
        }
        let time = start.elapsed();
        shared().cluster.admin().unwrap().ok(&["delete", "namespace", &namespace, "--wait=false"]).unwrap();
        time
    }
}

/// The requests of Argo CD's controller in one synchronization: it reads each object and creates what does not exist.
fn synchronize(owner: &Owner, namespace: &str) -> Result<(), String> {
    let objects = [labelled_namespace(namespace, &json!({}))].into_iter().chain(objects_of(namespace));
    for object in objects {
        let path = path_of(&object);
        if owner.get(&format!("{path}/{}", object["metadata"]["name"].as_str().unwrap()))?.is_none() {
            owner.post(&path, &object)?;
        }
    }
    Ok(())
}

/// The requests of Terraform's provider: it creates and reads the namespace, and then creates and reads the rest.
fn create_all(owner: &Owner, namespace: &str, pause: Duration) -> Result<(), String> {
    owner.post("/api/v1/namespaces", &labelled_namespace(namespace, &json!({})))?;
    owner.get(&format!("/api/v1/namespaces/{namespace}"))?;
    std::thread::sleep(pause);
    for object in objects_of(namespace) {
        let path = path_of(&object);
        owner.post(&path, &object)?;
        owner.get(&format!("{path}/{}", object["metadata"]["name"].as_str().unwrap()))?;
    }
    Ok(())
}

/// The path of the object's collection.
fn path_of(object: &Value) -> String {
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
    match object["kind"].as_str().unwrap() {
        "Namespace" => "/api/v1/namespaces".to_owned(),
        "ConfigMap" => format!("/api/v1/namespaces/{namespace}/configmaps"),
        "Service" => format!("/api/v1/namespaces/{namespace}/services"),
        "Deployment" => format!("/apis/apps/v1/namespaces/{namespace}/deployments"),
        kind => panic!("no path of {kind}"),
    }
}

fn objects_of(namespace: &str) -> [Value; 3] {
    let service = json!({ "selector": { "app": "web" }, "ports": [{ "port": 80, "targetPort": 8080 }] });
    [
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "web", "namespace": namespace } }),
        objects::object("v1", "Service", namespace, "web", &service),
        objects::deployment(namespace, "web"),
    ]
}

fn application(namespace: &str) -> Value {
    objects::list(objects_of(namespace))
}

fn with_namespace(namespace: &str) -> Value {
    objects::list([labelled_namespace(namespace, &json!({}))].into_iter().chain(objects_of(namespace)))
}

fn result(said: Said) -> Result<(), String> {
    if said.success { Ok(()) } else { Err(said.stderr) }
}

/// An example of the page, in YAML.
fn documented(title: &str) -> Value {
    serde_saphyr::from_str(&example("docs/for-tenants.md", title)).unwrap()
}

/// A duration of whole seconds, such as `5s`.
fn seconds(text: &str) -> Duration {
    Duration::from_secs(text.strip_suffix('s').unwrap().parse().unwrap())
}
