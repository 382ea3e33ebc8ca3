//! The real programs that the tests talk to. [`component`] builds the Go programs under `tests/components`, [`mod@envoy`]
//! downloads Envoy, [`sources`] finds files of other projects. Each is made once and kept in [`cache`]; [`go`] runs the
//! `go` command.

mod cache;
mod component;
mod envoy;
mod go;
mod sources;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::Result;

use crate::tools;
use component::Component;
pub use envoy::envoy;
pub use sources::{
    ADMIN_NETWORK_POLICIES, CERT_MANAGER_CRDS, CLUSTER_NETWORK_POLICIES, GATEWAY_API_CRDS, ISTIO_CRDS,
    MONITORING_CRDS, POLICY_CRDS, POLICY_REPORTS, PROMETHEUS_RULES, PROXY_TEMPLATE, REPORTS,
    RESERVED_MONITORING_CRDS, Source, gateway_api_file, istio_api_file, istio_file,
};

/// Clients and feature gates read the version.
const KUBERNETES_VERSION: &str = "-s -w -X k8s.io/component-base/version.gitVersion=v1.36.3 \
     -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36";

static KUBERNETES: Component =
    Component::new("kubernetes", "Kubernetes", "kubernetes", ".", KUBERNETES_VERSION);

static KUBECTL: Component =
    Component::new("kubectl", "kubectl", "kubernetes", "./kubectl", KUBERNETES_VERSION);

static ISTIO: Component = Component::new("istio", "Istio", "istio", ".", "-s -w");

/// Apart from istiod: each would read the other's environment.
static AGENT: Component =
    Component::new("agent", "the agent of Istio's proxies", "istio", "./agent", "-s -w");

/// The double of ztunnel, of which no registry has a binary.
static DOUBLE: Component = Component::new("double", "the double of ztunnel", "istio", "./double", "-s -w");

static HELM: Component = Component::new("helm", "Helm", "helm", ".", "-s -w");

static CYCLONUS: Component =
    Component::new("cyclonus", "cyclonus, the evaluator of network policies", "cyclonus", ".", "-s -w");

static POLICY_ENGINE: Component = Component::new(
    "kube-network-policies",
    "kube-network-policies, the engine that enforces network policies",
    "kube-network-policies",
    ".",
    "-s -w",
);

/// Without service discovery, which the tests of rules do not need.
static PROMTOOL: Component = Component::new(
    "promtool",
    "promtool, the tests of Prometheus' rules",
    "promtool",
    "github.com/prometheus/prometheus/cmd/promtool",
    "-s -w",
)
.with_tags("remove_all_sd");

/// The program that writes and unpacks container images.
static UMOCI: Component =
    Component::new("umoci", "umoci", "umoci", "github.com/opencontainers/umoci/cmd/umoci", "-s -w");

const TOOLS: [&str; 4] = ["etcd", "kube-apiserver", "kube-controller-manager", "kubectl"];

/// A command of the control plane: `etcd`, `kube-apiserver`, `kube-controller-manager` or `kubectl`.
/// A binary of that name in `$KUBEBUILDER_ASSETS` comes first, as the ecosystem expects.
pub fn kubernetes(tool: &str) -> Result<Command> {
    if let Some(binary) = asset(tool) {
        return Ok(Command::new(binary));
    }
    if tool == "kubectl" {
        return Ok(Command::new(KUBECTL.binary()?));
    }
    let mut command = Command::new(KUBERNETES.binary()?);
    command.arg(tool);
    Ok(command)
}

/// A command of the mesh: `istiod` or `istioctl`. A binary that `$BULKHEAD_TEST_ISTIO` names comes first.
pub fn istio(tool: &str) -> Result<Command> {
    let mut command = match std::env::var_os("BULKHEAD_TEST_ISTIO") {
        Some(binary) => Command::new(binary),
        None => Command::new(ISTIO.binary()?),
    };
    command.arg(tool);
    Ok(command)
}

/// The program that runs in a pod: `pilot-agent`, a workload, a caller.
pub fn agent() -> Result<PathBuf> {
    AGENT.binary()
}

/// The program that takes the place of ztunnel in front of a pod, and prints what istiod pushes to one.
pub fn double() -> Result<PathBuf> {
    DOUBLE.binary()
}

