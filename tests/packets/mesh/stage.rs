//! The pods of a cluster, and the calls between them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::thread;

use bulkhead_harness::cluster::Cluster;
use bulkhead_harness::dataplane::{Answer, Dataplane, Pod};
use bulkhead_harness::istio::{self, Istio};
use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::network::PodNetwork;

use support::cluster::wait_for_default_account;
use support::objects::list;
use support::wait::until;

use crate::calls::ending;

use super::asks::{Ask, Heard};
use super::objects::{self, ACME, BETA, MORE, OUTSIDE, PODS, PUBLIC_NAME, SERVICES, SHARED, host};
use super::rows::{Ending, Protocol, Row, Way, Who};

pub(super) struct Stage<'c> {
    dataplane: Dataplane<'c>,
    admin: Kubectl,
    pods: BTreeMap<&'static str, Pod>,
    /// The addresses of the services.
    services: BTreeMap<&'static str, String>,
    /// A certificate for the tenant's name in another trust domain.
    foreign: PathBuf,
    /// Certificates for another tenant's accounts with the names of shared services' accounts.
    namesakes: BTreeMap<&'static str, PathBuf>,
}

impl<'c> Stage<'c> {
    /// Runs every pod. The tenants' namespaces exist already.
    pub(super) fn set(cluster: &'c Cluster, istio: &Istio) -> Self {
        let admin = cluster.admin().unwrap();
        let dataplane = Dataplane::start(cluster, istio).unwrap();
        dataplane.enforce_network_policies(true).unwrap();
        admin.apply(&objects::platform().to_string()).unwrap();
        for namespace in [ACME, MORE, BETA, OUTSIDE] {
            wait_for_default_account(&admin, namespace);
        }
        admin.apply(&objects::all().to_string()).unwrap();
        let pods: BTreeMap<&str, Pod> = thread::scope(|scope| {
            let run = |&[namespace, name, _]: &[&'static str; 3]| {
                let dataplane = &dataplane;
                (name, scope.spawn(move || dataplane.run(namespace, name).unwrap()))
            };
            let started: Vec<_> = PODS.iter().map(run).collect();
            started.into_iter().map(|(name, pod)| (name, pod.join().unwrap())).collect()
        });
        let endpoint = |[namespace, name]: [&str; 2]| objects::endpoint(namespace, name, pods[name].address);
        let endpoints = list(SERVICES.map(endpoint));
        let controller = "system:serviceaccount:kube-system:endpointslice-controller";
        let controller = cluster.powerful(controller, "endpointslice-controller").unwrap();
        controller.apply(&endpoints.to_string()).unwrap();

        let authority = istio::authority(cluster).unwrap();
        let certificate = |name: &str, identity: &str| {
            dataplane.keep(name, &authority.workload(identity).unwrap()).unwrap()
        };
        let namesake =
            |name| (name, certificate(name, &format!("spiffe://cluster.local/ns/{BETA}/sa/{name}")));
        let path = "jsonpath={.spec.clusterIP}";
        let address = |[namespace, name]: [&'static str; 2]| {
            (name, admin.ok(&["get", "service", name, "-n", namespace, "-o", path]).unwrap())
        };
        Self {
            pods,
            services: SERVICES.map(address).into(),
            foreign: certificate("foreign", &format!("spiffe://evil.example/ns/{ACME}/sa/default")),
            namesakes: ["auditor", "log-collector"].map(namesake).into(),
            dataplane,
            admin,
        }
    }

    pub(super) fn network(&self) -> &PodNetwork {
        &self.dataplane.network
    }

    pub(super) fn enforce_network_policies(&self, on: bool) {
        self.dataplane.enforce_network_policies(on).unwrap();
    }

    /// Runs one more pod, which exists already.
    pub(super) fn run(&self, namespace: &str, name: &str) -> Pod {
        self.dataplane.run(namespace, name).unwrap()
    }

    pub(super) fn pod(&self, name: &str) -> &Pod {
        &self.pods[name]
    }

