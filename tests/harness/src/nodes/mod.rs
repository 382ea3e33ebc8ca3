//! Runs the pods of a namespace as processes of this machine, as kubelet and kube-proxy do on nodes.
//!
//! A process gets from its pod the arguments, the environment, the files of ConfigMaps and Secrets, the account and the
//! probe. Four things differ from a container, all in [`pod`]: the image is the binary under test; an address with a port
//! of the container becomes a free port of loopback; the path of a mounted file becomes a path in a temporary folder; and
//! the account's token is in the file that `KUBECONFIG` names. [`services`] leads the API server's calls to the pods that
//! an EndpointSlice lists as ready.

mod mount;
mod pod;
mod services;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::cluster::{Cluster, SERVICES_SOCKET};
use crate::kubectl::Kubectl;
use pod::Pod;
use services::Routes;

/// Interval of looks at the pods.
const INTERVAL: Duration = Duration::from_millis(300);
/// The node of all pods.
const NODE: &str = "node-1";

/// A cluster, and a thread that runs the pods of one namespace until it is dropped.
pub struct Nodes {
    pub cluster: Arc<Cluster>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Nodes {
    /// Starts a control plane, and runs the pods of `namespace` with `binary`.
    pub fn start(binary: &Path, namespace: &str) -> Result<Self> {
        let cluster = Arc::new(Cluster::start_for_nodes()?);
        let admin = cluster.admin()?;
        let node = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": NODE } });
        admin.apply(&node.to_string())?;
        let routes = Arc::new(Mutex::new(Routes::default()));
        services::proxy(&cluster.folder.join(SERVICES_SOCKET), Arc::clone(&routes))?;
        let stop = Arc::new(AtomicBool::new(false));
        let mut kubelet = Kubelet {
            admin,
            cluster: Arc::clone(&cluster),
            namespace: namespace.to_owned(),
            binary: binary.to_owned(),
            pods: BTreeMap::new(),
            routes,
            started: 0,
        };
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                if let Err(error) = kubelet.look() {
                    eprintln!("nodes: {error:#}");
                }
                thread::sleep(INTERVAL);
            }
        });
        Ok(Self { cluster, stop, thread: Some(thread) })
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The state of the thread that runs the pods.
struct Kubelet {
    admin: Kubectl,
    cluster: Arc<Cluster>,
    namespace: String,
    binary: PathBuf,
    pods: BTreeMap<String, Pod>,
    routes: Arc<Mutex<Routes>>,
    /// The number of pods that were started, which gives each its address.
    started: u8,
}

impl Kubelet {
    /// Looks once at the pods, and does what is due.
    fn look(&mut self) -> Result<()> {
        let kinds = "pods,services,endpointslices";
        let shown = self.admin.ok(&["get", kinds, "-n", &self.namespace, "-o", "json"])?;
        let shown: Value = serde_json::from_str(&shown).context("a list")?;
        let items = shown["items"].as_array().context("items")?;
        let of_kind = |kind: &'static str| items.iter().filter(move |item| item["kind"] == kind);
        let mut live = BTreeMap::new();
        for object in of_kind("Pod") {
            let name = object["metadata"]["name"].as_str().context("a name")?;
            let is_deleted = !object["metadata"]["deletionTimestamp"].is_null();
            live.insert(name, is_deleted);
            if !self.pods.contains_key(name) && !is_deleted {
                match self.run(object) {
                    Ok(pod) => drop(self.pods.insert(name.to_owned(), pod)),
                    // As a kubelet waits for a missing ConfigMap or Secret.
                    Err(error) => eprintln!("nodes: {name} waits: {error:#}"),
                }
            }
        }
        let mut ended = Vec::new();
        for (name, pod) in &mut self.pods {
            let is_deleted = live.get(name.as_str());
            if is_deleted == Some(&false) {
                pod.tend(&self.admin)?;
            } else if pod.end(&self.admin, is_deleted.is_some())? {
                ended.push(name.clone());
            }
        }
        self.pods.retain(|name, _| !ended.contains(name));
        let routes = Routes::new(of_kind("Service"), of_kind("EndpointSlice"), &self.pods);
        *self.routes.lock().unwrap_or_else(PoisonError::into_inner) = routes;
        Ok(())
    }

    /// Binds a pod to the node, and starts its process.
    fn run(&mut self, object: &Value) -> Result<Pod> {
        let (namespace, name) = (&self.namespace, object["metadata"]["name"].as_str().context("a name")?);
        let account = object["spec"]["serviceAccountName"].as_str().context("an account")?;
        let account = self.cluster.service_account(namespace, account)?;
        let address = format!("192.0.2.{}", self.started + 1);
        let folder = self.cluster.folder.join(name);
        let pod = Pod::start(object, address, &self.admin, &account.kubeconfig, &self.binary, &folder)?;
        self.started += 1;
        if object["spec"]["nodeName"].is_null() {
            let binding = json!({
                "apiVersion": "v1", "kind": "Binding", "metadata": { "name": name },
                "target": { "apiVersion": "v1", "kind": "Node", "name": NODE },
            });
            let path = format!("/api/v1/namespaces/{namespace}/pods/{name}/binding");
            let said = self.admin.feed(&["create", "--raw", &path, "-f", "-"], &binding.to_string())?;
            ensure!(said.success, "binding {name}: {}", said.stderr);
        }
        Ok(pod)
    }
}

/// The items of a list; none if it is absent.
fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> Result<String> {
    value.as_str().map(ToOwned::to_owned).context("an expected field is not a text")
}
