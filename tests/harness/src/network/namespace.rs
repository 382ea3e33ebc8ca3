//! A Linux network namespace.

use std::net::IpAddr;
use std::path::Path;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, anyhow, bail};

use super::written;
use crate::guard;

#[derive(Clone, Debug)]
pub struct Namespace {
    pub(crate) name: String,
}

impl Namespace {
    /// Creates a namespace that is deleted when this process ends.
    pub(super) fn create(name: &str) -> Result<Self> {
        ip(&["netns", "add", name])?;
        guard::network_with_us(name);
        let namespace = Self { name: name.to_owned() };
        namespace.ip(&["link", "set", "lo", "up"])?;
        Ok(namespace)
    }

    /// A command that runs in the namespace.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// Runs `ip` on the namespace.
    pub(super) fn ip(&self, arguments: &[&str]) -> Result<()> {
        ip(&[&["-n", &self.name], arguments].concat())
    }

    pub(super) fn add_address(&self, address: IpAddr, device: &str) -> Result<()> {
        let bits = if address.is_ipv4() { 16 } else { 64 };
        self.add_block(address, bits, device)
    }

    /// Adds an address that has no neighbours on the device.
    pub(super) fn add_host_address(&self, address: IpAddr, device: &str) -> Result<()> {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        self.add_block(address, bits, device)
    }

    fn add_block(&self, address: IpAddr, bits: u8, device: &str) -> Result<()> {
        let block = format!("{address}/{bits}");
        // Without detection of duplicates an IPv6 address is usable at once.
        let no_detection: &[&str] = if address.is_ipv4() { &[] } else { &["nodad"] };
        self.ip(&[&["addr", "add", &block, "dev", device], no_detection].concat())
    }

    /// Writes a setting of the kernel in the namespace.
    pub(super) fn set(&self, path: &str, value: &str) -> Result<()> {
        self.run(|| written(path, value))
    }

    /// Calls `work` on a thread in the namespace.
    pub(super) fn run<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        thread::scope(|scope| {
            let inside = scope.spawn(|| self.enter().and_then(|()| work()));
            inside.join().map_err(|_| anyhow!("a thread in {} panicked", self.name))?
        })
    }

    /// Moves the calling thread into the namespace. Sockets that it opens stay there.
    #[cfg(target_os = "linux")]
    pub(super) fn enter(&self) -> Result<()> {
        use std::os::fd::AsFd as _;

        use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

        let path = Path::new("/run/netns").join(&self.name);
        let file = std::fs::File::open(&path).with_context(|| format!("opening {}", path.display()))?;
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
            .with_context(|| format!("entering {}", self.name))
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unused_self, reason = "it has the form that it has on Linux")]
    pub(super) fn enter(&self) -> Result<()> {
        bail!("network namespaces need Linux")
    }
}

fn ip(arguments: &[&str]) -> Result<()> {
    let output = Command::new("ip").args(arguments).output().context("starting `ip`")?;
    if !output.status.success() {
        bail!("ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
