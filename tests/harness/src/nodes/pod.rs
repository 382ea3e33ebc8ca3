use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::mount::{self, Mount};
use super::{list, text};
use crate::cluster::free_ports;
use crate::kubectl::Kubectl;
use crate::process::Process;
use crate::wire;

/// Interval at which files follow their ConfigMaps and Secrets. A kubelet takes up to a minute.
const REFRESH_INTERVAL: Duration = Duration::from_secs(5);

/// A pod with one container, whose process runs.
pub(super) struct Pod {
    namespace: String,
    name: String,
    /// The address of the pod in the cluster.
    pub(super) address: String,
    /// The place of each port of the container.
    pub(super) ports: BTreeMap<u16, SocketAddr>,
    pub(super) process: Process,
    mounts: Vec<Mount>,
    /// The time at which the files of the mounts were written.
    refreshed: Instant,
    readiness: Option<(SocketAddr, String)>,
    /// The last reported state.
    reported: Option<State>,
    grace: Duration,
    /// The time at which it is killed, once it has been told to end.
    killed_at: Option<Instant>,
    has_ended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running { ready: bool },
    Ended { exit_code: i32 },
}

impl Pod {
    /// Starts the process of a pod. Its files are in `folder`.
    pub(super) fn start(
        object: &Value,
        address: String,
        admin: &Kubectl,
        kubeconfig: &Path,
        binary: &Path,
        folder: &Path,
    ) -> Result<Self> {
        let metadata = &object["metadata"];
        let (namespace, name) = (text(&metadata["namespace"])?, text(&metadata["name"])?);
        let spec = &object["spec"];
        let mut containers = list(&spec["containers"]);
        let (Some(container), None) = (containers.next(), containers.next()) else {
            bail!("the pod has not one container");
        };
        fs::create_dir_all(folder)?;
        let mounts = mount::of_container(spec, container, folder)?;
        for mount in &mounts {
            mount.write(admin, &namespace)?;
        }
        let ports = ports(container)?;
        let mut command = Command::new(binary);
        command.env_clear().env("HOSTNAME", &name).env("KUBECONFIG", kubeconfig);
        for variable in list(&container["env"]) {
            let value = text(&variable["value"]).context("only variables with a `value` are supported")?;
            command.env(text(&variable["name"])?, replaced(&value, &mounts, &ports));
        }
        for argument in list(&container["args"]) {
            command.arg(replaced(&text(argument)?, &mounts, &ports));
        }
        let grace = spec["terminationGracePeriodSeconds"].as_u64().context("a grace period")?;
        Ok(Self {
            readiness: readiness(container, &ports)?,
            process: Process::start("container", folder, &mut command)?,
            namespace,
            name,
            address,
            ports,
            mounts,
            refreshed: Instant::now(),
            reported: None,
            grace: Duration::from_secs(grace),
            killed_at: None,
            has_ended: false,
        })
    }

    /// Writes changed files, probes the process, and reports a new state.
    pub(super) fn tend(&mut self, admin: &Kubectl) -> Result<()> {
        if self.has_ended {
            return Ok(());
        }
        if self.refreshed.elapsed() > REFRESH_INTERVAL {
            for mount in &self.mounts {
                mount.write(admin, &self.namespace)?;
            }
            self.refreshed = Instant::now();
        }
        let state = match self.process.ended()? {
            Some(status) => {
                self.has_ended = true;
                let exit_code = status.code().unwrap_or(-1);
                if exit_code != 0 {
                    eprintln!("nodes: {} ended with {status}:\n{}", self.name, self.process.log());
                }
                State::Ended { exit_code }
            }
            None => State::Running { ready: self.is_ready() },
        };
        if self.reported != Some(state) {
            self.report(admin, state)?;
            self.reported = Some(state);
        }
        Ok(())
    }

