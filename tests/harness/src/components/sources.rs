//! Files of other projects' sources, from Go's module cache.

use std::path::PathBuf;
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Result, ensure};

use super::{ISTIO, cache, go};
use crate::kubectl::Kubectl;

/// The CustomResourceDefinitions of Istio, in its sources.
pub const ISTIO_CRDS: &str = "manifests/charts/base/files/crd-all.gen.yaml";
/// The template of a proxy's configuration, in Istio's sources.
pub const PROXY_TEMPLATE: &str = "tools/packaging/common/envoy_bootstrap.json";

/// A file of Istio's sources. Downloads the module; compiles nothing.
pub fn istio_file(path: &str) -> Result<PathBuf> {
    go::module(&ISTIO.source(), "istio.io/istio")?.file(path)
}

/// A file of Istio's API, in the version that its sources need.
pub fn istio_api_file(path: &str) -> Result<PathBuf> {
    go::module(&ISTIO.source(), "istio.io/api")?.file(path)
}

/// The CustomResourceDefinitions of the Gateway API with all fields, in its sources.
pub const GATEWAY_API_CRDS: [&str; 10] = [
    "config/crd/experimental/gateway.networking.k8s.io_backendtlspolicies.yaml",
    "config/crd/experimental/gateway.networking.k8s.io_gatewayclasses.yaml",
    "config/crd/experimental/gateway.networking.k8s.io_gateways.yaml",
    "config/crd/experimental/gateway.networking.k8s.io_grpcroutes.yaml",
    "config/crd/experimental/gateway.networking.k8s.io_httproutes.yaml",
    "config/crd/experimental/gateway.networking.k8s.io_listenersets.yaml",
    "config/crd/experimental/gateway.networking.k8s.io_referencegrants.yaml",
    "config/crd/experimental/gateway.networking.k8s.io_tcproutes.yaml",
    "config/crd/experimental/gateway.networking.k8s.io_tlsroutes.yaml",
    "config/crd/experimental/gateway.networking.k8s.io_udproutes.yaml",
];

/// A file of the Gateway API, in the version that Istio's sources need. Downloads the module; compiles nothing.
pub fn gateway_api_file(path: &str) -> Result<PathBuf> {
    go::module(&ISTIO.source(), "sigs.k8s.io/gateway-api")?.file(path)
}

/// A file of a module that no component requires.
pub struct Source {
    /// The module and its version.
    module: &'static str,
    checksum: &'static str,
    pub path: &'static str,
}

/// The CustomResourceDefinition of Calico's GlobalNetworkPolicy. Calico's API is no Go module of its own.
static GLOBAL_NETWORK_POLICIES: Source = Source {
    module: "github.com/projectcalico/calico@v1.11.0-cni-plugin.0.20250813170300-a0db560f0520",
    checksum: "h1:TXnPEzx4pLWgwzCetIO/VJuz4iBZZrOdNSv16a50YqE=",
    path: "libcalico-go/config/crd/crd.projectcalico.org_globalnetworkpolicies.yaml",
};

/// The CustomResourceDefinition of Cilium's CiliumClusterwideNetworkPolicy.
static CILIUM_CLUSTERWIDE_NETWORK_POLICIES: Source = Source {
    module: "github.com/cilium/cilium@v1.20.2",
    checksum: "h1:dqiEGIcXc+gqCLYG/l7VCFJ8GHyb4HUrwbZOpkX5dL8=",
    path: "pkg/k8s/apis/cilium.io/client/crds/v2/ciliumclusterwidenetworkpolicies.yaml",
};

/// The CustomResourceDefinition of AdminNetworkPolicy, from the last version that has it.
pub static ADMIN_NETWORK_POLICIES: Source = Source {
    module: "sigs.k8s.io/network-policy-api@v0.1.6-0.20250401132235-45061d10895e",
    checksum: "h1:b5Vm5aa0I37gToQmFhQ+gQMZVsPsxSiJzxZWtSCs99w=",
    path: "config/crd/standard/policy.networking.k8s.io_adminnetworkpolicies.yaml",
};

