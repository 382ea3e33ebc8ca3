//! The `go` command: it downloads modules and compiles programs.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{guard, tools};

/// A module in Go's module cache.
pub(super) struct Module {
    name: String,
    folder: PathBuf,
    pub(super) checksum: String,
}

/// The flags of the linker, and the build tags.
#[derive(Clone, Copy)]
pub(super) struct Flags<'f> {
    pub(super) ldflags: &'f str,
    pub(super) tags: &'f str,
}

/// Downloads the modules that compiling `package` needs, and no others; the number of packages to compile. Calls
/// `on_module` when the download of a module starts.
pub(super) fn download(
    source: &Path,
    package: &str,
    tags: &str,
    mut on_module: impl FnMut(),
) -> Result<usize> {
    let mut list = tools::GO.command()?;
    list.args(["list", "-tags", tags, "-deps", package])
        .env("CGO_ENABLED", "0")
        .current_dir(source)
        .stdout(Stdio::piped());
    let (packages, status, stderr) = follow(&mut list, |line| {
        if line.starts_with("go: downloading ") {
            on_module();
        }
    })?;
    if !status {
        bail!(
            "`go list -deps {package}` in {} failed:\n{stderr}\nIt downloads Go modules and needs Go 1.26 or newer \
             (`go version`) and a module proxy that answers (`go env GOPROXY`).",
            source.display()
        );
    }
    Ok(packages)
}

/// Compiles `package` into the file `output`. Calls `on_package` for each package that was compiled.
pub(super) fn build(
    source: &Path,
    package: &str,
    flags: Flags<'_>,
    output: &Path,
    mut on_package: impl FnMut(),
) -> Result<()> {
    tools::require(&[&tools::GO])?;
    // The compilers leave the processors to what runs already, such as the control plane.
    let mut build = Command::new("nice");
    build
        .args(["-n", "10", "go", "build", "-v", "-trimpath", "-buildvcs=false"])
        // The linker strips debug information. Without it the compiler takes a fifth less time.
        .args(["-gcflags=all=-dwarf=false", "-ldflags", flags.ldflags, "-tags", flags.tags, "-o"])
        .arg(output)
        .arg(package)
        .env("CGO_ENABLED", "0")
        .current_dir(source);
    let (_, status, stderr) = follow(&mut build, |_| on_package())?;
    if !status {
        bail!(
            "`go build {package}` in {} failed:\n{stderr}\nIf a compiler was killed or could not write, free memory or \
             disk space. Run the command again: Go keeps the packages that are compiled already.",
            source.display()
        );
    }
    if !output.is_file() {
        bail!("`go build {package}` in {} wrote no file {}", source.display(), output.display());
    }
    Ok(())
}

/// Downloads a module; its folder. `name` is a module that `source` requires, or `MODULE@VERSION`.
pub(super) fn module(source: &Path, name: &str) -> Result<Module> {
    let output = tools::GO
        .command()?
        .args(["mod", "download", "-json", name])
        .current_dir(source)
        .output()
        .with_context(|| format!("starting `go mod download` in {}", source.display()))?;
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let text = |field: &str| answer[field].as_str().unwrap_or_default().to_owned();
    let folder = PathBuf::from(text("Dir"));
    if !output.status.success() || !folder.is_dir() {
        let (error, stderr) = (text("Error"), String::from_utf8_lossy(&output.stderr));
        bail!(
            "`go mod download {name}` in {} gave no folder with this module:\n{error}{stderr}\nIt needs Go 1.26 or \
             newer (`go version`) and a module proxy that answers (`go env GOPROXY`).",
            source.display()
        );
    }
    Ok(Module { name: name.to_owned(), folder, checksum: text("Sum") })
}

impl Module {
    /// A file of the module.
    pub(super) fn file(&self, path: &str) -> Result<PathBuf> {
        let file = self.folder.join(path);
        if !file.is_file() {
            bail!(
                "`go mod download` unpacked {} to {}, but the file `{path}` is missing there. Remove the incomplete \
                 copy with `go clean -modcache` and run the command again.",
                self.name,
                self.folder.display()
            );
        }
        Ok(file)
    }
}

/// Runs `command` and calls `on_line` for each line on stderr; the number of lines on stdout if that is piped, success,
/// and the last lines of stderr.
fn follow(command: &mut Command, mut on_line: impl FnMut(&str)) -> Result<(usize, bool, String)> {
    let name = command.get_program().to_owned();
    let mut child = command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting `{}`", name.display()))?;
    guard::end_with_us(child.id());
    let stdout = child.stdout.take();
    let lines = thread::spawn(move || stdout.map_or(0, |stdout| BufReader::new(stdout).lines().count()));
    let mut last = Vec::new();
    for line in BufReader::new(child.stderr.take().context("stderr was piped")?).lines() {
        let line = line?;
        on_line(&line);
        last.push(line);
        if last.len() > 20 {
            last.remove(0);
        }
    }
    let status = child.wait()?;
    guard::ended(child.id());
    Ok((lines.join().unwrap_or_default(), status.success(), last.join("\n")))
}
