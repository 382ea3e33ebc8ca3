//! An independent evaluator (cyclonus) decides which packets network policies allow, without sending one.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::io::Write;
use std::net::IpAddr;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::components;

/// The first packet of a connection.
#[derive(Clone, Debug)]
pub struct Packet {
    pub from: End,
    pub to: End,
    pub port: Port,
}

/// The sender or the receiver. A pod has an address too: policies may name blocks of addresses.
#[derive(Clone, Debug)]
pub struct End {
    /// `None` outside the cluster, and on a node's own network.
    pub pod: Option<Pod>,
    pub address: IpAddr,
}

/// A pod, as selectors see it.
#[derive(Clone, Debug)]
pub struct Pod {
    pub namespace: String,
    pub namespace_labels: BTreeMap<String, String>,
    pub labels: BTreeMap<String, String>,
}

/// The port on which the receiver listens: policies see a packet after its Service is translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Port {
    Tcp(u16),
    Udp(u16),
}

/// Evaluates each of `packets` in a cluster that has these NetworkPolicies: true if it may leave the sender and reach
/// the receiver.
pub fn passes(policies: &[Value], packets: &[Packet]) -> Result<Vec<bool>> {
    let questions: Vec<Value> = packets.iter().map(Packet::question).collect();
    let input = json!({ "policies": policies, "questions": questions });
    let mut child = Command::new(components::cyclonus()?)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    child.stdin.take().context("stdin was asked for")?.write_all(input.to_string().as_bytes())?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    let answers: Vec<bool> = serde_json::from_slice(&output.stdout)?;
    if answers.len() != packets.len() {
        bail!("{} answers to {} questions", answers.len(), packets.len());
    }
    Ok(answers)
}

impl Packet {
    fn question(&self) -> Value {
        let (protocol, port) = self.port.parts();
        json!({ "from": self.from.described(), "to": self.to.described(), "port": port, "protocol": protocol })
    }
}

impl End {
    fn described(&self) -> Value {
        match &self.pod {
            Some(pod) => json!({
                "namespace": pod.namespace, "namespaceLabels": pod.namespace_labels, "podLabels": pod.labels,
                "ip": self.address,
            }),
            None => json!({ "ip": self.address }),
        }
    }
}

impl Port {
    #[must_use]
    pub fn number(self) -> u16 {
        self.parts().1
    }

    fn parts(self) -> (&'static str, u16) {
        match self {
            Self::Tcp(port) => ("TCP", port),
            Self::Udp(port) => ("UDP", port),
        }
    }
}

impl Display for Port {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (protocol, port) = self.parts();
        write!(to, "{protocol} {port}")
    }
}

impl Display for End {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pod {
            Some(pod) => write!(to, "{} {:?}", pod.namespace, pod.labels),
            None => self.address.fmt(to),
        }
    }
}

impl Display for Packet {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} -> {}, {}", self.from, self.to, self.port)
    }
}
