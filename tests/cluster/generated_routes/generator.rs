//! Random VirtualServices, DestinationRules and Sidecars of the tenant `shop`. About half of them name its own hosts and
//! granted ones only.

use bulkhead::kinds::Kind;
use serde_json::{Value, json};
use support::host_names::HostNames;
use support::objects::object;
use support::random::Random;

const NAMESPACES: &[&str] = &["tenant-shop", "tenant-shop", "tenant-shop", "tenant-shop-eu"];
pub(super) const KINDS: [Kind; 3] = [Kind::VirtualService, Kind::DestinationRule, Kind::Sidecar];

const OWN: &[&str] = &[
    "web",
    "api",
    "db",
    "svc",
    "queue",
    "web.tenant-shop",
    "api.tenant-shop.svc",
    "db.tenant-shop.svc.cluster.local",
    "queue.tenant-shop.svc.cluster.local",
    "web.tenant-shop-eu.svc.cluster.local",
    "*.tenant-shop.svc.cluster.local",
    "shop.example.com",
    "www.shop.example.com",
    "*.shop.example.com",
    "*.eu.shop.example.com",
];
const GRANTED: &[&str] = &[
    "log-collector.shared-services.svc.cluster.local",
    "kubernetes.default.svc.cluster.local",
    "api.example.net",
    "eu.objects.example.net",
    "*.objects.example.net",
];
const NAMES: HostNames = HostNames {
    services: &[
        "web.tenant-shop",
        "web.tenant-acme",
        "web.tenant-acme",
        "db.tenant-acme",
        "queue.tenant-acme",
        "asking.tenant-acme",
        "web.tenant-beta",
        "web.sandbox",
        "queue.sandbox",
        "log-collector.shared-services",
        "public.istio-ingress",
        "kubernetes.default",
    ],
    outside: &[
        "shop.example.com",
        "acme.example.com",
        "other.example.com",
        "*.example.com",
        "example.com",
        "api.example.net",
        "eu.objects.example.net",
    ],
    labels: &[
        "web",
        "db",
        "svc",
        "kubernetes",
        "tenant-shop",
        "tenant-acme",
        "tenant-acme",
        "tenant-beta",
        "shared-services",
        "cluster",
        "local",
        "example",
        "com",
        "shop",
        "x",
        "*",
        "*b",
        "*-acme",
        "WEB",
        "10",
        "",
    ],
};

pub(super) struct Generator {
    random: Random,
    number: usize,
    /// True while only the tenant's own names are chosen.
    is_careful: bool,
}

