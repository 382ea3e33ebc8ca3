//! The program under test: the real binary in a process of its own, and its installation in a cluster.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;
use std::{fs, thread};

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::cluster::{CALLERS_CA, Cluster, write_pair};
use crate::istio::{Istio, Revision};
use crate::pki::{Authority, Pair};
use crate::process::Process;
use crate::wire::{self, Caller};
use crate::{balancer, components, istio, progress, tools};

pub const NAMESPACE: &str = "bulkhead-system";
/// The webhook's name, as the API server calls it.
pub const SERVER_NAME: &str = "bulkhead.bulkhead-system.svc";

/// The settings of the examples, with which an installation starts.
const SETTINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/snapshot/settings.yaml");

/// A running `bulkhead serve`.
pub struct Server {
    pub process: Process,
    pub webhook: SocketAddr,
    pub admin: SocketAddr,
}

impl Server {
    /// Starts `binary serve` on free ports, with `arguments`, and waits until it listens.
    pub fn start(
        binary: &Path,
        name: &str,
        folder: &Path,
        arguments: &[&str],
        kubeconfig: Option<&Path>,
    ) -> Result<Self> {
        let (process, listening) = serve(binary, name, folder, arguments, kubeconfig)?;
        let address =
            |field: &str| listening[field].as_str().context("an address")?.parse().context("an address");
        Ok(Self { process, webhook: address("webhook")?, admin: address("admin")? })
    }

    pub fn wait_until_ready(&mut self) -> Result<()> {
        let admin = self.admin;
        self.process.wait_for(Duration::from_secs(30), |_| {
            wire::get(admin, "/readyz").is_ok_and(|answer| answer.status == 200).then_some(())
        })
    }
}

/// A `bulkhead serve` that listens, and the line of its log with the addresses.
fn serve(
    binary: &Path,
    name: &str,
    folder: &Path,
    arguments: &[&str],
    kubeconfig: Option<&Path>,
) -> Result<(Process, serde_json::Value)> {
    let mut command = Command::new(binary);
    command.arg("serve").args(arguments);
    for option in ["--listen", "--admin"] {
        if !arguments.iter().any(|argument| argument.starts_with(option)) {
            command.args([option, "127.0.0.1:0"]);
        }
    }
    // The files of the harness, unless the arguments say otherwise.
    command.env("BULKHEAD_CERTIFICATES", "external");
    match kubeconfig {
        Some(file) => command.env("KUBECONFIG", file),
        None => command.env_remove("KUBECONFIG"),
    };
    let mut process = Process::start(name, folder, &mut command)?;
    let listening = process.wait_for(Duration::from_secs(30), |process| {
        let log = process.log();
        let mut lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        lines.find(|line| line["message"] == "listening")
    })?;
    Ok((process, listening))
}

/// The steps of an installation, as the progress names them.
const START_KUBERNETES: &str = "start Kubernetes";
const INSTALL: &str = "install Bulkhead";
const START_ISTIO: &str = "start Istio";

/// A cluster with Istio, and Bulkhead installed in it as `bulkhead manifests` says.
pub struct Installation {
    pub cluster: Cluster,
    /// The webhook, twice, behind a balancer.
    pub replicas: Vec<Server>,
    pub controller: Process,
    pub binary: PathBuf,
    pub ca_bundle: String,
    istio: OnceLock<Istio>,
    revision: Revision,
    starting_istio: Mutex<()>,
}

impl Installation {
    /// Kills a replica and starts it again on the same addresses.
    pub fn replace_replica(&mut self, index: usize) -> Result<()> {
        let server = self.replicas.get_mut(index).context("no such replica")?;
        server.process.kill()?;
        let (listen, admin) = (format!("--listen={}", server.webhook), format!("--admin={}", server.admin));
        *server = replica(
            &self.cluster,
            &self.binary,
            &format!("bulkhead-{}-again", index + 1),
            &[&listen, &admin],
        )?;
        Ok(())
    }

    /// Starts everything. Calls `note` with a line for people.
    pub fn start(binary: &Path, note: impl Fn(&str)) -> Result<Self> {
        note("starting Kubernetes, Bulkhead and Istio");
        let installation = Self::start_without_istio(binary)?;
        installation.istio()?;
        Ok(installation)
    }

    /// The steps of [`Self::start_without_istio`] and then [`Self::istio`], as the progress names them.
    #[must_use]
    pub fn steps() -> Vec<String> {
        let starts = [START_KUBERNETES, INSTALL, START_ISTIO].map(ToOwned::to_owned);
        components::steps().into_iter().chain(starts).collect()
    }

    /// Starts Kubernetes and installs Bulkhead. Istio's kinds exist; Istio itself may still be compiled.
    pub fn start_without_istio(binary: &Path) -> Result<Self> {
        Self::start_on(Cluster::start, binary, None, Revision::DEFAULT)
    }

