//! Runs pods without a kubelet. In the network namespace of each pod the real agent and the real Envoy run in front of a
//! workload, or alone as a gateway. This file starts istiod's pod and the others, `proxy` starts the containers that
//! were injected into a pod, `init` the pod's own init containers, `pod` calls from a pod. `ambient` starts the double of
//! ztunnel and waypoints, `workload_api` reads what istiod pushes to a ztunnel. [`missing`] names the tools that this
//! needs.

mod ambient;
mod init;
mod pod;
mod proxy;
mod workload_api;

use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, thread};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::{Value, json};

use crate::cluster::{Cluster, folder};
use crate::istio::Istio;
use crate::kubectl::Kubectl;
use crate::network::{Namespace, PodNetwork, PolicyEngine};
use crate::pki::Pair;
use crate::process::Process;
use crate::{components, guard, kubelet, pipe};

pub use pod::{Answer, Pod};
pub use workload_api::Pushed;

const DISCOVERY: &str = "istiod.istio-system.svc";
/// The address of the pods' node. Nothing listens there.
const NODE: &str = "10.244.0.1";
/// The proxy's user and group.
const PROXY: &str = "1337";
/// The port on which proxies of an ambient mesh accept tunnels.
const TUNNEL_PORT: u16 = 15008;
/// The files of a pod with its token for istiod, and with the mesh's root certificate.
const TOKEN: &str = "var/run/secrets/tokens/istio-token";
const ROOT: &str = "var/run/secrets/istio/root-cert.pem";
/// The socket that leads to istiod from every network namespace.
const ISTIOD_SOCKET: &str = "istiod.sock";

pub use crate::tools::missing_for_packets as missing;

/// The running pods of one cluster.
pub struct Dataplane<'c> {
    cluster: &'c Cluster,
    /// kubectl as the node of the pods.
    node: Kubectl,
    folder: PathBuf,
    pub network: PodNetwork,
    /// The address of istiod's pod.
    istiod: IpAddr,
    /// The port of loopback on which istiod listens.
    discovery: u16,
    template: PathBuf,
    engine: PolicyEngine,
    _forward: Process,
}

impl<'c> Dataplane<'c> {
    pub fn start(cluster: &'c Cluster, istio: &Istio) -> Result<Self> {
        if let Some(missing) = missing() {
            bail!("a dataplane needs: {missing}");
        }
        let folder = folder("dataplane")?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))?;
        let (agent, envoy) = thread::scope(|scope| {
            let envoy = scope.spawn(components::envoy);
            (components::agent(), envoy.join())
        });
        let envoy = envoy.map_err(|_| anyhow!("the download of Envoy panicked"))??;
        for (name, from) in [("agent", agent?), ("envoy", envoy)] {
            fs::copy(from, folder.join(name))?;
            fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755))?;
        }
        let admin = cluster.admin()?;
        plain(&admin)?;
        let network = PodNetwork::start()?;
        let (pod, addresses) = network.pod()?;
        admin.apply(&istiod_pod().to_string())?;
        kubelet::report_running(&admin, "istio-system", "istiod", &addresses)?;
        let socket = folder.join(ISTIOD_SOCKET);
        pipe::forward(UnixListener::bind(&socket)?, istio.discovery);
        let istiod = *addresses.first().context("an address")?;
        let forward = Process::start(
            "forward",
            &folder,
            pod.command(&folder.join("agent")).arg("forward").arg(format!("{istiod}:15012")).arg(&socket),
        )?;
        let engine = PolicyEngine::start(&network, cluster)?;
        let template = folder.join("envoy_bootstrap.json");
        fs::write(&template, bootstrap()?)?;
        fs::set_permissions(&template, fs::Permissions::from_mode(0o644))?;
        let node = cluster.powerful("system:node:one", "system:nodes")?;
        let discovery = istio.discovery;
        Ok(Self { cluster, node, folder, network, istiod, discovery, template, engine, _forward: forward })
    }

    /// Runs the pod `name` as its object in the API describes it: with the proxy that was injected and with a workload
    /// on each port of its containers. The workload speaks HTTP if the port's name begins with `http`, TCP otherwise.
    pub fn run(&self, namespace: &str, name: &str) -> Result<Pod> {
        let (network, addresses) = self.network.pod()?;
        let address = *addresses.first().context("an address")?;
        let shown = kubelet::report_running(&self.cluster.admin()?, namespace, name, &addresses)?;
        self.write_hosts(&network)?;
        let home = self.folder.join(&network.name);
        for folder in FOLDERS {
            fs::create_dir_all(home.join(folder))?;
        }
        let mut pod = Pod {
            network,
            agent: self.folder.join("agent"),
            certificate: home.join("certificate"),
            address,
            ipv6: addresses.get(1).copied(),
            user: user(&shown),
            processes: Vec::new(),
        };
        let serves = serves(&shown);
        if !serves.is_empty() {
            let mut serve = pod.network.command(&pod.agent);
            serve.arg("serve").arg(format!("{name}.{namespace}")).args(serves);
            let mut workload = Process::start("workload", &home, &mut serve)?;
            workload.wait_for(Duration::from_secs(60), |workload| {
                workload.stdout().contains("listening").then_some(())
            })?;
            pod.processes.push(workload);
        }
        if ambient::is_captured(&shown) {
            pod.processes.push(self.double(&home, &pod, &shown)?);
        }
        if let Some(proxy) = self.proxy(&home, &pod, &shown)? {
            pod.processes.push(proxy);
            pod.wait_until_ready()?;
        }
        init::run_all(&pod, &shown)?;
        Ok(pod)
    }

    /// Writes a certificate to a folder from which pods can present it; returns the folder.
    pub fn keep(&self, name: &str, pair: &Pair) -> Result<PathBuf> {
        let folder = self.folder.join(name);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("cert-chain.pem"), &pair.certificate)?;
        fs::write(folder.join("key.pem"), &pair.key)?;
        Ok(folder)
    }

    /// From now on network policies are enforced, or not anymore.
    pub fn enforce_network_policies(&self, on: bool) -> Result<()> {
        self.engine.enforce(on)
    }

    /// Tells the pod's programs istiod's address.
    fn write_hosts(&self, pod: &Namespace) -> Result<()> {
        let files = Path::new("/etc/netns").join(&pod.name);
        fs::create_dir_all(&files)?;
        guard::remove_with_us(&files);
        fs::write(files.join("hosts"), format!("127.0.0.1 localhost\n{} {DISCOVERY}\n", self.istiod))?;
        Ok(())
    }
}

