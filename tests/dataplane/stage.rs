//! The pods of a cluster, and the calls of one another.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use bulkhead_harness::cluster::Cluster;
use bulkhead_harness::dataplane::{Answer, Dataplane, Pod};
use bulkhead_harness::istio::{self, Istio};
use bulkhead_harness::kubectl::Kubectl;

use super::objects::{self, ACME, BETA, MORE, OUTSIDE, PODS, PUBLIC_NAME, SERVICES, host};
use super::rows::{Ending, Protocol, Row, Way, Who};
use crate::cluster::{can_hold_pods, until};

/// What a proxy says by policy: the called one, or the caller's own, to which there is no such host.
const REFUSALS: [&str; 2] = ["403\nRBAC: access denied", "502"];
/// What a caller sees where a proxy ends the connection: by policy on TCP, or for want of mTLS.
const CLOSED: [&str; 2] = ["EOF", "connection reset by peer"];

pub(super) struct Stage<'c> {
    _dataplane: Dataplane<'c>,
    admin: Kubectl,
    pods: BTreeMap<&'static str, Pod>,
    /// The address of the tenant's service.
    service: String,
    /// A certificate for the tenant's name in another trust domain.
    foreign: PathBuf,
}

impl<'c> Stage<'c> {
    /// Runs every pod. The tenants' namespaces are there already.
    pub(super) fn set(cluster: &'c Cluster, istio: &Istio) -> Self {
        let admin = cluster.admin().unwrap();
        let dataplane = Dataplane::start(cluster, istio).unwrap();
        admin.apply(&objects::platform().to_string()).unwrap();
        for namespace in [ACME, MORE, BETA, OUTSIDE] {
            can_hold_pods(&admin, namespace);
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
        let endpoints = objects::list(SERVICES.map(endpoint));
        admin.apply(&endpoints.to_string()).unwrap();

        let identity = format!("spiffe://evil.example/ns/{ACME}/sa/default");
        let foreign = istio::authority(cluster).unwrap().workload(&identity).unwrap();
        let path = "jsonpath={.spec.clusterIP}";
        Self {
            pods,
            service: admin.ok(&["get", "service", "web", "-n", ACME, "-o", path]).unwrap(),
            foreign: dataplane.keep("foreign", &foreign).unwrap(),
            _dataplane: dataplane,
            admin,
        }
    }

    /// Writes, as a member of each tenant, what the last rows are about; every proxy that will hear of it has heard.
    pub(super) fn meddle(&self, acme: &Kubectl, beta: &Kubectl) {
        beta.apply(&objects::route_taken().to_string()).unwrap();
        // Nothing restricts what this one sees.
        self.knows("log-collector", "virtual-service/taken");
        // A proxy that is told of this has been told of what istiod knew before.
        acme.apply(&objects::all_allowed().to_string()).unwrap();
        self.admin.apply(&objects::service(ACME, "later").to_string()).unwrap();
        self.knows("web", "policy[all-allowed]");
        for caller in ["neighbour", "sibling"] {
            self.knows(caller, &host("later", ACME));
        }
    }

    fn knows(&self, pod: &str, what: &str) {
        until(|| self.pods[pod].proxy_knows(what).unwrap().then_some(()));
    }

    /// What becomes of the call of each row, all asked anew until all is as expected: what istiod says takes a moment
    /// to be heard.
    pub(super) fn endings(&self, rows: &[Row], expected: impl Fn(&Row) -> &Ending) -> Vec<Ending> {
        let mut last = Vec::new();
        for _ in 0..20 {
            last = rows.iter().map(|row| self.ending(row)).collect();
            if last.iter().eq(rows.iter().map(&expected)) {
                break;
            }
            thread::sleep(Duration::from_millis(500));
        }
        last
    }

    fn ending(&self, row: &Row) -> Ending {
        let [web, another] = SERVICES.map(|[namespace, name]| format!("{name}.{namespace}"));
        match self.call(row) {
            Answer::Said(said) if said.contains(&web) => Ending::Arrives,
            Answer::Said(said) if said.contains(&another) => Ending::LedAway,
            Answer::Said(said) if REFUSALS.contains(&said.as_str()) => Ending::Refused,
            Answer::Refused(said) if CLOSED.iter().any(|end| said.ends_with(end)) => Ending::Refused,
            Answer::Said(said) | Answer::Refused(said) => Ending::Failed(said),
        }
    }

    fn call(&self, row: &Row) -> Answer {
        let (caller, web) = (&self.pods[pod(row.who)], &self.pods["web"]);
        let (name, direct) = (host("web", ACME), web.address.to_string());
        // Whoever calls through a gateway stands outside.
        let (from, to, http_port, name) = match (row.way, row.who) {
            (Way::Usual, Who::Gateway) => {
                (&self.pods["outsider"], caller.address.to_string(), 8080, PUBLIC_NAME.to_owned())
            }
            (Way::Usual, _) => (caller, self.service.clone(), 80, name),
            _ => (caller, direct, 8080, name),
        };
        let [http, tcp] = [http_port, 9090].map(|port| format!("{to}:{port}"));
        let header = format!("Host: {name}");
        let request: &[&str] = match row.protocol {
            Protocol::Http => &["http", &http, "GET / HTTP/1.1", &header],
            Protocol::Tcp => &["tcp", &tcp],
        };
        let answer = match row.way {
            Way::Usual => from.call(request),
            Way::Around => from.call_around(Some(&from.certificate), request),
            Way::Plaintext => from.call_around(None, request),
            Way::OtherTrustDomain => from.call_around(Some(&self.foreign), request),
        };
        answer.unwrap()
    }
}

/// The pod that calls, or is the gateway.
fn pod(who: Who) -> &'static str {
    match who {
        Who::Neighbour => "neighbour",
        Who::Sibling => "sibling",
        Who::AnotherTenant => "another",
        Who::Outsider => "outsider",
        Who::Gateway => "public",
        Who::SharedService => "log-collector",
    }
}
