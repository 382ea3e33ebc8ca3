//! The pods of the cluster, and the calls between them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::thread;

use bulkhead_harness::dataplane::{Answer, Dataplane, Pod, Pushed};
use bulkhead_harness::istio;
use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::program::Installation;
use serde_json::Value;
use support::cluster::{new_tenant, wait_for_default_account, wait_until_ready};
use support::objects::{changed, list};
use support::wait::until;
use support::{BINARY, settings_with_dataplane};

use crate::asks::{Ask, Heard};
use crate::calls::{Ending, Protocol, Row, Way, Who, ending};

use super::objects::{
    self, ACME, BETA, INGRESS, MONITORING, MORE, OUTSIDE, PODS, PUBLIC_NAME, SHARED, SHARED_WAYPOINT,
    WAYPOINT, host,
};
use super::rows::{Served, To};

/// Part of an Envoy's answer if it gets no tunnel.
const NO_TUNNEL: &str = "connection termination";

/// The waypoints, each with its namespace.
const WAYPOINTS: [(&str, &str); 2] = [(ACME, WAYPOINT), (SHARED, SHARED_WAYPOINT)];

const GATEWAY_NAME_LABEL: &str = "gateway.networking.k8s.io/gateway-name";

pub(super) struct Stage {
    pub(super) installation: &'static Installation,
    pub(super) dataplane: Dataplane<'static>,
    pub(super) admin: Kubectl,
    /// A member of the called tenant.
    pub(super) member: Kubectl,
    /// A user whom the rules only warn.
    pub(super) firefighter: Kubectl,
    pods: BTreeMap<&'static str, Pod>,
    pub(super) waypoint: Pod,
    shared_waypoint: Pod,
    /// A certificate for the tenant's name in another trust domain.
    foreign: PathBuf,
    /// One for another tenant's account with the name of a shared service's account.
    namesake: PathBuf,
}

impl Stage {
    /// Starts everything. One tenant has [`objects::grants`], the other has none.
    pub(super) fn set() -> Self {
        let installation = Installation::start_ambient(&BINARY, &settings_with_dataplane("Ambient")).unwrap();
        // The pods use it until the process ends, and then the harness ends everything.
        let installation: &'static Installation = Box::leak(Box::new(installation));
        let cluster = &installation.cluster;
        let admin = cluster.admin().unwrap();
        let dataplane = Dataplane::start(cluster, installation.istio().unwrap()).unwrap();
        dataplane.prepare_ambient().unwrap();
        admin.apply(&objects::platform().to_string()).unwrap();
        admin.apply(&objects::shared_services().to_string()).unwrap();
        let [acme, beta] = ["pkt-acme", "pkt-beta"].map(|name| new_tenant(installation, name));
        let grants = objects::grants().to_string();
        admin.ok(&["patch", "tenant", "pkt-acme", "--type=merge", "-p", &grants]).unwrap();
        for (member, namespace) in [(&acme, ACME), (&acme, MORE), (&beta, BETA)] {
            member.ok(&["create", "namespace", namespace]).unwrap();
            wait_until_ready(member, namespace);
        }
        admin.ok(&["wait", "--for=condition=Ready", "sharedservice", "--all", "--timeout=60s"]).unwrap();
        for namespace in [ACME, MORE, BETA, OUTSIDE, INGRESS, MONITORING, SHARED] {
            wait_for_default_account(&admin, namespace);
        }
        admin.apply(&objects::waypoint(ACME).to_string()).unwrap();
        admin.apply(&objects::workloads().to_string()).unwrap();
        let (pods, [waypoint, shared_waypoint]) = thread::scope(|scope| {
            let dataplane = &dataplane;
            let run = |&[namespace, name, _]: &[&'static str; 3]| {
                let run = move || {
                    dataplane.bind(namespace, name).unwrap();
                    dataplane.run(namespace, name).unwrap()
                };
                (name, scope.spawn(run))
            };
            let started: Vec<_> = PODS.iter().map(run).collect();
            let waypoints = WAYPOINTS.map(|(namespace, name)| {
                scope.spawn(move || dataplane.run_waypoint(namespace, name).unwrap())
            });
            let pods = started.into_iter().map(|(name, pod)| (name, pod.join().unwrap())).collect();
            (pods, waypoints.map(|waypoint| waypoint.join().unwrap()))
        });
        let authority = istio::authority(cluster).unwrap();
        let certificate = |name: &str, identity: &str| {
            dataplane.keep(name, &authority.workload(identity).unwrap()).unwrap()
        };
        let stage = Self {
            foreign: certificate("foreign", &format!("spiffe://evil.example/ns/{ACME}/sa/default")),
            namesake: certificate("namesake", &format!("spiffe://cluster.local/ns/{BETA}/sa/auditor")),
            firefighter: cluster.powerful("firefighter", "firefighters").unwrap(),
            member: acme,
            installation,
            dataplane,
            admin,
            pods,
            waypoint,
            shared_waypoint,
        };
        stage.wait_for_waypoints();
        stage
    }