/// The CustomResourceDefinition of ClusterNetworkPolicy.
pub static CLUSTER_NETWORK_POLICIES: Source = Source {
    module: "sigs.k8s.io/network-policy-api@v0.3.0",
    checksum: "h1:RL6fVXiix9IW1pj0ImkW645m+EWmb3dBGCiW19bg5+k=",
    path: "config/crd/standard/policy.networking.k8s.io_clusternetworkpolicies.yaml",
};

/// The CustomResourceDefinition of a kind of the Prometheus operator. The test of the tables of fields lists what newer
/// versions add.
const fn monitoring(path: &'static str) -> Source {
    Source {
        module: "github.com/prometheus-operator/prometheus-operator@v0.85.0",
        checksum: "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
        path,
    }
}

/// The kinds of the Prometheus operator that rules judge.
pub static MONITORING_CRDS: [Source; 2] = [
    monitoring("example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml"),
    monitoring("example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml"),
];

/// Kinds of the Prometheus operator that the default settings reserve for the platform, with the fields of the targets.
pub static RESERVED_MONITORING_CRDS: [Source; 2] = [
    monitoring("example/prometheus-operator-crd/monitoring.coreos.com_probes.yaml"),
    monitoring("example/prometheus-operator-crd/monitoring.coreos.com_scrapeconfigs.yaml"),
];

/// A kind of the Prometheus operator that neither a rule nor the default settings know.
pub static PROMETHEUS_RULES: Source =
    monitoring("example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml");

/// The CustomResourceDefinition of a kind of cert-manager.
const fn cert_manager(path: &'static str) -> Source {
    Source {
        module: "github.com/cert-manager/cert-manager@v1.21.2",
        checksum: "h1:UWgoYM+KLNtRlqmoWOKjKBOBUPVHeepQ6/ac3ERJW68=",
        path,
    }
}

/// The kinds of cert-manager that the chart creates.
pub static CERT_MANAGER_CRDS: [Source; 2] = [
    cert_manager("deploy/crds/cert-manager.io_certificates.yaml"),
    cert_manager("deploy/crds/cert-manager.io_issuers.yaml"),
];

/// The CustomResourceDefinition of OpenReports' Report.
pub static REPORTS: Source = Source {
    module: "github.com/openreports/reports-api@v0.2.1",
    checksum: "h1:g9KS3yle9Y1elmww4TK9EkD1rl6inIaiIJPX6e+u680=",
    path: "config/crd/openreports.io_reports.yaml",
};

/// The CustomResourceDefinition of PolicyReport, from one of the first versions: later ones allow more severities.
pub static POLICY_REPORTS: Source = Source {
    module: "sigs.k8s.io/wg-policy-prototypes@v0.0.0-20210911211205-fb8f67bb6d38",
    checksum: "h1:kbAOrOwQbXFrgz1vd2NGMpGOY9aQMjGAZ/xv7wTxiMg=",
    path: "policy-report/crd/v1alpha2/wgpolicyk8s.io_policyreports.yaml",
};

/// The kinds of network plugins that the baseline has objects of.
pub static POLICY_CRDS: [&Source; 4] = [
    &GLOBAL_NETWORK_POLICIES,
    &CILIUM_CLUSTERWIDE_NETWORK_POLICIES,
    &ADMIN_NETWORK_POLICIES,
    &CLUSTER_NETWORK_POLICIES,
];

impl Source {
    /// Creates the kind of this CustomResourceDefinition, and waits until the API server serves it.
    pub fn serve(&self, admin: &Kubectl) -> Result<()> {
        let file = self.file()?;
        admin.apply(&fs::read_to_string(&file)?)?;
        let file = file.display().to_string();
        let wait = ["wait", "--for=condition=Established", "-f", &file, "--timeout=30s"];
        let end = Instant::now() + Duration::from_secs(30);
        // The command fails while the object has no conditions at all.
        loop {
            let said = admin.run(&wait)?;
            if said.success {
                return Ok(());
            }
            ensure!(Instant::now() < end, "kubectl {} failed:\n{}", wait.join(" "), said.stderr);
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// The file. Downloads the module.
    pub fn file(&self) -> Result<PathBuf> {
        let Self { module: name, checksum, path } = self;
        let module = go::module(&cache::root()?, name)?;
        ensure!(
            module.checksum == *checksum,
            "`go mod download {name}` has the checksum {}, not {checksum}: the module proxy does not have the original",
            module.checksum
        );
        module.file(path)
    }
}
