//! A running pod, and calls from it.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::{PROXY, TUNNEL_PORT};
use crate::network::Namespace;
use crate::process::Process;

/// A running pod.
pub struct Pod {
    pub(super) network: Namespace,
    pub(super) agent: PathBuf,
    /// The folder of the certificate that its agent received.
    pub certificate: PathBuf,
    /// Its IPv4 address.
    pub address: IpAddr,
    /// Its other address, where the machine has IPv6.
    pub ipv6: Option<IpAddr>,
    /// The user of its workload.
    pub(super) user: String,
    pub(super) processes: Vec<Process>,
}

/// The result of a call: the status and the body, or the reason why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Said(String),
    Refused(String),
}

impl Pod {
    /// Calls as the pod's own workload: `http HOST:PORT LINE [HEADER ...]` or `tcp HOST:PORT`.
    pub fn call(&self, arguments: &[&str]) -> Result<Answer> {
        answer(self.caller(&self.user, "0").args(arguments))
    }

    /// Calls around the pod's own proxy, as a workload can that runs as the proxy's user: in plaintext, or with the
    /// certificate in a folder.
    pub fn call_around(&self, certificate: Option<&Path>, arguments: &[&str]) -> Result<Answer> {
        let mut command = self.caller(PROXY, PROXY);
        if let Some(folder) = certificate {
            command.arg("as").arg(folder);
        }
        answer(command.args(arguments))
    }

    /// Opens an HBONE tunnel through the proxy at an address, with the certificate in a folder, and calls through it.
    pub fn call_through(&self, proxy: IpAddr, certificate: &Path, arguments: &[&str]) -> Result<Answer> {
        let mut command = self.caller(PROXY, PROXY);
        command.arg("as").arg(certificate).args(["through", &format!("{proxy}:{TUNNEL_PORT}")]);
        answer(command.args(arguments))
    }

    fn caller(&self, user: &str, group: &str) -> Command {
        let mut command = self.network.command(Path::new("setpriv"));
        command.args(["--reuid", user, "--regid", group, "--clear-groups"]).arg(&self.agent).arg("call");
        command
    }

    /// True if the configuration that istiod has sent to the pod's proxy contains this text.
    pub fn proxy_knows(&self, what: &str) -> Result<bool> {
        let answer = self.call(&["http", "127.0.0.1:15000", "GET /config_dump HTTP/1.1", "Host: proxy"])?;
        Ok(matches!(answer, Answer::Said(said) if said.contains(what)))
    }

    /// The sum of the counters of the pod's proxy whose names contain this text.
    pub fn proxy_counts(&self, what: &str) -> Result<u64> {
        let line = format!("GET /stats?filter={what} HTTP/1.1");
        match self.call(&["http", "127.0.0.1:15000", &line, "Host: proxy"])? {
            Answer::Said(said) => {
                Ok(said.lines().filter_map(|line| line.rsplit_once(": ")?.1.parse::<u64>().ok()).sum())
            }
            Answer::Refused(said) => bail!("the proxy's counts: {said}"),
        }
    }

    /// The number of connections of an identity, without `spiffe://`, that the double in front of the pod has refused.
    #[must_use]
    pub fn refusals(&self, identity: &str) -> usize {
        let of = format!("\"{identity}\" ");
        let logs = self.processes.iter().map(Process::log);
        let count = |log: String| {
            log.lines().filter(|line| line.contains(&of) && line.contains(": allowed false ")).count()
        };
        logs.map(count).sum()
    }

    /// True if the double in front of the pod has received a policy.
    #[must_use]
    pub fn has_policy(&self, namespace: &str, name: &str) -> bool {
        let end = format!(" policy {namespace}/{name}");
        self.processes.iter().any(|process| process.log().lines().any(|line| line.ends_with(&end)))
    }

    pub(super) fn wait_until_ready(&mut self) -> Result<()> {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let answer =
                self.call(&["http", "127.0.0.1:15021", "GET /healthz/ready HTTP/1.1", "Host: proxy"])?;
            if matches!(&answer, Answer::Said(said) if said.starts_with("200")) {
                return Ok(());
            }
            if Instant::now() > end {
                let log = self.processes.last().map(Process::log).unwrap_or_default();
                let tail: Vec<&str> = log.lines().rev().take(20).collect();
                bail!(
                    "the proxy is not ready: {answer:?}\n{}",
                    tail.into_iter().rev().collect::<Vec<_>>().join("\n")
                );
            }
            thread::sleep(Duration::from_millis(200));
        }
    }
}

fn answer(call: &mut Command) -> Result<Answer> {
    let output = call.output()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    Ok(if output.status.success() {
        Answer::Said(text(&output.stdout))
    } else {
        Answer::Refused(text(&output.stderr))
    })
}
