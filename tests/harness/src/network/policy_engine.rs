//! Enforces the NetworkPolicies and AdminNetworkPolicies of a cluster on the bridge of its pods: SIG Network's reference implementation, to
//! which the kernel sends the first packet of each connection.

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{BRIDGE_NETFILTER, Namespace, PodNetwork, has_ipv6};
use crate::cluster::{Cluster, folder};
use crate::process::Process;
use crate::{components, pipe};

/// The queue on which the engine listens.
const QUEUE: &str = "100";

pub struct PolicyEngine {
    hub: Namespace,
    process: Process,
    is_enforcing: AtomicBool,
}

impl PolicyEngine {
    /// Creates the kind AdminNetworkPolicy, starts the engine, and waits until it judges packets. None is sent to it
    /// before [`Self::enforce`].
    pub fn start(network: &PodNetwork, cluster: &Cluster) -> Result<Self> {
        let admin = cluster.admin()?;
        components::ADMIN_NETWORK_POLICIES.serve(&admin)?;
        let hub = network.hub.clone();
        hub.set(BRIDGE_NETFILTER, "1")?;
        // A connection from before policies are enforced is not new.
        hub.set("/proc/sys/net/netfilter/nf_conntrack_tcp_loose", "0")?;
        let folder = folder("policy-engine")?;
        let socket = folder.join("api.sock");
        let port = cluster.server.rsplit(':').next().and_then(|port| port.parse().ok()).context("a port")?;
        pipe::forward(UnixListener::bind(&socket)?, port);
        let mut command = hub.command(&components::policy_engine()?);
        command.arg("--kubeconfig").arg(&admin.kubeconfig).arg("--through").arg(&socket);
        let mut process = Process::start("policy-engine", &folder, &mut command)?;
        process.wait_for(Duration::from_secs(60), |_| {
            // One line for each queue that a program listens on.
            let queues = "/proc/thread-self/net/netfilter/nfnetlink_queue";
            let queues = hub.run(|| Ok(std::fs::read_to_string(queues)?)).ok()?;
            queues.lines().any(|line| line.split_whitespace().next() == Some(QUEUE)).then_some(())
        })?;
        Ok(Self { hub, process, is_enforcing: AtomicBool::new(false) })
    }

    /// From now on the first packet of each connection between pods needs the engine's consent, or not anymore.
    pub fn enforce(&self, on: bool) -> Result<()> {
        if self.is_enforcing.swap(on, Ordering::Relaxed) == on {
            return Ok(());
        }
        let change = if on { "-A" } else { "-D" };
        let programs: &[&str] = if has_ipv6() { &["iptables", "ip6tables"] } else { &["iptables"] };
        for program in programs {
            let mut command = self.hub.command(Path::new(program));
            command.args(["-w", "-t", "mangle", change, "POSTROUTING", "-m", "conntrack"]);
            command.args(["--ctstate", "NEW", "-j", "NFQUEUE", "--queue-num", QUEUE]);
            let output = command.output()?;
            ensure!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    /// Ends the engine, as in a failure of the node's plugin.
    pub fn end(&mut self) -> Result<()> {
        self.process.kill()
    }
}