    /// Starts everything with an ambient mesh and these settings, in a cluster whose controllers list the pods of each
    /// Service, as istiod needs it for waypoints.
    pub fn start_ambient(binary: &Path, settings: &str) -> Result<Self> {
        let installation =
            Self::start_on(Cluster::start_with_endpoints, binary, Some(settings), Revision::AMBIENT)?;
        installation.istio()?;
        Ok(installation)
    }

    fn start_on(
        cluster: impl FnOnce() -> Result<Cluster>,
        binary: &Path,
        settings: Option<&str>,
        revision: Revision,
    ) -> Result<Self> {
        tools::require(&[&tools::GO])?;
        components::build_in_background();
        components::build_kubernetes()?;
        let step = progress::begin(START_KUBERNETES);
        let cluster = cluster()?;
        step.finish();
        let step = progress::begin(INSTALL);
        istio::create_namespace(&cluster)?;
        prepare(&cluster, binary)?;
        if let Some(settings) = settings {
            fs::write(settings_file(&cluster), settings)?;
        }
        let admin = cluster.admin()?;
        admin.apply(&endpoints().to_string())?;

        let authority = Authority::new("test-webhook")?;
        write_pair(&cluster.folder, "webhook", &authority.server(&[SERVER_NAME])?)?;
        let replicas = ["bulkhead-1", "bulkhead-2"].map(|name| replica(&cluster, binary, name, &[]));
        let replicas = replicas.into_iter().collect::<Result<Vec<_>>>()?;
        let controller = controller(&cluster, binary)?;
        let port = cluster.webhook_port;
        balancer::start(port, replicas.iter().map(|server| (server.webhook, server.admin)))?;
        register(&cluster, binary, port, &authority)?;
        let installation = Self {
            cluster,
            replicas,
            controller,
            binary: binary.to_owned(),
            ca_bundle: authority.certificate,
            istio: OnceLock::new(),
            revision,
            starting_istio: Mutex::new(()),
        };
        installation.wait_until_called()?;
        step.finish();
        Ok(installation)
    }

    /// Writes other settings, and waits until every process has loaded them.
    pub fn change_settings(&mut self, settings: &str) -> Result<()> {
        let loaded = |process: &Process| process.log().matches("loaded new settings").count();
        let replicas = self.replicas.iter_mut().map(|replica| &mut replica.process);
        let processes = replicas.chain([&mut self.controller]).map(|process| (loaded(process), process));
        let processes: Vec<_> = processes.collect();
        fs::write(settings_file(&self.cluster), settings)?;
        for (before, process) in processes {
            process.wait_for(Duration::from_secs(30), |process| (loaded(process) > before).then_some(()))?;
        }
        Ok(())
    }

    /// Istio. The first call starts it, and waits for its build.
    pub fn istio(&self) -> Result<&Istio> {
        let _one_at_a_time = self.starting_istio.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.has_istio() {
            components::build_istio()?;
            let step = progress::begin(START_ISTIO);
            let _ = self.istio.set(Istio::start_revision(&self.cluster, self.revision)?);
            step.finish();
        }
        self.istio.get().context("Istio has been started")
    }

    pub fn has_istio(&self) -> bool {
        self.istio.get().is_some()
    }

    /// A caller of one replica with the certificate of the API server.
    pub fn caller(&self) -> Result<Caller> {
        self.caller_with(Some(&self.cluster.caller()?))
    }

    /// A caller of one replica with another certificate, or without one.
    pub fn caller_with(&self, client: Option<&Pair>) -> Result<Caller> {
        let replica = self.replicas.first().context("a replica")?;
        Caller::with_certificate(replica.webhook, SERVER_NAME, &self.ca_bundle, client)
    }

    /// Waits until the API server has read the new webhook configuration.
    fn wait_until_called(&self) -> Result<()> {
        let stranger = self.cluster.powerful("stranger", "strangers")?;
        let forged = json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": { "name": "probe", "labels": { "bulkhead.dev/tenant": "nobody" } },
        });
        let mut last = String::new();
        for _ in 0..100 {
            last = stranger.feed(&["create", "--dry-run=server", "-f", "-"], &forged.to_string())?.stderr;
            if last.contains("BH102") {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(100));
        }
        bail!("the API server does not call the webhook, but says: {last}")
    }
}

/// Starts the webhook alone, under its own account, with more arguments, and waits until it is ready.
fn replica(cluster: &Cluster, binary: &Path, name: &str, arguments: &[&str]) -> Result<Server> {
    let file = |name: &str| cluster.folder.join(name).display().to_string();
    let (settings, certificate, key) = (settings_file(cluster), file("webhook.crt"), file("webhook.key"));
    let account = cluster.service_account(NAMESPACE, "bulkhead")?;
    let callers = file(CALLERS_CA);
    let usual = ["--settings", &settings, "--parts=webhook", "--tls-cert", &certificate, "--tls-key", &key];
    let arguments = [&usual, ["--client-ca", &callers].as_slice(), arguments].concat();
    let mut server = Server::start(binary, name, &cluster.folder, &arguments, Some(&account.kubeconfig))?;
    server.wait_until_ready()?;
    Ok(server)
}

