//! Files of Istio's and Calico's own sources, from Go's module cache.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use super::{ISTIO, cache, go};

/// Calico as the Go proxy has it, and its checksum.
const CALICO: (&str, &str) = (
    "github.com/projectcalico/calico@v1.11.0-cni-plugin.0.20250813170300-a0db560f0520",
    "h1:TXnPEzx4pLWgwzCetIO/VJuz4iBZZrOdNSv16a50YqE=",
);

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

/// A file of Calico's sources. Its API is no Go module of its own.
pub fn calico_file(path: &str) -> Result<PathBuf> {
    let (name, checksum) = CALICO;
    let module = go::module(&cache::root()?, name)?;
    ensure!(
        module.checksum == checksum,
        "`go mod download {name}` has the checksum {}, not {checksum}: the module proxy does not have the original",
        module.checksum
    );
    module.file(path)
}
