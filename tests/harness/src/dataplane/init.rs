//! Runs the init containers that a pod has of its own, on the programs of this machine instead of an image's.

use std::path::Path;

use anyhow::{Result, bail};
use serde_json::Value;

use super::Pod;
use super::proxy::strings;

/// The capabilities that a container runtime gives to root by default.
const DEFAULT: &str = "-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,\
                       +net_bind_service,+net_raw,+sys_chroot,+mknod,+audit_write,+setfcap";

/// Runs the commands of the pod's own init containers as root, with the capabilities that each of them adds.
pub(super) fn run_all(pod: &Pod, shown: &Value) -> Result<()> {
    let containers = shown["spec"]["initContainers"].as_array().into_iter().flatten();
    for container in containers.filter(|container| container["command"].is_array()) {
        let mut capabilities = DEFAULT.to_owned();
        for added in strings(&container["securityContext"]["capabilities"]["add"]) {
            capabilities.push_str(&format!(",+{}", added.to_lowercase()));
        }
        let mut command = pod.network.command(Path::new("setpriv"));
        command.args(["--bounding-set", &capabilities, "--inh-caps", &capabilities]);
        let output = command.args(strings(&container["command"])).output()?;
        if !output.status.success() {
            bail!("{}: {}", container["name"], String::from_utf8_lossy(&output.stderr));
        }
    }
    Ok(())
}