/// Starts the controller alone, under its own account.
pub fn controller(cluster: &Cluster, binary: &Path) -> Result<Process> {
    controller_with(cluster, binary, &["--settings", &settings_file(cluster)])
}

/// Starts the controller alone, with these arguments.
pub fn controller_with(cluster: &Cluster, binary: &Path, arguments: &[&str]) -> Result<Process> {
    let account = cluster.service_account(NAMESPACE, "bulkhead-controller")?;
    named_controller(binary, "controller", &cluster.folder, arguments, &account.kubeconfig)
}

/// Starts the webhook alone, at this port of the loopback address, with these arguments.
pub fn webhook_with(cluster: &Cluster, binary: &Path, port: u16, arguments: &[&str]) -> Result<Server> {
    let account = cluster.service_account(NAMESPACE, "bulkhead")?;
    let listen = format!("127.0.0.1:{port}");
    let arguments = [&["--parts", "webhook", "--listen", &listen], arguments].concat();
    Server::start(binary, "webhook", &cluster.folder, &arguments, Some(&account.kubeconfig))
}

/// Starts one of several controllers.
pub fn named_controller(
    binary: &Path,
    name: &str,
    folder: &Path,
    arguments: &[&str],
    kubeconfig: &Path,
) -> Result<Process> {
    let arguments = [&["--parts=controller"], arguments].concat();
    Ok(serve(binary, name, folder, &arguments, Some(kubeconfig))?.0)
}

/// The settings file of an installation.
fn settings_file(cluster: &Cluster) -> String {
    cluster.folder.join("settings.yaml").display().to_string()
}

/// Writes the settings file, and creates the objects that Bulkhead needs to start: its namespace, its kinds, its
/// accounts.
pub fn prepare(cluster: &Cluster, binary: &Path) -> Result<()> {
    fs::copy(SETTINGS, settings_file(cluster))?;
    let admin = cluster.admin()?;
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } });
    admin.apply(&namespace.to_string())?;
    admin.apply(&printed(binary, &["crds", "rbac"])?)?;
    admin.ok(&[
        "wait",
        "--for=condition=Established",
        "crd/exemptions.bulkhead.dev",
        "crd/tenants.bulkhead.dev",
        "crd/sharedservices.bulkhead.dev",
    ])?;
    Ok(())
}

/// Registers the webhook at the API server, on a port of loopback.
pub fn register(cluster: &Cluster, binary: &Path, port: u16, authority: &Authority) -> Result<()> {
    let admin = cluster.admin()?;
    admin.apply(&service(port).to_string())?;
    let bundle = cluster.folder.join("webhook-ca.crt");
    fs::write(&bundle, &authority.certificate)?;
    let (settings, port, bundle) = (settings_file(cluster), port.to_string(), bundle.display().to_string());
    let arguments = ["webhooks", "--settings", &settings, "--port", &port, "--ca-bundle", &bundle];
    admin.apply(&printed(binary, &arguments)?)?;
    Ok(())
}

/// Objects of a cluster with nodes: the Service of its DNS, and the address of the API server.
pub fn endpoints() -> serde_json::Value {
    json!({ "apiVersion": "v1", "kind": "List", "items": [
        {
            "apiVersion": "v1", "kind": "Service",
            "metadata": { "name": "kube-dns", "namespace": "kube-system", "labels": { "k8s-app": "kube-dns" } },
            "spec": {
                "clusterIP": "10.0.0.10", "selector": { "k8s-app": "kube-dns" },
                "ports": [{ "name": "dns", "port": 53, "protocol": "UDP" }],
            },
        },
        {
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": { "name": "kubernetes", "namespace": "default", "labels": { "kubernetes.io/service-name": "kubernetes" } },
            "addressType": "IPv4",
            "endpoints": [{ "addresses": ["192.0.2.10"] }],
            "ports": [{ "name": "https", "port": 6443, "protocol": "TCP" }],
        },
    ] })
}

/// A Service that leads to loopback: the API server calls it as it calls any Service.
pub fn service(port: u16) -> serde_json::Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": { "name": "bulkhead", "namespace": NAMESPACE },
        "spec": { "type": "ExternalName", "externalName": "localhost", "ports": [{ "name": "webhook", "port": port }] },
    })
}

/// The output of `bulkhead manifests`.
pub fn printed(binary: &Path, arguments: &[&str]) -> Result<String> {
    let output =
        Command::new(binary).arg("manifests").args(arguments).output().context("bulkhead manifests")?;
    if !output.status.success() {
        bail!("bulkhead manifests: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}