    pub(super) fn pod(&self, name: &str) -> &Pod {
        &self.pods[name]
    }

    pub(super) fn enforce_network_policies(&self, on: bool) {
        self.dataplane.enforce_network_policies(on).unwrap();
    }

    /// Waits until the waypoint serves a Service of its namespace.
    pub(super) fn wait_for_service(&self, name: &str) {
        let bound = "--for=condition=istio.io/WaypointBound";
        until(|| {
            self.admin.run(&["wait", bound, "service", name, "-n", ACME, "--timeout=1s"]).unwrap().success
        });
        until(|| self.waypoint.proxy_knows(&host(name, ACME)).unwrap());
    }

    /// The address of a Service.
    pub(super) fn service(&self, namespace: &str, name: &str) -> String {
        let path = "jsonpath={.spec.clusterIP}";
        self.admin.ok(&["get", "service", name, "-n", namespace, "-o", path]).unwrap()
    }

    /// Everything that istiod pushes to the ztunnels of the mesh.
    pub(super) fn pushed(&self) -> Pushed {
        self.dataplane.pushed([SHARED, "default"], SHARED).unwrap()
    }

    /// Everything that istiod pushes to a client with the token of an account, which claims to be in a namespace; or its error.
    pub(super) fn pushed_to(&self, account: [&str; 2], claimed: &str) -> Result<Pushed, String> {
        self.dataplane.pushed(account, claimed).map_err(|error| error.to_string())
    }

    /// Calls `work` while a policy exists which the tenant may write.
    pub(super) fn with_policy<T>(&self, policy: &Value, work: impl FnOnce() -> T) -> T {
        self.member.apply(&policy.to_string()).unwrap();
        let name = policy["metadata"]["name"].as_str().unwrap();
        until(|| self.pushed().policies.iter().any(|policy| policy["name"] == name));
        let found = work();
        self.delete_policy(name);
        found
    }

    /// Deletes a policy of the called tenant, and waits until istiod has told the ztunnels.
    pub(super) fn delete_policy(&self, name: &str) {
        let kind = "authorizationpolicies.security.istio.io";
        self.firefighter.ok(&["delete", kind, name, "-n", ACME]).unwrap();
        until(|| !self.pushed().policies.iter().any(|policy| policy["name"] == name));
    }

