//! Runs pods without a kubelet. Each pod is a network namespace in which the real agent and the real Envoy run in front
//! of a workload, or alone as a gateway. This file creates the networks, `proxy` starts the containers that were
//! injected into a pod, `init` the pod's own init containers, `pod` calls from a pod. [`missing`] names the tools that this needs.

mod init;
mod pod;
mod proxy;

use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};
use std::{fs, thread};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};

use crate::cluster::{Cluster, folder};
use crate::istio::Istio;
use crate::kubectl::Kubectl;
use crate::pki::Pair;
use crate::process::Process;
use crate::{components, guard, pipe};

pub use pod::{Answer, Pod};

/// The address of the bridge that connects the pods' networks.
const HUB: Ipv4Addr = Ipv4Addr::new(10, 244, 0, 1);
const DISCOVERY: &str = "istiod.istio-system.svc";
/// The proxy's user and group.
const PROXY: &str = "1337";

pub use crate::tools::missing_for_packets as missing;

/// The networks of one cluster's pods.
pub struct Dataplane<'c> {
    cluster: &'c Cluster,
    /// kubectl as the node of the pods.
    node: Kubectl,
    folder: PathBuf,
    /// The prefix of the networks' names.
    prefix: String,
    template: PathBuf,
    pods: AtomicU8,
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
        plain(&cluster.admin()?)?;
        static CLUSTERS: AtomicU8 = AtomicU8::new(0);
        let number = CLUSTERS.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("bh{}-{number}", std::process::id());
        let hub = format!("{prefix}-hub");
        network(&hub)?;
        ip(&["-n", &hub, "link", "add", "pods", "type", "bridge"])?;
        ip(&["-n", &hub, "addr", "add", &format!("{HUB}/16"), "dev", "pods"])?;
        ip(&["-n", &hub, "link", "set", "pods", "up"])?;

        let socket = folder.join("istiod.sock");
        outside(UnixListener::bind(&socket)?, istio.discovery);
        let discovery = format!("{HUB}:15012");
        let forward = Process::start(
            "forward",
            &folder,
            inside(&hub, &folder.join("agent")).arg("forward").arg(&discovery).arg(&socket),
        )?;
        let template = folder.join("envoy_bootstrap.json");
        fs::copy(components::istio_file(components::PROXY_TEMPLATE)?, &template)?;
        fs::set_permissions(&template, fs::Permissions::from_mode(0o644))?;
        let node = cluster.powerful("system:node:one", "system:nodes")?;
        Ok(Self { cluster, node, folder, prefix, template, pods: AtomicU8::new(2), _forward: forward })
    }

    /// Runs the pod `name` as its object in the API describes it: with the proxy that was injected and with a workload
    /// on each port of its containers. The workload speaks HTTP if the port's name begins with `http`, TCP otherwise.
    pub fn run(&self, namespace: &str, name: &str) -> Result<Pod> {
        let number = self.pods.fetch_add(1, Ordering::Relaxed);
        let address = Ipv4Addr::new(10, 244, 0, number);
        let shown = is_running(&self.cluster.admin()?, namespace, name, address)?;

        let network = format!("{}-{number}", self.prefix);
        self.wire(&network, number, address)?;
        let home = self.folder.join(&network);
        for folder in
            ["", "var/run/secrets/tokens", "var/run/secrets/istio", "etc/istio/proxy", "certificate"]
        {
            fs::create_dir_all(home.join(folder))?;
        }
        let mut pod = Pod {
            network,
            agent: self.folder.join("agent"),
            certificate: home.join("certificate"),
            address,
            user: user(&shown),
            processes: Vec::new(),
        };
        let serves = serves(&shown);
        if !serves.is_empty() {
            let mut serve = inside(&pod.network, &pod.agent);
            serve.arg("serve").arg(format!("{name}.{namespace}")).args(serves);
            pod.processes.push(Process::start("workload", &home, &mut serve)?);
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

    /// Creates a pod's network and connects it to the bridge.
    fn wire(&self, name: &str, number: u8, address: Ipv4Addr) -> Result<()> {
        let (hub, port) = (format!("{}-hub", self.prefix), format!("pod{number}"));
        network(name)?;
        ip(&["link", "add", "eth0", "netns", name, "type", "veth", "peer", "name", &port, "netns", &hub])?;
        ip(&["-n", name, "addr", "add", &format!("{address}/16"), "dev", "eth0"])?;
        ip(&["-n", name, "link", "set", "eth0", "up"])?;
        ip(&["-n", name, "route", "add", "default", "via", &HUB.to_string()])?;
        ip(&["-n", &hub, "link", "set", &port, "master", "pods", "up"])?;
        let files = Path::new("/etc/netns").join(name);
        fs::create_dir_all(&files)?;
        guard::remove_with_us(&files);
        fs::write(files.join("hosts"), format!("127.0.0.1 localhost\n{HUB} {DISCOVERY}\n"))?;
        Ok(())
    }
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
        format!("{}:0.0.0.0:{}", if is_http { "http" } else { "tcp" }, port["containerPort"])
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
    let patch = json!({ "data": { "mesh": mesh.to_string() } }).to_string();
    admin.ok(&["patch", "configmap", "istio", "-n", "istio-system", "--type=merge", "-p", &patch])?;
    Ok(())
}

/// Writes the status that a kubelet would write; returns the pod.
fn is_running(admin: &Kubectl, namespace: &str, name: &str, address: Ipv4Addr) -> Result<Value> {
    let now = "2026-01-01T00:00:00Z";
    let ready = json!({ "type": "Ready", "status": "True", "lastTransitionTime": now });
    let status = json!({ "status": {
        "phase": "Running", "podIP": address, "podIPs": [{ "ip": address }], "conditions": [ready],
    } });
    let patch =
        ["patch", "pod", name, "-n", namespace, "--subresource=status", "--type=merge", "-o", "json", "-p"];
    let shown = admin.ok(&[&patch[..], &[&status.to_string()]].concat())?;
    serde_json::from_str(&shown).context("a pod")
}

/// Forwards connections from the pods' networks to a port of loopback.
fn outside(listener: UnixListener, port: u16) {
    thread::spawn(move || {
        for caller in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
            let _ = pipe::join(caller, server);
        }
    });
}

/// Creates a network namespace that is deleted when this process ends.
fn network(name: &str) -> Result<()> {
    ip(&["netns", "add", name])?;
    guard::network_with_us(name);
    ip(&["-n", name, "link", "set", "lo", "up"])
}

fn ip(arguments: &[&str]) -> Result<()> {
    let output = Command::new("ip").args(arguments).output().context("starting `ip`")?;
    if !output.status.success() {
        bail!("ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// A command that runs in a network namespace.
fn inside(network: &str, program: &Path) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", network]).arg(program);
    command
}