/// The folders of a pod's files, in its home.
const FOLDERS: [&str; 6] = [
    "",
    "var/run/secrets/tokens",
    "var/run/secrets/istio",
    "etc/istio/proxy",
    "etc/istio/pod",
    "certificate",
];

/// The template of Envoy's first configuration, without the extension that a waypoint has from Istio's own build.
fn bootstrap() -> Result<String> {
    let template = fs::read_to_string(components::istio_file(components::PROXY_TEMPLATE)?)?;
    let condition = "{{- if .metadata_discovery }}";
    ensure!(template.contains(condition), "Istio's template has no {condition}");
    Ok(template.replace(condition, "{{- if false }}"))
}

/// The pod whose port 15012 leads to istiod, which runs outside the pods' network.
fn istiod_pod() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": "istiod", "namespace": "istio-system", "labels": { "app": "istiod" } },
        "spec": { "containers": [{ "name": "discovery", "image": "registry.example.com/istiod:1" }] },
    })
}

/// The containers of a pod's workload.
fn own(shown: &Value) -> impl Iterator<Item = &Value> {
    let containers = shown["spec"]["containers"].as_array().into_iter().flatten();
    containers.filter(|container| container["name"] != "istio-proxy")
}

/// The user of a pod's workload; root by default.
fn user(shown: &Value) -> String {
    let mut users = own(shown).filter_map(|container| container["securityContext"]["runAsUser"].as_u64());
    users.next().unwrap_or_default().to_string()
}

/// The arguments of a pod's workload: the ports that it serves.
fn serves(shown: &Value) -> Vec<String> {
    let ports = own(shown).flat_map(|container| container["ports"].as_array().into_iter().flatten());
    let serve = |port: &Value| {
        let is_http = port["name"].as_str().is_some_and(|name| name.starts_with("http"));
        // Every address, of both families.
        format!("{}::{}", if is_http { "http" } else { "tcp" }, port["containerPort"])
    };
    ports.map(serve).collect()
}

/// Turns off the parts of the mesh that need Istio's own filters: this Envoy is a plain one.
fn plain(admin: &Kubectl) -> Result<()> {
    let map = admin.ok(&["get", "configmap", "istio", "-n", "istio-system", "-o", "json"])?;
    let map: Value = serde_json::from_str(&map)?;
    let mesh = map["data"]["mesh"].as_str().context("the mesh's configuration")?;
    let mut mesh: Value = serde_saphyr::from_str(mesh)?;
    mesh["defaultProviders"] = json!({});
    mesh["enablePrometheusMerge"] = json!(false);
    // A proxy tries three times to connect, and answers before its caller stops waiting.
    mesh["connectTimeout"] = json!("0.5s");
    let patch = json!({ "data": { "mesh": mesh.to_string() } }).to_string();
    admin.ok(&["patch", "configmap", "istio", "-n", "istio-system", "--type=merge", "-p", &patch])?;
    Ok(())
}
