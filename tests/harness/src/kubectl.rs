//! kubectl as one user.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::components;

#[derive(Clone)]
pub struct Kubectl {
    pub kubeconfig: PathBuf,
}

/// The output and the result of a call.
#[derive(Debug)]
pub struct Said {
    pub success: bool,
    pub stdout: String,
    pub stderr: String,
}

impl Kubectl {
    /// The command, ready to run.
    pub fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = components::kubernetes("kubectl")?;
        command.env("KUBECONFIG", &self.kubeconfig).env("KUBECACHEDIR", self.folder().join("cache"));
        command.args(arguments);
        Ok(command)
    }

    /// The same user, who reaches the API server at another address.
    pub fn through(&self, server: &str, address: SocketAddr) -> Result<Self> {
        let kubeconfig = self.kubeconfig.with_extension(format!("{}.kubeconfig", address.port()));
        let direct = fs::read_to_string(&self.kubeconfig)?;
        fs::write(&kubeconfig, direct.replace(server, &format!("https://{address}")))?;
        Ok(Self { kubeconfig })
    }

    pub fn run(&self, arguments: &[&str]) -> Result<Said> {
        self.feed(arguments, "")
    }

    /// Runs with `input` on stdin.
    pub fn feed(&self, arguments: &[&str], input: &str) -> Result<Said> {
        let mut child = self
            .command(arguments)?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut stdin = child.stdin.take().context("stdin was asked for")?;
        // A call that reads no input may have closed the pipe.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output()?;
        Ok(Said {
            success: output.status.success(),
            stdout: String::from_utf8(output.stdout)?,
            stderr: String::from_utf8(output.stderr)?,
        })
    }

    /// Replaces an object by `manifest`. kubectl reads the object first; it starts again when somebody, such as the
    /// controller, wrote in between.
    pub fn replace(&self, manifest: &str) -> Result<Said> {
        loop {
            let said = self.feed(&["replace", "-f", "-"], manifest)?;
            if !said.stderr.contains("the object has been modified") {
                return Ok(said);
            }
        }
    }

    /// Runs a call that must succeed; its stdout.
    pub fn ok(&self, arguments: &[&str]) -> Result<String> {
        self.feed_ok(arguments, "")
    }

    /// Applies `manifests`, which must succeed; kubectl's stdout.
    pub fn apply(&self, manifests: &str) -> Result<String> {
        self.feed_ok(&["apply", "--server-side", "--force-conflicts", "-f", "-"], manifests)
    }

    fn feed_ok(&self, arguments: &[&str], input: &str) -> Result<String> {
        let mut said = self.feed(arguments, input)?;
        // The API server gives up a read when etcd is slow. As a read changes nothing, it is repeated once.
        if arguments.first() == Some(&"get") && said.stderr.contains("(Timeout)") {
            eprintln!("again, after a timeout: kubectl {}", arguments.join(" "));
            said = self.feed(arguments, input)?;
        }
        if !said.success {
            bail!("kubectl {} failed:\n{}{}", arguments.join(" "), said.stdout, said.stderr);
        }
        Ok(said.stdout)
    }

    fn folder(&self) -> &Path {
        self.kubeconfig.parent().unwrap_or(Path::new("."))
    }
}
