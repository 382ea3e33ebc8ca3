//! Files that are made once and found again, by every checkout of this machine.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::progress;

/// `FOLDER/NAME` in the cache, if it exists.
pub(super) fn find(folder: &str, name: &str) -> Option<PathBuf> {
    Some(root().ok()?.join(folder).join(name)).filter(|file| file.is_file())
}

/// `FOLDER/NAME` in the cache. If it does not exist, `make` writes it to the path that it gets; other processes wait.
pub(super) fn file(folder: &str, name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let folder = root()?.join(folder);
    let file = folder.join(name);
    if file.is_file() {
        return Ok(file);
    }
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let _lock = lock(&folder.join("lock"), name)?;
    if file.is_file() {
        return Ok(file);
    }
    let unfinished = folder.join("unfinished");
    make(&unfinished)?;
    fs::rename(&unfinished, &file)
        .with_context(|| format!("renaming {} to {}", unfinished.display(), file.display()))?;
    Ok(file)
}

/// The folder of the cache: outside the checkout, so that a second checkout finds the files too.
pub(super) fn root() -> Result<PathBuf> {
    let base = match (std::env::var_os("XDG_CACHE_HOME"), std::env::var_os("HOME")) {
        (Some(cache), _) => PathBuf::from(cache),
        (None, Some(home)) => Path::new(&home).join(".cache"),
        (None, None) => {
            bail!("neither XDG_CACHE_HOME nor HOME is set; set one: compiled components are kept below it")
        }
    };
    let root = base.join("bulkhead-components");
    fs::create_dir_all(&root).with_context(|| {
        format!("creating {}; set XDG_CACHE_HOME to a folder that you can write", root.display())
    })?;
    Ok(root)
}

fn lock(path: &Path, name: &str) -> Result<File> {
    let file = File::create(path).with_context(|| format!("creating {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => {
            progress::note(&format!("waiting for another process, which makes `{name}`"));
        }
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("locking {}", path.display()));
        }
    }
    file.lock().with_context(|| format!("locking {}", path.display()))?;
    Ok(file)
}