    /// Ends the process, as a kubelet does for a deleted pod. Returns true once it has ended and the pod is gone.
    pub(super) fn end(&mut self, admin: &Kubectl, is_listed: bool) -> Result<bool> {
        if !self.has_ended {
            match self.killed_at {
                None => {
                    self.process.terminate()?;
                    self.killed_at = Some(Instant::now() + self.grace);
                }
                Some(end) if Instant::now() > end => {
                    eprintln!("nodes: {} did not end in its grace period", self.name);
                    self.process.kill()?;
                    self.has_ended = true;
                }
                Some(_) => self.has_ended = self.process.ended()?.is_some(),
            }
        }
        if self.has_ended && is_listed {
            let delete = ["delete", "pod", &self.name, "-n", &self.namespace, "--ignore-not-found"];
            admin.ok(&[&delete[..], &["--grace-period=0", "--force", "--wait=false"]].concat())?;
        }
        Ok(self.has_ended)
    }

    fn is_ready(&self) -> bool {
        self.readiness.as_ref().is_none_or(|(address, path)| {
            wire::get(*address, path).is_ok_and(|answer| (200..400).contains(&answer.status))
        })
    }

    fn report(&self, admin: &Kubectl, state: State) -> Result<()> {
        let now = "2026-01-01T00:00:00Z";
        let (phase, ready, container) = match state {
            State::Running { ready } => ("Running", ready, json!({ "running": { "startedAt": now } })),
            State::Ended { exit_code } => (
                if exit_code == 0 { "Succeeded" } else { "Failed" },
                false,
                json!({ "terminated": { "exitCode": exit_code, "startedAt": now, "finishedAt": now } }),
            ),
        };
        let status = if ready { "True" } else { "False" };
        let condition = json!({ "type": "Ready", "status": status, "lastTransitionTime": now });
        let patch = json!({ "status": {
            "phase": phase, "podIP": self.address, "podIPs": [{ "ip": self.address }], "conditions": [condition],
            "containerStatuses": [{
                "name": "bulkhead", "image": "bulkhead", "imageID": "", "ready": ready, "restartCount": 0,
                "state": container,
            }],
        } });
        let call =
            ["patch", "pod", &self.name, "-n", &self.namespace, "--subresource=status", "--type=merge"];
        admin.ok(&[&call[..], &["-p", &patch.to_string()]].concat()).map(drop)
    }
}

/// The place of each port of a container: a free port of loopback.
fn ports(container: &Value) -> Result<BTreeMap<u16, SocketAddr>> {
    let mut ports = BTreeMap::new();
    for port in list(&container["ports"]) {
        let number = u16::try_from(port["containerPort"].as_u64().context("a port")?)?;
        let [free] = free_ports()?;
        ports.insert(number, SocketAddr::from(([127, 0, 0, 1], free)));
    }
    Ok(ports)
}

/// The place and the path of a container's readiness probe.
fn readiness(container: &Value, ports: &BTreeMap<u16, SocketAddr>) -> Result<Option<(SocketAddr, String)>> {
    let probe = &container["readinessProbe"]["httpGet"];
    if probe.is_null() {
        return Ok(None);
    }
    let named = list(&container["ports"]).find(|port| port["name"] == probe["port"]);
    let number = named.map_or(&probe["port"], |port| &port["containerPort"]);
    let number = number.as_u64().and_then(|number| u16::try_from(number).ok());
    let place = number.and_then(|number| ports.get(&number)).context("the probe names no port")?;
    Ok(Some((*place, text(&probe["path"])?)))
}

/// A text of the container, with paths of mounts and addresses with the container's ports replaced.
fn replaced(text: &str, mounts: &[Mount], ports: &BTreeMap<u16, SocketAddr>) -> String {
    let (flag, value) = text.split_once('=').map_or(("", text), |(flag, value)| (flag, value));
    let flag = if flag.is_empty() { String::new() } else { format!("{flag}=") };
    if let Some(place) = value.parse().ok().and_then(|address: SocketAddr| ports.get(&address.port())) {
        return format!("{flag}{place}");
    }
    let path = mounts.iter().find_map(|mount| mount.path(value));
    path.map_or_else(|| text.to_owned(), |path| format!("{flag}{}", path.display()))
}
