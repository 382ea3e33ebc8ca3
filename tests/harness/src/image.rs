//! The container image that `scripts/image` makes, unpacked, and processes in it as a container runtime starts them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::cluster::folder;
use crate::components;

const TAG: &str = "test";

pub struct Image {
    root: PathBuf,
    config: Value,
}

impl Image {
    /// Makes the image of a binary and unpacks it.
    pub fn of(binary: &Path) -> Result<Self> {
        let folder = folder("image")?;
        let umoci = components::umoci()?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/image");
        let layout = folder.join("layout");
        // CI checks out other commits, and a source archive has none.
        run(Command::new(script)
            .arg(binary)
            .arg(&layout)
            .arg(TAG)
            .env("UMOCI", &umoci)
            .env("SOURCE_DATE_EPOCH", "0"))?;
        let bundle = folder.join("bundle");
        let image = format!("{}:{TAG}", layout.display());
        run(Command::new(umoci).args(["unpack", "--rootless", "--image", &image]).arg(&bundle))?;
        let config = fs::read_to_string(bundle.join("config.json")).context("the unpacked configuration")?;
        // Another user than this process's enters it.
        for folder in [&folder, &bundle] {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
        }
        Ok(Self { root: bundle.join("rootfs"), config: serde_json::from_str(&config)? })
    }

    /// Writes a file that a runtime mounts into a container, readable for its user.
    pub fn mount(&self, path: &str, content: &str) -> Result<()> {
        fs::write(self.root.join(path), content).with_context(|| format!("writing {path}"))
    }

    /// Removes the libraries whose names begin with `prefix`. Returns their number.
    pub fn remove_libraries(&self, prefix: &str) -> Result<usize> {
        let mut removed = 0;
        for folder in fs::read_dir(self.root.join("lib"))? {
            for file in fs::read_dir(folder?.path())? {
                let file = file?;
                if file.file_name().to_string_lossy().starts_with(prefix) {
                    fs::remove_file(file.path())?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }

    /// The image's entrypoint under its user and with its environment, in its files, which are read-only. It takes
    /// arguments. Needs root.
    pub fn command(&self) -> Result<Command> {
        let process = &self.config["process"];
        let (uid, gid) = (&process["user"]["uid"], &process["user"]["gid"]);
        let mut command = Command::new(found("unshare")?);
        command
            .arg("--mount")
            .arg(found("sh")?)
            .args(["-c", READ_ONLY])
            .arg(found("mount")?)
            .arg(&self.root)
            .arg(found("chroot")?)
            .args([&format!("--userspec={uid}:{gid}"), "--groups="])
            .arg(&self.root)
            .args(texts(&process["args"])?)
            .env_clear();
        for variable in texts(&process["env"])? {
            let (name, value) = variable.split_once('=').context("NAME=VALUE")?;
            command.env(name, value);
        }
        Ok(command)
    }
}

/// Makes the folder `$1` read-only by the program `$0`, and becomes the program with the further arguments.
const READ_ONLY: &str = r#""$0" --bind "$1" "$1" && "$0" -o remount,bind,ro "$1" && shift && exec "$@""#;

/// The path of a program, for a process that has another `PATH`.
fn found(program: &str) -> Result<PathBuf> {
    let folders = std::env::var_os("PATH").context("PATH")?;
    let found =
        std::env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file());
    found.with_context(|| format!("`{program}` is not in PATH"))
}

fn texts(list: &Value) -> Result<Vec<&str>> {
    list.as_array().into_iter().flatten().map(|item| item.as_str().context("a text")).collect()
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("starting {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
