//! The configuration of a proxy, divided into the parts that calls of one host obey.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use bulkhead_harness::discovery::{self, Configuration, Proxy};
use bulkhead_harness::protobuf::{text, value, values, without};

/// Names that are no concern of others: the tenant's and those of the marks.
#[derive(Default)]
pub(super) struct OwnNames {
    namespaces: &'static [&'static str],
    /// Hosts outside the cluster that the tenant serves.
    served: &'static [&'static str],
    /// The addresses of the Services in these namespaces.
    addresses: BTreeSet<String>,
}

impl OwnNames {
    pub(super) const fn new(
        namespaces: &'static [&'static str],
        served: &'static [&'static str],
        addresses: BTreeSet<String>,
    ) -> Self {
        Self { namespaces, served, addresses }
    }

    /// True if every name that the host covers is the tenant's: of a Service in any form that proxies know, an address
    /// of one, or a served host.
    pub(super) fn contains(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        let short = [".svc.cluster.local", ".svc"].iter().find_map(|domain| host.strip_suffix(domain));
        let is_in = |name: &str, end: &str| name.strip_suffix(end).is_some_and(|rest| rest.ends_with('.'));
        self.addresses.contains(host)
            || self.namespaces.iter().any(|namespace| is_in(short.unwrap_or(host), namespace))
            || self.served.iter().any(|served| match served.strip_prefix("*.") {
                Some(domain) => is_in(host, domain),
                None => host == *served,
            })
    }
}

/// The parts of a proxy's configuration, without those for the tenant's own hosts: BH603 allows a tenant to export routes
/// for these, and BH606 only forbids it to turn off the callers' mutual TLS.
pub(super) fn parts(port: u16, proxy: Proxy<'_>, own: &OwnNames) -> BTreeMap<String, Vec<u8>> {
    let configuration = discovery::configuration(port, proxy).unwrap();
    let mut parts = Parts { own, found: BTreeMap::new() };
    for cluster in &configuration.clusters {
        parts.add_cluster(cluster);
    }
    for endpoints in &configuration.endpoints {
        let name = text(endpoints, &[1]).unwrap();
        if !own.contains(host_of(&name)) {
            parts.add(format!("endpoints of {name}"), endpoints.clone());
        }
    }
    for listener in &configuration.listeners {
        parts.add_listener(listener);
    }
    for routes in &configuration.routes {
        parts.add_routes(routes);
    }
    parts.found
}

/// The beginning of the parts for calls of the tenant's hosts without mutual TLS.
pub(super) const NO_TLS: &str = "no mutual TLS with";

/// The hosts of a proxy's clusters for calls to others.
pub(super) fn known_hosts(configuration: &Configuration) -> BTreeSet<String> {
    let names = configuration.clusters.iter().map(|cluster| text(cluster, &[1]).unwrap());
    names.filter(|name| name.starts_with("outbound|")).map(|name| host_of(&name).to_owned()).collect()
}

/// The host in the name of a cluster, `outbound|80|v1|HOST`.
fn host_of(cluster: &str) -> &str {
    cluster.rsplit('|').next().unwrap_or_default()
}

struct Parts<'n> {
    own: &'n OwnNames,
    found: BTreeMap<String, Vec<u8>>,
}

impl Parts<'_> {
    /// Adds a part. Envoy refuses a listener or a set of routes in which one is there twice.
    fn add(&mut self, name: String, content: Vec<u8>) {
        match self.found.entry(name) {
            Entry::Vacant(vacant) => drop(vacant.insert(content)),
            Entry::Occupied(occupied) => {
                let name = format!("second {}", occupied.key());
                self.found.insert(name, content);
            }
        }
    }

    fn add_cluster(&mut self, cluster: &[u8]) {
        let name = text(cluster, &[1]).unwrap();
        if !self.own.contains(host_of(&name)) {
            self.add(format!("cluster {name}"), cluster.to_owned());
        } else if name.starts_with("outbound|") && !has_mutual_tls(cluster) {
            // Subsets are the tenant's to define.
            let port = name.split('|').nth(1).unwrap_or_default();
            self.found.insert(format!("{NO_TLS} {}:{port}", host_of(&name)), Vec::new());
        }
    }

    fn add_listener(&mut self, listener: &[u8]) {
        let name = text(listener, &[1]).unwrap();
        if name.rsplit_once('_').is_some_and(|(address, _)| self.own.contains(address)) {
            return;
        }
        for chain in values(listener, 3).unwrap() {
            let conditions = value(chain, &[1]).unwrap();
            let servers: Vec<_> = values(conditions, 11)
                .unwrap()
                .map(|server| String::from_utf8_lossy(server).into_owned())
                .collect();
            if servers.is_empty() || !servers.iter().all(|server| self.own.contains(server)) {
                let others = without(conditions, 11).unwrap();
                let part = format!("listener {name} for {servers:?} {:?}", String::from_utf8_lossy(&others));
                self.add(part, chain.to_owned());
            }
        }
        self.add(format!("listener {name}"), without(listener, 3).unwrap());
    }

    fn add_routes(&mut self, routes: &[u8]) {
        let name = text(routes, &[1]).unwrap();
        // Where istiod does not know a port's protocol, each host has routes of its own.
        if name.rsplit_once(':').is_some_and(|(host, _)| self.own.contains(host)) {
            return;
        }
        let mut domains = BTreeSet::new();
        for host in values(routes, 2).unwrap() {
            let content = without(host, 2).unwrap();
            for domain in values(host, 2).unwrap() {
                let domain = String::from_utf8_lossy(domain).to_lowercase();
                if !self.own.contains(&domain) {
                    self.add(format!("routes {name} for {domain}"), content.clone());
                } else if !domains.insert(domain.clone()) {
                    self.add(format!("second routes {name} for {domain}"), content.clone());
                }
            }
        }
        self.add(format!("routes {name}"), without(routes, 2).unwrap());
    }
}

/// True if calls of the cluster use the mesh's certificates: always, or for each endpoint that has a proxy.
fn has_mutual_tls(cluster: &[u8]) -> bool {
    contains(cluster, b"tlsMode-istio") || contains(cluster, b"ROOTCA")
}

pub(super) fn contains(content: &[u8], part: &[u8]) -> bool {
    content.windows(part.len()).any(|window| window == part)
}
