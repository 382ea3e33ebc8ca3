//! A cluster with three replicas of the webhook behind a Service, two controllers, and a tenant's namespace.

use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use bulkhead_harness::balancer::Balancer;
use bulkhead_harness::cable::Cable;
use bulkhead_harness::cluster::{Cluster, free_ports};
use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::process::Process;
use bulkhead_harness::program::{NAMESPACE, Server, named_controller, prepare, service};
use support::BINARY;
use support::cluster::{is_enforced, new_namespace, new_tenant_in};
use support::wait::until;

const REPLICAS: usize = 3;
const CONTROLLERS: usize = 2;
/// The time between the end of a pod and the last connection that the Service gives it: endpoints take a moment to spread.
const ENDPOINT_DELAYS: [Duration; REPLICAS] =
    [Duration::from_millis(100), Duration::from_millis(400), Duration::from_secs(1)];

pub(super) struct Stage {
    pub(super) cluster: Cluster,
    pub(super) replicas: Vec<Server>,
    pub(super) controllers: Vec<Process>,
    /// The connection of all replicas and controllers to the API server.
    pub(super) cable: Cable,
    /// A member of the tenant, to whom RBAC allows everything.
    pub(super) member: Kubectl,
    pub(super) namespace: String,
    controller_arguments: Vec<String>,
    service: Balancer,
    started: usize,
}

/// A stage for tests that leave it as they found it. They wait for each other.
pub(super) fn shared() -> MutexGuard<'static, Stage> {
    static STAGE: LazyLock<Mutex<Stage>> = LazyLock::new(|| Mutex::new(Stage::start(&[])));
    STAGE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stage {
    /// Starts everything, with more arguments for the controllers. The API server refuses writes that the webhook does not
    /// judge when this returns.
    pub(super) fn start(controller_arguments: &[&str]) -> Self {
        let cluster = Cluster::start().unwrap();
        prepare(&cluster, &BINARY).unwrap();
        let [port] = free_ports().unwrap();
        cluster.admin().unwrap().apply(&service(port).to_string()).unwrap();
        let service = Balancer::start(port).unwrap();
        let port = port.to_string();
        let arguments =
            [&["--certificates=self-managed", "--port", &port][..], controller_arguments].concat();
        let cable = Cable::to(cluster.server.trim_start_matches("https://").parse().unwrap()).unwrap();
        let controllers =
            (0..CONTROLLERS).map(|index| controller(&cluster, &cable, index, &arguments)).collect();
        let mut replicas: Vec<Server> = (0..REPLICAS).map(|index| replica(&cluster, &cable, index)).collect();
        for replica in &mut replicas {
            replica.wait_until_ready().unwrap();
            service.add(replica.webhook);
        }
        let admin = cluster.admin().unwrap();
        until(|| is_enforced(&admin));
        let member = new_tenant_in(&cluster, "survivor");
        let namespace = new_namespace(&member, "survivor");
        Self {
            cluster,
            replicas,
            controllers,
            cable,
            controller_arguments: arguments.iter().map(ToString::to_string).collect(),
            member,
            namespace,
            service,
            started: REPLICAS,
        }
    }

    /// The time from the start of another replica until it is ready.
    pub(super) fn time_to_ready(&mut self) -> Duration {
        let begin = Instant::now();
        let mut new = replica(&self.cluster, &self.cable, self.started);
        self.started += 1;
        new.wait_until_ready().unwrap();
        begin.elapsed()
    }

    /// Replaces each replica by a new one, as a Deployment does with `maxSurge: 1` and `maxUnavailable: 0`.
    pub(super) fn restart_replicas(&mut self) {
        for delay in ENDPOINT_DELAYS {
            self.add_replica();
            let old = self.replicas.remove(0);
            self.end_replica(old, delay);
        }
    }

    /// Ends a replica, whose endpoint is removed later.
    fn end_replica(&self, mut old: Server, delay: Duration) {
        old.process.terminate().unwrap();
        sleep(delay);
        self.service.remove(old.webhook);
        let ended = old.process.wait(Duration::from_secs(40)).unwrap();
        assert!(ended.success(), "{ended}: {}", old.process.log());
    }

    /// Ends all replicas but one.
    pub(super) fn shrink_to_one_replica(&mut self) {
        while self.replicas.len() > 1 {
            let old = self.replicas.remove(0);
            self.end_replica(old, Duration::from_secs(1));
        }
    }

    pub(super) fn end_replicas(&mut self) {
        for old in std::mem::take(&mut self.replicas) {
            self.end_replica(old, Duration::from_secs(1));
        }
    }

    /// Kills a replica. Its endpoint is removed, and another replica started, after this time.
    pub(super) fn kill_replica(&mut self, noticed_after: Duration) {
        let mut killed = self.replicas.remove(0);
        killed.process.kill().unwrap();
        sleep(noticed_after);
        self.service.remove(killed.webhook);
        self.add_replica();
    }

    /// Replaces each controller by a new one.
    pub(super) fn restart_controllers(&mut self) {
        for mut old in std::mem::take(&mut self.controllers) {
            self.add_controller();
            old.terminate().unwrap();
            old.wait(Duration::from_secs(20)).unwrap();
        }
    }

    pub(super) fn end_controllers(&mut self) {
        for mut controller in self.controllers.drain(..) {
            controller.terminate().unwrap();
            controller.wait(Duration::from_secs(20)).unwrap();
        }
    }

    pub(super) fn add_controller(&mut self) {
        let arguments: Vec<&str> = self.controller_arguments.iter().map(String::as_str).collect();
        let new = controller(&self.cluster, &self.cable, self.started, &arguments);
        self.started += 1;
        self.controllers.push(new);
    }

    fn add_replica(&mut self) {
        let mut new = replica(&self.cluster, &self.cable, self.started);
        self.started += 1;
        new.wait_until_ready().unwrap();
        self.service.add(new.webhook);
        self.replicas.push(new);
    }
}

fn controller(cluster: &Cluster, cable: &Cable, index: usize, arguments: &[&str]) -> Process {
    let kubeconfig = account(cluster, cable, "bulkhead-controller").kubeconfig;
    let name = format!("controller-{index}");
    named_controller(&BINARY, &name, &cluster.folder, arguments, &kubeconfig).unwrap()
}

fn replica(cluster: &Cluster, cable: &Cable, index: usize) -> Server {
    let kubeconfig = account(cluster, cable, "bulkhead").kubeconfig;
    let arguments = ["--certificates=self-managed", "--parts=webhook"];
    let name = format!("webhook-{index}");
    Server::start(&BINARY, &name, &cluster.folder, &arguments, Some(&kubeconfig)).unwrap()
}

/// A new token of this account of Bulkhead.
fn account(cluster: &Cluster, cable: &Cable, name: &str) -> Kubectl {
    let account = cluster.service_account(NAMESPACE, name).unwrap();
    account.through(&cluster.server, cable.address).unwrap()
}
