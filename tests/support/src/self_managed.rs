//! An installation that issues its own certificates and registers its own webhook, in a cluster of its own.

use bulkhead_harness::balancer;
use bulkhead_harness::cluster::{Cluster, free_ports};
use bulkhead_harness::process::Process;
use bulkhead_harness::program::{NAMESPACE, Server, controller_with, endpoints, prepare, service};

use crate::BINARY;
use crate::wait::until;

pub struct SelfManaged {
    pub cluster: Cluster,
    pub replicas: Vec<Server>,
    pub controller: Process,
}

impl SelfManaged {
    /// Starts two replicas of the webhook and a controller, with lifetimes in seconds, and waits until the API server
    /// refuses writes that the webhook cannot judge.
    pub fn start(ca_lifetime: u64, certificate_lifetime: u64) -> Self {
        let cluster = Cluster::start().unwrap();
        prepare(&cluster, &BINARY).unwrap();
        let admin = cluster.admin().unwrap();
        let [port] = free_ports().unwrap();
        admin.apply(&service(port).to_string()).unwrap();
        admin.apply(&endpoints().to_string()).unwrap();
        let account = cluster.service_account(NAMESPACE, "bulkhead").unwrap();
        let arguments = ["--certificates=self-managed", "--parts=webhook"];
        let replicas = ["webhook-1", "webhook-2"].map(|name| {
            Server::start(&BINARY, name, &cluster.folder, &arguments, Some(&account.kubeconfig)).unwrap()
        });
        balancer::start(port, replicas.iter().map(|server| (server.webhook, server.admin))).unwrap();
        let (ca, leaf) = (ca_lifetime.to_string(), certificate_lifetime.to_string());
        let port = port.to_string();
        let arguments = [
            ["--certificates", "self-managed"],
            ["--ca-lifetime", &ca],
            ["--certificate-lifetime", &leaf],
            ["--port", &port],
        ];
        let controller = controller_with(&cluster, &BINARY, &arguments.concat()).unwrap();
        let installed = Self { cluster, replicas: replicas.into(), controller };
        until(|| {
            let policies = installed.failure_policies();
            !policies.is_empty() && policies.iter().all(|policy| policy == "Fail")
        });
        installed
    }

    /// The failure policy of each validating webhook.
    pub fn failure_policies(&self) -> Vec<String> {
        let path = "jsonpath={.webhooks[?(@.name!=\"settings.bulkhead.dev\")].failurePolicy}";
        let arguments = ["get", "validatingwebhookconfiguration", "tenant-bulkhead", "-o", path];
        let said = self.cluster.admin().unwrap().run(&arguments).unwrap().stdout;
        said.split_whitespace().map(str::to_owned).collect()
    }
}
