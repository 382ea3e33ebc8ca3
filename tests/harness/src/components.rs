//! The Go programs under `tests/components`, built once and found again by their content.

use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// A Go module under `tests/components`, with the linker's flags and what its build compiles, roughly.
struct Component {
    name: &'static str,
    ldflags: &'static str,
    packages: usize,
}

const KUBERNETES: Component = Component {
    name: "kubernetes",
    // Clients and feature gates read the version.
    ldflags: "-s -w -X k8s.io/component-base/version.gitVersion=v1.36.3 \
              -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36",
    packages: 2100,
};

const ISTIO: Component = Component { name: "istio", ldflags: "-s -w", packages: 2000 };

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

/// Builds whatever is not built yet: nothing can be timed while compilers run.
pub fn build_all() -> Result<()> {
    kubernetes("kubectl")?;
    istio("istioctl")?;
    Ok(())
}

/// The path of the component's binary, built if no binary of this content exists.
fn build(component: &Component) -> Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../components").join(component.name);
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
        .arg(".")
        .current_dir(&source)
        .env("CGO_ENABLED", "0")
        .stderr(Stdio::piped())
        .spawn()
        .context("building the test control plane needs Go 1.26 or newer (https://go.dev/dl)")?;
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

fn fingerprint(component: &Component, source: &Path) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    component.ldflags.hash(&mut hasher);
    for file in ["go.mod", "go.sum", "main.go"] {
        fs::read(source.join(file))
            .with_context(|| format!("{file} of {}", component.name))?
            .hash(&mut hasher);
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
