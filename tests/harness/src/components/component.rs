//! One Go program under `tests/components`: its modules and its binary.

use std::collections::BTreeSet;
use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result};

use super::{cache, go};
use crate::progress;

pub(super) struct Component {
    /// The file name of its binary.
    name: &'static str,
    /// The words for people.
    title: &'static str,
    /// The folder of its Go module.
    module: &'static str,
    /// Its package: one in the module, or the command of a module that it requires.
    package: &'static str,
    ldflags: &'static str,
    /// The build tags, with commas between them.
    tags: &'static str,
    packages: OnceLock<Result<usize, String>>,
    binary: OnceLock<Result<PathBuf, String>>,
}

impl Component {
    pub(super) const fn new(
        name: &'static str,
        title: &'static str,
        module: &'static str,
        package: &'static str,
        ldflags: &'static str,
    ) -> Self {
        Self {
            name,
            title,
            module,
            package,
            ldflags,
            tags: "",
            packages: OnceLock::new(),
            binary: OnceLock::new(),
        }
    }

    pub(super) const fn with_tags(mut self, tags: &'static str) -> Self {
        self.tags = tags;
        self
    }

    /// The steps that [`Self::binary`] takes, as the progress names them: none if the binary exists.
    pub(super) fn steps(&self) -> Vec<String> {
        if self.is_built() { Vec::new() } else { vec![self.download_step(), self.build_step()] }
    }

    pub(super) fn is_built(&self) -> bool {
        self.key().is_ok_and(|key| cache::find(&key, self.name).is_some())
    }

    /// Downloads the modules that its binary is built of; the number of its packages. Further calls wait for the first
    /// one and share its result.
    pub(super) fn packages(&self) -> Result<usize> {
        once(&self.packages, || {
            let step = progress::begin(&self.download_step());
            step.expect(self.required_modules()?, "modules");
            let packages = go::download(&self.source(), self.package, self.tags, || step.advance());
            let packages = packages.with_context(|| self.download_step())?;
            step.finish();
            Ok(packages)
        })
    }

    /// Builds the binary unless one of the same sources exists; its path. Further calls wait for the first one and
    /// share its result.
    pub(super) fn binary(&self) -> Result<PathBuf> {
        once(&self.binary, || {
            cache::file(&self.key()?, self.name, |output| {
                let packages = self.packages()?;
                let step = progress::begin(&self.build_step());
                step.expect(packages, "packages");
                let flags = go::Flags { ldflags: self.ldflags, tags: self.tags };
                go::build(&self.source(), self.package, flags, output, || step.advance())
                    .with_context(|| self.build_step())?;
                step.finish();
                Ok(())
            })
        })
    }

    pub(super) fn source(&self) -> PathBuf {
        let harness = Path::new(env!("CARGO_MANIFEST_DIR"));
        harness.parent().unwrap_or(harness).join("components").join(self.module)
    }

    fn download_step(&self) -> String {
        format!("download the Go modules of {}", self.title)
    }

    fn build_step(&self) -> String {
        format!("build {} from source", self.title)
    }

    /// The folder in the cache: the sources and the flags decide it.
    fn key(&self) -> Result<String> {
        let source = self.source();
        let mut hasher = DefaultHasher::new();
        self.ldflags.hash(&mut hasher);
        if !self.tags.is_empty() {
            self.tags.hash(&mut hasher);
        }
        let files = if self.package.starts_with('.') {
            let package = source.join(self.package);
            let files = fs::read_dir(&package).with_context(|| format!("reading {}", package.display()))?;
            files.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?
        } else {
            Vec::new()
        };
        let modules = ["go.mod", "go.sum"].map(|file| source.join(file));
        let files: BTreeSet<PathBuf> =
            files.into_iter().filter(|path| path.is_file()).chain(modules).collect();
        for file in files {
            fs::read(&file).with_context(|| format!("reading {}", file.display()))?.hash(&mut hasher);
        }
        Ok(format!("{}-{:016x}", self.name, hasher.finish()))
    }

    /// The number of modules in its `go.mod`.
    fn required_modules(&self) -> Result<usize> {
        let file = self.source().join("go.mod");
        let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        let is_requirement = |line: &&str| line.contains(" v") && !line.contains("=>");
        Ok(text.lines().map(str::trim).filter(is_requirement).count())
    }
}

/// Keeps the first result, an error too: a build that failed is not repeated by each test.
fn once<T: Clone>(cell: &OnceLock<Result<T, String>>, make: impl FnOnce() -> Result<T>) -> Result<T> {
    cell.get_or_init(|| make().map_err(|error| format!("{error:#}"))).clone().map_err(anyhow::Error::msg)
}