/// The program that installs charts.
pub fn helm() -> Result<PathBuf> {
    HELM.binary()
}

/// The program that says which packets network policies allow.
pub fn cyclonus() -> Result<PathBuf> {
    CYCLONUS.binary()
}

/// The program that enforces network policies.
pub fn policy_engine() -> Result<PathBuf> {
    POLICY_ENGINE.binary()
}

/// The program that evaluates Prometheus' rules.
pub fn promtool() -> Result<PathBuf> {
    PROMTOOL.binary()
}

/// The program that writes and unpacks container images.
pub fn umoci() -> Result<PathBuf> {
    UMOCI.binary()
}

/// Builds Kubernetes, downloads Istio's modules meanwhile, and then builds Istio, all in the background. A caller that
/// needs one of them waits for it and gets its error.
pub fn build_in_background() {
    if is_kubernetes_built() && ISTIO.is_built() {
        return;
    }
    thread::spawn(|| {
        thread::scope(|scope| {
            if !is_kubernetes_built() {
                // One download at a time: the first is waited for.
                let _ = KUBERNETES.packages();
            }
            if !ISTIO.is_built() {
                scope.spawn(|| ISTIO.packages());
            }
            let _ = build_kubernetes();
            let _ = build_istio();
        });
    });
}

/// Waits until Kubernetes is built.
pub fn build_kubernetes() -> Result<()> {
    if !is_kubernetes_built() {
        KUBERNETES.binary()?;
        KUBECTL.binary()?;
    }
    Ok(())
}

/// Waits until Istio is built.
pub fn build_istio() -> Result<()> {
    ISTIO.binary().map(drop)
}

/// The steps of [`build_in_background`], as the progress names them: none if both are built.
pub fn steps() -> Vec<String> {
    let kubernetes =
        if is_kubernetes_built() { Vec::new() } else { [KUBERNETES.steps(), KUBECTL.steps()].concat() };
    [kubernetes, ISTIO.steps()].concat()
}

/// Builds every component that a test may need: nothing can be timed while compilers run.
pub fn build_all() -> Result<()> {
    build_kubernetes()?;
    build_istio()?;
    HELM.binary()?;
    CYCLONUS.binary()?;
    PROMTOOL.binary()?;
    if tools::missing_for_packets().is_none() {
        AGENT.binary()?;
        DOUBLE.binary()?;
        POLICY_ENGINE.binary()?;
        UMOCI.binary()?;
    }
    Ok(())
}

/// Downloads everything that is compiled or read, and compiles nothing. Calls `found` with each thing and its place.
pub fn download_all(mut found: impl FnMut(&str, &str)) -> Result<()> {
    let istio = [&ISTIO, &AGENT, &DOUBLE];
    let others = [&HELM, &CYCLONUS, &POLICY_ENGINE, &PROMTOOL, &UMOCI];
    for component in [&KUBERNETES, &KUBECTL].into_iter().chain(istio).chain(others) {
        let packages = component.packages()?;
        found(&component.source().display().to_string(), &format!("{packages} packages"));
    }
    for file in [ISTIO_CRDS, PROXY_TEMPLATE] {
        found(file, &istio_file(file)?.display().to_string());
    }
    for file in GATEWAY_API_CRDS {
        found(file, &gateway_api_file(file)?.display().to_string());
    }
    let monitoring = MONITORING_CRDS.iter().chain(&RESERVED_MONITORING_CRDS).chain([&PROMETHEUS_RULES]);
    let others = POLICY_CRDS.into_iter().chain(&CERT_MANAGER_CRDS).chain([&REPORTS, &POLICY_REPORTS]);
    for source in monitoring.chain(others) {
        found(source.path, &source.file()?.display().to_string());
    }
    found("envoy", &envoy()?.display().to_string());
    Ok(())
}

fn is_kubernetes_built() -> bool {
    TOOLS.iter().all(|tool| asset(tool).is_some()) || (KUBERNETES.is_built() && KUBECTL.is_built())
}

/// The binary of this name in `$KUBEBUILDER_ASSETS`.
fn asset(tool: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("KUBEBUILDER_ASSETS")?;
    Some(Path::new(&folder).join(tool)).filter(|binary| binary.is_file())
}
