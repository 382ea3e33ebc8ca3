//! The network of one cluster's pods: network namespaces that a bridge connects, without a kubelet and a network
//! plugin. [`namespace`] is one of them, [`host`] listens in one and sends packets, [`policy_engine`] enforces
//! network policies between them.

mod host;
mod namespace;
mod policy_engine;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::atomic::{AtomicU8, AtomicU16, Ordering};

use anyhow::{Context, Result};

pub use host::{Flow, Host};
pub use namespace::Namespace;
pub use policy_engine::PolicyEngine;

/// The bridge's own number and therefore addresses; pods have the numbers after it.
const HUB: u16 = 1;
/// The kernel's part that shows bridged packets to netfilter.
pub(crate) const BRIDGE_NETFILTER: &str = "/proc/sys/net/bridge/bridge-nf-call-iptables";

pub struct PodNetwork {
    /// The prefix of the network namespaces' names.
    prefix: String,
    /// The namespace of the bridge.
    hub: Namespace,
    last: AtomicU16,
}

impl PodNetwork {
    pub fn start() -> Result<Self> {
        static NETWORKS: AtomicU8 = AtomicU8::new(0);
        let number = NETWORKS.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("bh{}-{number}", std::process::id());
        let hub = Namespace::create(&format!("{prefix}-hub"))?;
        hub.ip(&["link", "add", "pods", "type", "bridge"])?;
        for address in usable(pod_addresses(HUB)) {
            hub.add_address(address, "pods")?;
        }
        hub.ip(&["link", "set", "pods", "up"])?;
        hub.set("/proc/sys/net/ipv4/ip_forward", "1")?;
        if has_ipv6() {
            hub.set("/proc/sys/net/ipv6/conf/all/forwarding", "1")?;
        }
        Ok(Self { prefix, hub, last: AtomicU16::new(HUB) })
    }

    /// A network namespace for one more pod, on the bridge.
    pub fn pod(&self) -> Result<(Namespace, Vec<IpAddr>)> {
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let (name, port) = (format!("{}-{number}", self.prefix), format!("pod{number}"));
        let pod = self.wire(&name, &port)?;
        self.hub.ip(&["link", "set", &port, "master", "pods", "up"])?;
        let addresses: Vec<IpAddr> = usable(pod_addresses(number)).collect();
        for (address, hub) in addresses.iter().zip(pod_addresses(HUB)) {
            pod.add_address(*address, "eth0")?;
            pod.ip(&["route", "add", "default", "via", &hub.to_string()])?;
        }
        Ok((pod, addresses))
    }

    /// A network namespace that has these addresses, which are no pods', behind a router.
    pub fn outside(&self, addresses: &[IpAddr]) -> Result<Namespace> {
        let outside = self.wire(&format!("{}-outside", self.prefix), "outside")?;
        self.hub.ip(&["link", "set", "outside", "up"])?;
        for (own, hub) in usable(link_addresses(2)).zip(usable(link_addresses(HUB))) {
            outside.add_address(own, "eth0")?;
            self.hub.add_address(hub, "outside")?;
            outside.ip(&["route", "add", "default", "via", &hub.to_string()])?;
        }
        for address in addresses {
            outside.add_host_address(*address, "eth0")?;
            self.hub.ip(&["route", "add", &address.to_string(), "dev", "outside"])?;
        }
        Ok(outside)
    }

    /// A network namespace whose `eth0` is the other end of `port` of the bridge's namespace.
    fn wire(&self, name: &str, port: &str) -> Result<Namespace> {
        let namespace = Namespace::create(name)?;
        self.hub.ip(&["link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name])?;
        namespace.ip(&["link", "set", "eth0", "up"])?;
        Ok(namespace)
    }
}

/// The addresses of the pod with this number. The second one is in use only if [`has_ipv6`].
pub fn pod_addresses(number: u16) -> [IpAddr; 2] {
    let [high, low] = number.to_be_bytes();
    [Ipv4Addr::new(10, 244, high, low).into(), Ipv6Addr::new(0xfd00, 0x10, 0x244, 0, 0, 0, 0, number).into()]
}

/// Addresses of the link between the bridge's namespace and the one outside.
fn link_addresses(number: u16) -> [IpAddr; 2] {
    let [high, low] = number.to_be_bytes();
    [Ipv4Addr::new(10, 245, high, low).into(), Ipv6Addr::new(0xfd00, 0x10, 0x245, 0, 0, 0, 0, number).into()]
}

/// The number of the first pod.
pub const FIRST_POD: u16 = HUB + 1;

/// The addresses of the families that this machine has.
pub fn usable(addresses: impl IntoIterator<Item = IpAddr>) -> impl Iterator<Item = IpAddr> {
    addresses.into_iter().filter(|address| address.is_ipv4() || has_ipv6())
}

#[must_use]
pub fn has_ipv6() -> bool {
    Path::new("/proc/sys/net/ipv6/conf/all/forwarding").exists()
}

/// Kernel parts that are missing here and that enforcing needs, each with the command that loads it.
pub(crate) fn missing_kernel_parts() -> impl Iterator<Item = String> {
    let parts = [
        (BRIDGE_NETFILTER, "br_netfilter"),
        ("/proc/sys/net/netfilter/nf_conntrack_tcp_loose", "nf_conntrack"),
        ("/proc/net/netfilter/nfnetlink_queue", "nfnetlink_queue"),
    ];
    let missing = parts.into_iter().filter(|(path, _)| !Path::new(path).exists());
    missing.map(|(_, module)| format!("the kernel's `{module}` (`modprobe {module}` on the host)"))
}

fn written(path: &str, value: &str) -> Result<()> {
    std::fs::write(path, value).with_context(|| format!("writing {value} to {path}"))
}