    /// Writes the objects of the last rows, and waits until the proxies have them. No rule refuses the users here.
    pub(super) fn meddle(&self, acme: &Kubectl, beta: &Kubectl) {
        beta.apply(&objects::route_taken().to_string()).unwrap();
        // No Sidecar limits the configuration of this proxy.
        self.knows("scraper", "virtual-service/taken");
        // A proxy with this Service has everything that istiod knew before.
        acme.apply(&objects::all_allowed().to_string()).unwrap();
        self.admin.apply(&objects::service(ACME, "later").to_string()).unwrap();
        self.knows("web", "policy[all-allowed]");
        for caller in ["neighbour", "sibling"] {
            self.knows(caller, &host("later", ACME));
        }
    }

    /// The number of calls of the tenant's service that a dry-run policy would have denied.
    pub(super) fn would_refuse(&self) -> u64 {
        self.pods["web"].proxy_counts("shadow_denied").unwrap()
    }

    /// True if the proxy of that service has a dry-run policy.
    pub(super) fn has_dry_run(&self) -> bool {
        self.pods["web"].proxy_knows("\"shadow_rules\":").unwrap()
    }

    fn knows(&self, pod: &str, what: &str) {
        until(|| self.pods[pod].proxy_knows(what).unwrap());
    }

    pub(super) fn ending(&self, row: &Row) -> Ending {
        let [web, another, _] = SERVICES.map(|[namespace, name]| format!("{name}.{namespace}"));
        match self.call(row) {
            Answer::Said(said) if said.contains(&another) => Ending::LedAway,
            answer => ending(answer, &web),
        }
    }

    pub(super) fn heard(&self, ask: &Ask) -> Heard {
        let from = &self.pods[ask.asker.pod()];
        let to = match ask.way {
            Way::Usual => format!("{}:80", self.services["log-collector"]),
            _ => format!("{}:8080", self.pods["log-collector"].address),
        };
        let (line, host) =
            (format!("{} HTTP/1.1", ask.line), format!("Host: {}", host("log-collector", SHARED)));
        let mut request = vec!["http", to.as_str(), &line, &host];
        request.extend(ask.headers());
        Heard::of(self.sent(from, ask.way, "log-collector", &request))
    }

    fn call(&self, row: &Row) -> Answer {
        let (caller, web) = (&self.pods[row.who.pod()], &self.pods["web"]);
        let name = host("web", ACME);
        // The caller of a gateway is outside the mesh.
        let (from, to, http_port, name) = match (row.way, row.who) {
            (Way::Usual, Who::Gateway | Who::GrantedGateway) => {
                (&self.pods["outsider"], caller.address.to_string(), 8080, PUBLIC_NAME.to_owned())
            }
            (Way::Usual, _) => (caller, self.services["web"].clone(), 80, name),
            (Way::PlaintextByIpv6, _) => (caller, format!("[{}]", web.ipv6.unwrap()), 8080, name),
            _ => (caller, web.address.to_string(), 8080, name),
        };
        let [http, tcp] = [http_port, 9090].map(|port| format!("{to}:{port}"));
        let header = format!("Host: {name}");
        let request: &[&str] = match row.protocol {
            Protocol::Http => &["http", &http, "GET / HTTP/1.1", &header],
            Protocol::Tcp => &["tcp", &tcp],
        };
        self.sent(from, row.way, "auditor", request)
    }

    /// `namesake` is the shared service with whose account name the caller may have a certificate.
    fn sent(&self, from: &Pod, way: Way, namesake: &str, request: &[&str]) -> Answer {
        let answer = match way {
            Way::Usual => from.call(request),
            Way::Around => from.call_around(Some(&from.certificate), request),
            Way::Plaintext | Way::PlaintextByIpv6 => from.call_around(None, request),
            Way::OtherTrustDomain => from.call_around(Some(&self.foreign), request),
            Way::Namesake => from.call_around(Some(&self.namesakes[namesake]), request),
        };
        answer.unwrap()
    }
}
