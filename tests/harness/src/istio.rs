//! The real istiod beside a test cluster: its injector makes the test pods' proxies.

use std::time::Duration;
use std::{fs, thread};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::cluster::{Cluster, free_ports};
use crate::components;
use crate::pki::Authority;
use crate::process::Process;

/// A revision of Istio, and the form of the proxies that it injects.
#[derive(Clone, Copy, Debug)]
pub struct Revision {
    pub name: &'static str,
    pub native_sidecars: bool,
    pub istio_cni: bool,
    /// The network of its pods, in a mesh of several networks.
    pub network: Option<&'static str>,
    /// True with an ambient mesh beside sidecars.
    pub ambient: bool,
}

impl Revision {
    /// The revision without a name, for namespaces with `istio-injection: enabled`.
    pub const DEFAULT: Self =
        Self { name: "default", native_sidecars: true, istio_cni: false, network: None, ambient: false };
    pub const AMBIENT: Self = Self { ambient: true, ..Self::DEFAULT };
}

pub struct Istio {
    /// The port of loopback on which agents connect to istiod.
    pub discovery: u16,
    /// The port of loopback on which istiod believes whatever a proxy says of itself.
    pub plaintext: u16,
    _istiod: Process,
}

impl Istio {
    pub fn start(cluster: &Cluster) -> Result<Self> {
        Self::start_revision(cluster, Revision::DEFAULT)
    }

    /// Installs a revision as `istioctl manifest generate` prints it, beside others. Istiod itself is a process here.
    pub fn start_revision(cluster: &Cluster, revision: Revision) -> Result<Self> {
        let [http, https, grpc, secure_grpc, monitoring] = free_ports()?;
        let admin = cluster.admin()?;
        create_namespace(cluster)?;
        admin.apply(&manifests(revision, https)?)?;

        let name = format!("istiod-{}", revision.name);
        let folder = cluster.folder.join(&name);
        fs::create_dir_all(&folder)?;
        let mut istiod = Process::start(
            &name,
            &cluster.folder,
            components::istio("istiod")?
                .args(["discovery", "--domain=cluster.local", "--ctrlz_port=0"])
                .args([
                    format!("--kubeconfig={}", admin.kubeconfig.display()),
                    format!("--httpAddr=127.0.0.1:{http}"),
                    format!("--httpsAddr=127.0.0.1:{https}"),
                    format!("--grpcAddr=127.0.0.1:{grpc}"),
                    format!("--secureGRPCAddr=127.0.0.1:{secure_grpc}"),
                    format!("--monitoringAddr=127.0.0.1:{monitoring}"),
                ])
                .envs([
                    ("POD_NAME", &*name),
                    ("POD_NAMESPACE", "istio-system"),
                    ("SERVICE_ACCOUNT", "istiod"),
                    ("CLUSTER_ID", "Kubernetes"),
                    ("REVISION", revision.name),
                    // Istiod would otherwise choose by the versions of the nodes.
                    ("ENABLE_NATIVE_SIDECARS", if revision.native_sidecars { "true" } else { "false" }),
                    ("PILOT_ENABLE_AMBIENT", if revision.ambient { "true" } else { "false" }),
                    ("PILOT_CERT_PROVIDER", "istiod"),
                    // A plain Envoy lacks Istio's own filters.
                    ("PILOT_ENABLE_ALPN_FILTER", "false"),
                    ("PILOT_ENABLE_METADATA_EXCHANGE", "false"),
                    // Tests ask more often than proxies do.
                    ("PILOT_MAX_REQUESTS_PER_SECOND", "1000"),
                    // As in a mesh that is joined to others: Istio alone would refuse other trust domains.
                    ("PILOT_SKIP_VALIDATE_TRUST_DOMAIN", "true"),
                ])
                .env("ROOT_CA_DIR", &folder)
                .current_dir(&folder),
        )?;
        // Istiod writes its CA into its webhook configurations; until then no pod is injected.
        let of_revision = format!("istio.io/rev={}", revision.name);
        istiod.wait_for(Duration::from_secs(60), |_| {
            let bundles = admin.ok(&[
                "get",
                "mutatingwebhookconfiguration,validatingwebhookconfiguration",
                "-l",
                &of_revision,
                "-o",
                "jsonpath={range .items[*].webhooks[*]}[{.clientConfig.caBundle}]{end}",
            ]);
            bundles.is_ok_and(|bundles| !bundles.is_empty() && !bundles.contains("[]")).then_some(())
        })?;
        // It may listen only a moment later.
        for _ in 0..100 {
            if std::net::TcpStream::connect(("127.0.0.1", https)).is_ok() {
                return Ok(Self { discovery: secure_grpc, plaintext: grpc, _istiod: istiod });
            }
            thread::sleep(Duration::from_millis(100));
        }
        bail!("istiod does not listen on its webhook port")
    }
}

/// Creates the mesh's root namespace, which Bulkhead writes to before Istio runs.
pub fn create_namespace(cluster: &Cluster) -> Result<()> {
    let namespace =
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "istio-system" } });
    cluster.admin()?.apply(&namespace.to_string()).map(drop)
}

/// The mesh's own CA, with its key.
pub fn authority(cluster: &Cluster) -> Result<Authority> {
    let admin = cluster.admin()?;
    let part = |name: &str| {
        let template = format!("go-template={{{{index .data {name:?} | base64decode}}}}");
        admin.ok(&["get", "secret", "istio-ca-secret", "-n", "istio-system", "-o", &template])
    };
    Authority::existing(&part("ca-cert.pem")?, &part("ca-key.pem")?)
}

/// The manifests of a revision, without its workloads and the kinds, which exist, and with istiod on loopback.
fn manifests(revision: Revision, webhook_port: u16) -> Result<String> {
    let mut command = components::istio("istioctl")?;
    command
        .args(["manifest", "generate"])
        .args(["--set", "values.global.hub=registry.istio.io/release", "--set", "values.global.tag=1.31.0"])
        .arg(format!("--set=components.cni.enabled={}", revision.istio_cni));
    if revision.ambient {
        command.arg("--set=profile=ambient");
    }
    if revision.name != Revision::DEFAULT.name {
        command.arg(format!("--set=revision={}", revision.name));
    }
    if let Some(network) = revision.network {
        command.arg(format!("--set=values.istiodRemote.injectionPath=/inject/net/{network}"));
    }
    let output = command.output()?;
    if !output.status.success() {
        bail!("istioctl manifest generate: {}", String::from_utf8_lossy(&output.stderr));
    }
    let documents: Vec<Value> = serde_saphyr::from_multiple(&String::from_utf8(output.stdout)?)
        .context("istioctl prints YAML documents")?;
    let mut items = Vec::new();
    for mut document in documents {
        match document["kind"].as_str() {
            None
            | Some(
                "CustomResourceDefinition"
                | "DaemonSet"
                | "Deployment"
                | "HorizontalPodAutoscaler"
                | "PodDisruptionBudget",
            ) => continue,
            Some("Service") => {
                document["spec"] = json!({
                    "type": "ExternalName", "externalName": "localhost",
                    "ports": [{ "name": "webhook", "port": webhook_port }],
                });
            }
            Some("MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration") => {
                for webhook in document["webhooks"].as_array_mut().into_iter().flatten() {
                    webhook["clientConfig"]["service"]["port"] = json!(webhook_port);
                }
            }
            Some(_) => {}
        }
        items.push(document);
    }
    Ok(json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string())
}