impl Generator {
    pub(super) const fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), number: 0, is_careful: true }
    }

    pub(super) fn object(&mut self, kind: Kind) -> Value {
        self.number += 1;
        self.is_careful = self.one_in(2);
        let namespace = self.one_of(NAMESPACES);
        let name = format!("generated-{}", self.number);
        let spec = match kind {
            Kind::VirtualService => self.virtual_service(),
            Kind::DestinationRule => self.destination_rule(),
            _ => self.sidecar(&name),
        };
        object(&kind.api_version(), kind.name(), namespace, &name, &spec)
    }

    pub(super) fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        self.random.one_of(choices).clone()
    }

    pub(super) fn one_in(&mut self, chances: u64) -> bool {
        self.random.one_in(chances)
    }

    /// True for one in so many choices of an object that may name others.
    pub(super) fn strays(&mut self, chances: u64) -> bool {
        !self.is_careful && self.one_in(chances)
    }

    /// Sets a field of the spec in one of so many objects.
    pub(super) fn maybe(
        &mut self,
        spec: &mut Value,
        field: &str,
        chances: u64,
        make: impl FnOnce(&mut Self) -> Value,
    ) {
        if self.one_in(chances) {
            spec[field] = make(self);
        }
    }

    pub(super) fn host(&mut self) -> String {
        if self.strays(2) {
            NAMES.generate(&mut self.random)
        } else if self.strays(4) {
            self.one_of(GRANTED).to_owned()
        } else {
            self.one_of(OWN).to_owned()
        }
    }

    /// A host to which calls can lead: one name.
    pub(super) fn destination(&mut self) -> Value {
        let mut host = if self.strays(4) { self.host() } else { "*".to_owned() };
        while host.starts_with('*') && !self.strays(8) {
            self.one_of(OWN).clone_into(&mut host);
        }
        let mut destination = json!({ "host": host });
        self.maybe(&mut destination, "port", 2, |it| json!({ "number": it.one_of(&[80, 443, 3306, 9090]) }));
        self.maybe(&mut destination, "subset", 6, |it| json!(it.one_of(&["v1", "v2"])));
        destination
    }

    pub(super) fn exports(&mut self, spec: &mut Value) {
        const OWN: &[&[&str]] = &[&["."], &["*"], &["*"], &["~"], &["tenant-shop-eu"], &[".", "tenant-shop"]];
        const OTHERS: &[&[&str]] =
            &[&["tenant-acme"], &[".", "istio-ingress"], &["*", "."], &["istio-system", "sandbox"], &[]];
        if !self.one_in(3) {
            let names = if self.strays(3) { OTHERS } else { OWN };
            spec["exportTo"] = json!(self.one_of(names));
        }
    }

    fn destination_rule(&mut self) -> Value {
        let host = if self.one_in(2) { self.one_of(OWN).to_owned() } else { self.host() };
        let mut spec = json!({ "host": host });
        self.exports(&mut spec);
        self.maybe(&mut spec, "trafficPolicy", 2, Self::traffic_policy);
        self.maybe(
            &mut spec,
            "workloadSelector",
            8,
            |it| json!({ "matchLabels": { "app": it.one_of(&["asking", "web"]) } }),
        );
        self.maybe(&mut spec, "subsets", 2, |it| {
            let mut subsets =
                vec![json!({ "name": "v1", "labels": { "version": "v1" } }), json!({ "name": "v2" })];
            it.maybe(&mut subsets[1], "trafficPolicy", 2, Self::traffic_policy);
            json!(subsets)
        });
        spec
    }

    fn traffic_policy(&mut self) -> Value {
        let mut policy = self.settings();
        self.maybe(&mut policy, "portLevelSettings", 4, |it| {
            let mut settings = it.settings();
            settings["port"] = json!({ "number": it.one_of(&[80, 443, 3306]) });
            json!([settings])
        });
        self.maybe(
            &mut policy,
            "tunnel",
            6,
            |it| json!({ "protocol": "CONNECT", "targetHost": it.destination()["host"], "targetPort": 443 }),
        );
        self.maybe(&mut policy, "proxyProtocol", 8, |_| json!({ "version": "V2" }));
        policy
    }

    fn settings(&mut self) -> Value {
        let mut settings = json!({ "connectionPool": { "tcp": { "maxConnections": 1 } } });
        self.maybe(&mut settings, "loadBalancer", 2, |it| {
            it.one_of(&[json!({ "simple": "RANDOM" }), json!({ "consistentHash": { "useSourceIp": true } })])
        });
        self.maybe(&mut settings, "outlierDetection", 3, |_| json!({ "consecutive5xxErrors": 1 }));
        let chances = if self.is_careful { 3 } else { 1 };
        self.maybe(&mut settings, "tls", chances, |it| {
            let mode = if it.is_careful {
                "ISTIO_MUTUAL"
            } else {
                it.one_of(&["DISABLE", "SIMPLE", "ISTIO_MUTUAL"])
            };
            let mut tls = json!({ "mode": mode });
            if it.strays(3) {
                tls["sni"] = json!(it.host());
            }
            tls
        });
        settings
    }

    /// A Sidecar for the pods with its own name as the label `app`, or for those of the proxies that the test compares.
    fn sidecar(&mut self, name: &str) -> Value {
        let app = if self.one_in(4) { "asking" } else { name };
        let mut spec = json!({ "workloadSelector": { "labels": { "app": app } } });
        self.maybe(&mut spec, "ingress", 4, |it| {
            let number = it.one_of(&[8080, 9090]);
            json!([{ "port": { "number": number, "protocol": "HTTP", "name": "http" }, "defaultEndpoint": "127.0.0.1:8081" }])
        });
        if !self.strays(4) {
            let count = self.one_of(&[1, 2, 3]);
            let hosts: Vec<String> = (0..count).map(|_| self.known_host()).collect();
            let mut listener = json!({ "hosts": hosts });
            self.maybe(&mut listener, "port", 4, |it| {
                json!({ "number": it.one_of(&[80, 3306]), "protocol": it.one_of(&["HTTP", "TCP"]), "name": "a" })
            });
            spec["egress"] = json!([listener]);
        }
        if !self.strays(4) {
            let mode = if self.strays(3) { "ALLOW_ANY" } else { "REGISTRY_ONLY" };
            spec["outboundTrafficPolicy"] = json!({ "mode": mode });
        }
        spec
    }

    /// A host as a Sidecar names it.
    fn known_host(&mut self) -> String {
        let namespace = if self.strays(2) {
            self.one_of(&["*", "tenant-acme", "sandbox", "shared-services", "tenant-*", "~", ""])
        } else {
            self.one_of(&[".", ".", "tenant-shop", "tenant-shop-eu", "istio-system", "~"])
        };
        let host = match self.one_of(&["all", "all", "own", "granted", "any"]) {
            "own" => "web.tenant-shop.svc.cluster.local".to_owned(),
            "granted" => return "shared-services/log-collector.shared-services.svc.cluster.local".to_owned(),
            "any" if !self.is_careful => NAMES.generate(&mut self.random),
            _ => "*".to_owned(),
        };
        format!("{namespace}/{host}")
    }
}
