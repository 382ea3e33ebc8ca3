//! The cluster without Bulkhead: namespaces and objects of several owners, proxies of others, and the comparison of their
//! configuration before and after. Istiod's own webhook validates no object here, because none has the label of its
//! revision: Bulkhead must not rely on it.

use std::collections::{BTreeMap, BTreeSet};
use std::thread::sleep;
use std::time::{Duration, Instant};

use bulkhead_harness::cluster::Cluster;
use bulkhead_harness::discovery::{self, Proxy};
use bulkhead_harness::istio::Istio;
use futures::future::join_all;
use kube::Client;
use serde_json::{Value, json};
use support::api::{call, client, request};
use support::objects::object;
use support::wait::until;
use tokio::runtime::Runtime;

use super::configuration::{NO_TLS, OwnNames, contains, known_hosts, parts};
use super::generator::KINDS;

/// The namespaces that the comparison leaves out: the tenant's, and that of the marks.
const LEFT_OUT: &[&str] = &["tenant-shop", "tenant-shop-eu", MARKS];
const SERVED: &[&str] = &["shop.example.com", "*.shop.example.com"];
const MARKS: &str = "marks";
/// The proxies of others: of pods that no Sidecar limits, and of gateways that the tenant was granted or not.
const OTHERS: [Proxy<'static>; 5] = [
    Proxy::Sidecar("tenant-acme"),
    Proxy::Sidecar("sandbox"),
    Proxy::Gateway("istio-ingress", "public"),
    Proxy::Gateway("istio-ingress", "internal"),
    Proxy::Gateway("tenant-acme", "edge"),
];
/// Parts of their configuration that exist before the test begins.
const EXPECTED: &[&str] = &[
    "cluster outbound|80||web.tenant-acme.svc.cluster.local",
    "cluster outbound|443||*.example.com",
    "cluster outbound|80|v1|web.tenant-beta.svc.cluster.local",
    "cluster inbound|8080||",
    "routes 80 for web.tenant-beta",
    "routes http.80 for acme.example.com",
];

type Observed = BTreeMap<String, Vec<u8>>;

pub(super) struct Stage {
    _cluster: Cluster,
    istio: Istio,
    runtime: Runtime,
    client: Client,
    own: OwnNames,
    /// The VirtualServices and DestinationRules of others.
    theirs: Vec<Value>,
    before: Observed,
    marks: usize,
}

/// Objects in the cluster, beside those that were there before.
pub(super) struct Applied<'s, 'o> {
    stage: &'s mut Stage,
    /// The objects that the API server accepted.
    pub(super) accepted: Vec<&'o Value>,
}

impl Stage {
    pub(super) fn set() -> Self {
        let cluster = Cluster::start().unwrap();
        let istio = Istio::start(&cluster).unwrap();
        let admin = cluster.admin().unwrap();
        for objects in
            [include_str!("namespaces.yaml"), include_str!("services.yaml"), include_str!("others.yaml")]
        {
            admin.apply(objects).unwrap();
        }
        let services: Value =
            serde_json::from_str(&admin.ok(&["get", "services", "-A", "-o", "json"]).unwrap()).unwrap();
        let services = services["items"].as_array().unwrap().iter();
        let own = services.filter(|service| {
            LEFT_OUT.iter().any(|namespace| service["metadata"]["namespace"] == *namespace)
        });
        let addresses: BTreeSet<String> =
            own.map(|service| service["spec"]["clusterIP"].as_str().unwrap().to_owned()).collect();
        let runtime = Runtime::new().unwrap();
        let client = runtime.block_on(client(&admin));
        let others: Vec<Value> = serde_saphyr::from_multiple(include_str!("others.yaml")).unwrap();
        let is_route = |object: &Value| KINDS.iter().any(|kind| object["kind"] == kind.name());
        let is_own = |object: &Value| LEFT_OUT.iter().any(|own| object["metadata"]["namespace"] == *own);
        let mut stage = Self {
            _cluster: cluster,
            istio,
            runtime,
            client,
            own: OwnNames::new(LEFT_OUT, SERVED, addresses),
            theirs: others.into_iter().filter(|object| is_route(object) && !is_own(object)).collect(),
            before: Observed::new(),
            marks: 0,
        };
        stage.mark();
        stage.before = until(|| {
            let found = stage.observe();
            let is_complete =
                EXPECTED.iter().all(|expected| found.keys().any(|part| part.ends_with(expected)));
            (is_complete && found == stage.observe()).then_some(found)
        });
        stage
    }