    /// Calls `work` while the mesh has no policy of the baseline, and shared services get no identity.
    pub(super) fn without_baseline(&self, work: impl FnOnce(&Self)) {
        let kinds =
            ["authorizationpolicies.security", "peerauthentications.security", "envoyfilters.networking"];
        let found = kinds.iter().flat_map(|kind| self.list(&format!("{kind}.istio.io")));
        let is_managed =
            |object: &Value| object["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "bulkhead";
        self.without(found.filter(is_managed).collect(), || work(self));
    }

    /// Calls `work` while Bulkhead's controller is stopped and these objects are gone.
    pub(super) fn without(&self, objects: Vec<Value>, work: impl FnOnce()) {
        self.installation.controller.suspend().unwrap();
        for object in &objects {
            let of = |field: &str| object["metadata"][field].as_str().unwrap();
            let (group, _) = object["apiVersion"].as_str().unwrap().split_once('/').unwrap();
            let kind = format!("{}.{group}", object["kind"].as_str().unwrap());
            self.firefighter.ok(&["delete", &kind, of("name"), "-n", of("namespace")]).unwrap();
        }
        work();
        let restored = objects.into_iter().map(|object| {
            changed(object, |object| {
                let metadata = object["metadata"].as_object_mut().unwrap();
                metadata.retain(|field, _| {
                    ["name", "namespace", "labels", "annotations"].contains(&field.as_str())
                });
            })
        });
        self.firefighter.apply(&list(restored).to_string()).unwrap();
        self.installation.controller.resume().unwrap();
    }

    /// Stops Bulkhead's controller, deletes the Gateways of the waypoints, and waits until istiod names them to no ztunnel.
    pub(super) fn delete_waypoints(&self) {
        self.installation.controller.suspend().unwrap();
        for (namespace, name) in WAYPOINTS {
            let kind = "gateways.gateway.networking.k8s.io";
            self.firefighter.ok(&["delete", kind, name, "-n", namespace]).unwrap();
        }
        let hosts = [host("web", ACME), host("log-collector", SHARED)];
        let has_waypoint = |address: &Value| {
            hosts.iter().any(|host| address["service"]["hostname"] == host.as_str())
                && !address["service"]["waypoint"].is_null()
        };
        until(|| !self.pushed().addresses.iter().any(has_waypoint));
    }

    /// Deletes the pods of the waypoints after their Deployments. Their proxies run on.
    pub(super) fn remove_waypoint_pods(&self) {
        for (namespace, name) in WAYPOINTS {
            until(|| !self.admin.run(&["get", "deployment", name, "-n", namespace]).unwrap().success);
            let selector = format!("{GATEWAY_NAME_LABEL}={name}");
            let now = ["delete", "pods", "-n", namespace, "-l", &selector, "--force", "--grace-period=0"];
            self.firefighter.ok(&now).unwrap();
        }
    }

    /// Creates the Gateways of the waypoints again, and runs their new pods.
    pub(super) fn restart_waypoints(&mut self) {
        self.installation.controller.resume().unwrap();
        self.admin.apply(&objects::waypoint(ACME).to_string()).unwrap();
        let run = |(namespace, name)| self.dataplane.run_waypoint(namespace, name).unwrap();
        let [own, shared] = WAYPOINTS.map(run);
        (self.waypoint, self.shared_waypoint) = (own, shared);
        self.wait_for_waypoints();
    }

    fn wait_for_waypoints(&self) {
        self.wait_for_service("web");
        until(|| self.shared_waypoint.proxy_knows(&host("log-collector", SHARED)).unwrap());
    }

    /// Every object of a kind.
    pub(super) fn list(&self, kind: &str) -> Vec<Value> {
        let shown = self.admin.ok(&["get", kind, "--all-namespaces", "-o", "json"]).unwrap();
        let shown: Value = serde_json::from_str(&shown).unwrap();
        shown["items"].as_array().unwrap().clone()
    }

    /// A call of the tenant's pod past the waypoint. Sidecars and gateways call through their own proxies.
    pub(super) fn direct(&self, row: &Row) -> Ending {
        let (caller, web) = (self.pod(row.who.pod()), self.pod("web"));
        match (row.way, row.who) {
            (Way::Usual, Who::Gateway | Who::GrantedGateway) => {
                let identity = format!("cluster.local/ns/{INGRESS}/sa/{}", row.who.pod());
                let request = request(row.protocol, &caller.address.to_string(), 8080, PUBLIC_NAME);
                let call = || self.pod("outsider").call(&words(&request)).unwrap();
                self.by_proxy(&identity, call)
            }
            (Way::Usual, Who::GrantedCaller) => {
                let identity = format!("cluster.local/ns/{MONITORING}/sa/scraper");
                let request = request(row.protocol, &self.service(ACME, "web"), 80, &host("web", ACME));
                self.by_proxy(&identity, || caller.call(&words(&request)).unwrap())
            }
            (way, _) => {
                let request = request(row.protocol, &web.address.to_string(), 8080, &host("web", ACME));
                ending(self.sent(caller, way, web, &request), &format!("web.{ACME}"))
            }
        }
    }

    /// The end of a call that a real Envoy makes in its own name, through a tunnel. It answers the same if the double
    /// refuses the tunnel, and if nothing answers to the first packet.
    fn by_proxy(&self, identity: &str, call: impl FnOnce() -> Answer) -> Ending {
        let before = self.pod("web").refusals(identity);
        let answer = call();
        let has_no_tunnel =
            matches!(&answer, Answer::Said(said) if said.starts_with("503") && said.contains(NO_TUNNEL));
        match has_no_tunnel {
            true if self.pod("web").refusals(identity) > before => Ending::Refused,
            true => Ending::Dropped,
            false => ending(answer, &format!("web.{ACME}")),
        }
    }

    /// A call of the tenant's Service through its waypoint.
    pub(super) fn through_waypoint(&self, row: &Row) -> Ending {
        let request = request(row.protocol, &self.service(ACME, "web"), 80, &host("web", ACME));
        let caller = self.pod(row.who.pod());
        let identity = format!("cluster.local/ns/{ACME}/sa/{WAYPOINT}");
        self.by_proxy(&identity, || self.sent(caller, row.way, &self.waypoint, &request))
    }

    /// A request to the Service of the shared service with HTTP, through its waypoint.
    pub(super) fn heard(&self, ask: &Ask) -> Heard {
        let to = format!("{}:8080", self.service(SHARED, "log-collector"));
        let (line, host) =
            (format!("{} HTTP/1.1", ask.line), format!("Host: {}", host("log-collector", SHARED)));
        let request = ["http", &to, &line, &host].map(ToOwned::to_owned);
        let request: Vec<String> = request.into_iter().chain(ask.headers().map(ToOwned::to_owned)).collect();
        Heard::of(self.sent(self.pod(ask.asker.pod()), ask.way, &self.shared_waypoint, &request))
    }

    /// A call of a shared service's pod.
    pub(super) fn served(&self, call: &Served) -> Ending {
        let (name, protocol) = match call.to {
            To::ServedTcp => ("auditor", Protocol::Tcp),
            To::Unlisted => ("auditor", Protocol::Http),
            To::ServedHttp => ("log-collector", Protocol::Http),
        };
        let (caller, pod) = (self.pod(call.asker.pod()), self.pod(name));
        let mut request = request(protocol, &pod.address.to_string(), 8080, &host(name, SHARED));
        if call.to == To::ServedHttp {
            "POST /ingest/pkt-acme/logs HTTP/1.1".clone_into(&mut request[2]);
            request.push("x-tenant-id: pkt-acme".to_owned());
        }
        ending(self.sent(caller, call.way, pod, &request), &format!("{name}.{SHARED}"))
    }

    /// Sends a request through a tunnel to a proxy, or in plaintext.
    fn sent(&self, from: &Pod, way: Way, proxy: &Pod, request: &[String]) -> Answer {
        let certificate = match way {
            Way::Usual | Way::Around => &from.certificate,
            Way::OtherTrustDomain => &self.foreign,
            Way::Namesake => &self.namesake,
            Way::Plaintext | Way::PlaintextByIpv6 => return from.call_around(None, &words(request)).unwrap(),
        };
        from.call_through(proxy.address, certificate, &words(request)).unwrap()
    }

    /// Opens a tunnel through the waypoint to any address, in the name of a pod, and sends a request.
    pub(super) fn connect(&self, from: &str, to: &str) -> Answer {
        let from = self.pod(from);
        let request = ["http", to, "GET / HTTP/1.1", "Host: target"];
        from.call_through(self.waypoint.address, &from.certificate, &request).unwrap()
    }

    /// Sends a request to the tenant's Service with this name and port, through the waypoint.
    pub(super) fn by_service(&self, who: Who, name: &str, port: u16) -> Ending {
        let to = format!("{}:{port}", self.service(ACME, name));
        let from = self.pod(who.pod());
        let request = ["http", to.as_str(), "GET / HTTP/1.1", &format!("Host: {name}")];
        let answer = from.call_through(self.waypoint.address, &from.certificate, &request).unwrap();
        ending(answer, &format!("web.{ACME}"))
    }
}

/// The arguments of a call. Port 9090 is TCP.
fn request(protocol: Protocol, to: &str, http: u16, name: &str) -> Vec<String> {
    match protocol {
        Protocol::Http => vec![
            "http".to_owned(),
            format!("{to}:{http}"),
            "GET / HTTP/1.1".to_owned(),
            format!("Host: {name}"),
        ],
        Protocol::Tcp => vec!["tcp".to_owned(), format!("{to}:9090")],
    }
}

fn words(request: &[String]) -> Vec<&str> {
    request.iter().map(String::as_str).collect()
}
