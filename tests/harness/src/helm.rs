//! Helm as one user.

use std::process::Command;

use anyhow::{Result, bail};

use crate::cluster::folder;
use crate::components;
use crate::kubectl::{Kubectl, Said};

pub struct Helm {
    user: Kubectl,
}

impl Helm {
    #[must_use]
    pub fn new(user: Kubectl) -> Self {
        Self { user }
    }

    /// Helm for commands that need no cluster.
    pub fn without_cluster() -> Result<Self> {
        Ok(Self::new(Kubectl { kubeconfig: folder("helm")?.join("none") }))
    }

    pub fn run(&self, arguments: &[&str]) -> Result<Said> {
        let folder = self.user.kubeconfig.with_extension("helm");
        let mut command = Command::new(components::helm()?);
        command.args(arguments).env("KUBECONFIG", &self.user.kubeconfig);
        for kind in ["CACHE", "CONFIG", "DATA"] {
            command.env(format!("HELM_{kind}_HOME"), &folder);
        }
        let output = command.output()?;
        Ok(Said {
            success: output.status.success(),
            stdout: String::from_utf8(output.stdout)?,
            stderr: String::from_utf8(output.stderr)?,
        })
    }

    /// Runs a call that must succeed; its stdout.
    pub fn ok(&self, arguments: &[&str]) -> Result<String> {
        let said = self.run(arguments)?;
        if !said.success {
            bail!("helm {} failed:\n{}{}", arguments.join(" "), said.stdout, said.stderr);
        }
        Ok(said.stdout)
    }
}