    /// Applies objects, and waits until istiod has read them.
    pub(super) fn apply<'o>(&mut self, objects: &[&'o Value]) -> Applied<'_, 'o> {
        let requests = objects.iter().map(|object| request("POST", &path(object, ""), "json", object));
        let answers = self.runtime.block_on(join_all(requests.map(|request| call(&self.client, request))));
        let accepted =
            objects.iter().zip(answers).filter_map(|(object, answer)| answer.is_ok().then_some(*object));
        let accepted = accepted.collect();
        // Istiod prefers the oldest of several routes. Those of others are now the younger ones.
        self.delete(&self.theirs.iter().collect::<Vec<_>>());
        let requests = self.theirs.iter().map(|object| request("POST", &path(object, ""), "json", object));
        for answer in self.runtime.block_on(join_all(requests.map(|request| call(&self.client, request)))) {
            answer.unwrap();
        }
        self.mark();
        Applied { stage: self, accepted }
    }

    /// Deletes objects. The next mark shows that istiod has read this.
    fn delete(&self, objects: &[&Value]) {
        let requests = objects.iter().map(|object| {
            let path = path(object, &format!("/{}", object["metadata"]["name"].as_str().unwrap()));
            call(&self.client, request("DELETE", &path, "json", &Value::Null))
        });
        for answer in self.runtime.block_on(join_all(requests)) {
            answer.unwrap();
        }
    }

    /// The configuration of all others.
    fn observe(&self) -> Observed {
        let parts = OTHERS.map(|proxy| (proxy, parts(self.istio.plaintext, proxy, &self.own)));
        let named = |(proxy, parts): (Proxy<'static>, Observed)| {
            parts.into_iter().map(move |(part, content)| (format!("{proxy:?}: {part}"), content))
        };
        parts.into_iter().flat_map(named).collect()
    }

    /// Changes an object of each kind, and waits until istiod sends what they say: it reads the objects of a kind in the
    /// order in which they were written, so that it has read all earlier ones.
    fn mark(&mut self) {
        self.marks += 1;
        let (mark, port) = (format!("mark-{}", self.marks), 10_000 + self.marks);
        let host = format!("mark.{MARKS}.svc.cluster.local");
        let specs = [
            json!({ "hosts": [host], "http": [{ "name": mark, "route": [{ "destination": { "host": host } }] }] }),
            json!({ "host": host, "subsets": [{ "name": mark }] }),
            json!({ "ingress": [{ "port": { "number": port, "protocol": "HTTP", "name": "http" } }] }),
        ];
        let patches = KINDS.into_iter().zip(specs).map(|(kind, spec)| {
            let mark = object(&kind.api_version(), kind.name(), MARKS, "mark", &spec);
            let path = format!("{}?fieldManager=test&force=true", path(&mark, "/mark"));
            call(&self.client, request("PATCH", &path, "apply-patch+yaml", &mark))
        });
        for answer in self.runtime.block_on(join_all(patches)) {
            answer.unwrap();
        }
        let expected = [
            format!("cluster outbound|80|{mark}|{host}"),
            format!("cluster inbound|{port}||"),
            format!("routes 80 for {host}"),
        ];
        let is_read = || {
            let found = parts(self.istio.plaintext, Proxy::Sidecar(MARKS), &OwnNames::default());
            let route = found.get(&expected[2]).is_some_and(|route| contains(route, mark.as_bytes()));
            expected.iter().all(|part| found.contains_key(part)) && route
        };
        let end = Instant::now() + Duration::from_secs(30);
        while !is_read() {
            assert!(Instant::now() < end, "istiod does not send {expected:?}");
            sleep(Duration::from_millis(20));
        }
    }
}

impl Applied<'_, '_> {
    /// Returns the first part of the others' configuration that is not as before.
    pub(super) fn difference(&self) -> Option<String> {
        let (before, after) = (&self.stage.before, self.stage.observe());
        let parts: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        // Without endpoints, a headless Service has no mutual TLS. A DestinationRule may change that.
        let is_changed = |part: &String| {
            let is_judged = after.contains_key(part) || !part.contains(NO_TLS);
            is_judged && before.get(part) != after.get(part)
        };
        let part = parts.into_iter().find(|part| is_changed(part))?;
        let said = |found: Option<&Vec<u8>>| {
            found.map_or("nothing".to_owned(), |content| String::from_utf8_lossy(content).into_owned())
        };
        Some(format!("{part}\nbefore: {}\nafter: {}", said(before.get(part)), said(after.get(part))))
    }

    /// Returns the hosts that are not the tenant's, are not granted, and that the proxy of a pod with the label `app`
    /// knows.
    pub(super) fn foreign_hosts(&self, namespace: &str, app: &str) -> BTreeSet<String> {
        const GRANTED: &[&str] =
            &["log-collector.shared-services", "kubernetes.default", "kube-dns.kube-system"];
        let proxy = Proxy::Pod(namespace, app);
        let mut hosts = known_hosts(&discovery::configuration(self.stage.istio.plaintext, proxy).unwrap());
        hosts.retain(|host| {
            let short = host.strip_suffix(".svc.cluster.local").unwrap_or_default();
            let is_granted = GRANTED.contains(&short) || short.ends_with(".istio-system");
            !is_granted && !self.stage.own.contains(host)
        });
        hosts
    }
}

impl Drop for Applied<'_, '_> {
    fn drop(&mut self) {
        self.stage.delete(&self.accepted);
    }
}

fn path(object: &Value, rest: &str) -> String {
    let namespace = object["metadata"]["namespace"].as_str().unwrap();
    let kind = KINDS.into_iter().find(|kind| object["kind"] == kind.name()).unwrap();
    format!("/apis/{}/namespaces/{namespace}/{}{rest}", kind.api_version(), kind.plural())
}
