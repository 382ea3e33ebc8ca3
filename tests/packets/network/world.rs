//! The world of the tables: its snapshot, its pods and their addresses, the packets of the rows, and the policies.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use bulkhead::baseline::{Manifest, desired_for_namespace, desired_for_service, desired_for_tenant, labels};
use bulkhead::kinds::Kind;
use bulkhead::settings::{AdminPolicyKind, SameTenant};
use bulkhead::snapshot::{ClusterEndpoints, NamespaceOwner, Snapshot};
use bulkhead::sources::files;
use bulkhead_harness::evaluator::{self, End, Packet};
use bulkhead_harness::network::{FIRST_POD, pod_addresses};
use serde_json::Value;

use super::rows::Other::{self, Address, Pod};
use super::rows::{ACME, API_SERVERS, CLOSED, DNS_SERVICES, ROWS, Row, SERVED};
use support::repository;

/// Rows and the policies of their side.
pub(super) struct Part {
    pub(super) title: &'static str,
    pub(super) rows: &'static [Row],
    pub(super) policies: Vec<Value>,
    /// Those of both sides.
    pub(super) all: Vec<Value>,
    /// A field of the metadata, and its values: every rule, peer and port of a policy with it must change a row.
    pub(super) shown: Option<(&'static str, &'static [&'static str])>,
}

/// A packet, and `true` if it arrives with Bulkhead.
pub(super) struct Probe {
    pub(super) who: &'static str,
    pub(super) packet: Packet,
    pub(super) arrives: bool,
}

/// One of the pods; two are alike if packets go from one to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) namespace: &'static str,
    pub(super) labels: &'static [(&'static str, &'static str)],
    pub(super) is_second: bool,
}

pub(super) struct World {
    pub(super) snapshot: Snapshot,
    /// The pods, in the order of their numbers.
    pub(super) places: Vec<Place>,
}

impl World {
    pub(super) fn new() -> Self {
        let mut places = Vec::new();
        for row in [ROWS, CLOSED, SERVED].concat() {
            let others = row.others.iter().filter_map(|other| Place::of(other, *other == row.own));
            for place in Place::of(&row.own, false).into_iter().chain(others) {
                if !places.contains(&place) {
                    places.push(place);
                }
            }
        }
        Self { snapshot: snapshot(), places }
    }

    pub(super) fn parts(&self) -> [Part; 3] {
        let mut closed = snapshot();
        Arc::get_mut(&mut closed.settings).unwrap().same_tenant = SameTenant::Namespace;
        let services: &[&str] = &["bulkhead-log-collector", "bulkhead-auditor"];
        let [all, all_closed] =
            [&self.snapshot, &closed].map(|it| [of_tenants(it), of_services(it)].concat());
        [
            Part {
                title: "the tenants' policies",
                rows: ROWS,
                policies: of_tenants(&self.snapshot),
                all: all.clone(),
                shown: Some(("namespace", &[ACME])),
            },
            Part {
                title: "the tenants' policies with `sameTenant: Namespace`",
                rows: CLOSED,
                policies: of_tenants(&closed),
                all: all_closed,
                shown: None,
            },
            Part {
                title: "the shared services' policies",
                rows: SERVED,
                policies: of_services(&self.snapshot),
                all,
                shown: Some(("name", services)),
            },
        ]
    }

    /// The packets of the rows, by IPv4 and by IPv6.
    pub(super) fn probes(&self, rows: &[Row]) -> Vec<Probe> {
        let mut probes = Vec::new();
        for Row { who, own, others, ports, arrives: [into, out] } in rows {
            for other in *others {
                for (own, other) in self.pairs(own, other) {
                    for port in *ports {
                        for (from, to, arrives) in [(&other, &own, *into), (&own, &other, *out)] {
                            let packet = Packet { from: from.clone(), to: to.clone(), port: *port };
                            probes.push(Probe { who, packet, arrives });
                        }
                    }
                }
            }
        }
        probes
    }

    /// The two ends with addresses of the same family, for each family that both have.
    pub(super) fn pairs(&self, own: &Other, other: &Other) -> impl Iterator<Item = (End, End)> {
        let owns = self.ends(own, false);
        let others = self.ends(other, own == other);
        owns.into_iter().flat_map(move |own| {
            let is_same_family = |other: &&End| other.address.is_ipv4() == own.address.is_ipv4();
            let matching: Vec<_> =
                others.iter().filter(is_same_family).map(|other| (own.clone(), other.clone())).collect();
            matching
        })
    }

    /// The end with each of its addresses.
    fn ends(&self, other: &Other, is_second: bool) -> Vec<End> {
        match (Place::of(other, is_second), other) {
            (Some(place), _) => {
                let pod = self.pod(place);
                let end = |address| End { pod: Some(pod.clone()), address };
                self.addresses(place).map(end).into()
            }
            (None, Address(address)) => vec![End { pod: None, address: address.parse().unwrap() }],
            (None, Pod(..)) => unreachable!("a pod has a place"),
        }
    }

    pub(super) fn addresses(&self, place: Place) -> [IpAddr; 2] {
        let number = self.places.iter().position(|known| *known == place).unwrap();
        pod_addresses(FIRST_POD + u16::try_from(number).unwrap())
    }

    /// A pod whose namespace has the labels of the API server and of the webhook.
    fn pod(&self, place: Place) -> evaluator::Pod {
        let labels = place.labels.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        let namespace_labels = self.namespace_labels(place.namespace);
        evaluator::Pod { namespace: place.namespace.into(), namespace_labels, labels }
    }

    /// The tenant whose pod it is.
    pub(super) fn tenant(&self, end: &End) -> Option<&str> {
        match self.snapshot.owner(&end.pod.as_ref()?.namespace) {
            Some(NamespaceOwner::Tenant(tenant)) => Some(&tenant.name),
            _ => None,
        }
    }

    pub(super) fn namespace_labels(&self, namespace: &str) -> BTreeMap<String, String> {
        let mut all = BTreeMap::from([("kubernetes.io/metadata.name".into(), namespace.into())]);
        if let Some(NamespaceOwner::Tenant(tenant)) = self.snapshot.owner(namespace) {
            let given = labels(&self.snapshot.settings, tenant);
            all.extend(given.map(|label| (label.key.into(), label.value.into())));
        }
        all
    }
}

impl Place {
    fn of(other: &Other, is_second: bool) -> Option<Self> {
        match *other {
            Pod(namespace, labels) => Some(Self { namespace, labels, is_second }),
            Address(_) => None,
        }
    }
}

/// The AdminNetworkPolicies of all tenants.
pub(super) fn admin_policies() -> Vec<Value> {
    let mut snapshot = snapshot();
    let settings = Arc::get_mut(&mut snapshot.settings).unwrap();
    settings.admin_network_policy = Some(AdminPolicyKind::AdminNetworkPolicy);
    let manifests = snapshot.tenants().flat_map(|tenant| desired_for_tenant(&snapshot, tenant));
    of_kind(Kind::AdminNetworkPolicy, manifests)
}

/// Every address of a row that is no pod's.
pub(super) fn outside() -> BTreeSet<IpAddr> {
    let rows = [ROWS, CLOSED, SERVED].concat();
    let others = rows.iter().flat_map(|row| row.others);
    let address = |other: &Other| match other {
        Address(address) => Some(address.parse().unwrap()),
        Pod(..) => None,
    };
    others.filter_map(address).collect()
}

/// The world of `cluster.yaml`, in a cluster with an API server and DNS.
fn snapshot() -> Snapshot {
    let path = repository("tests/packets/network/cluster.yaml");
    let mut snapshot = files::snapshot(&files::read(&[path]).unwrap()).unwrap();
    snapshot.endpoints = ClusterEndpoints {
        api_servers: API_SERVERS.iter().map(|address| (address.parse().unwrap(), 6443)).collect(),
        dns: DNS_SERVICES.iter().map(|address| address.parse().unwrap()).collect(),
    };
    snapshot
}

/// The network policies of all tenants.
fn of_tenants(snapshot: &Snapshot) -> Vec<Value> {
    let namespaces = snapshot
        .tenants()
        .flat_map(|tenant| snapshot.namespaces_of(&tenant.name).map(move |namespace| (tenant, namespace)));
    of_kind(
        Kind::NetworkPolicy,
        namespaces.flat_map(|(tenant, namespace)| desired_for_namespace(snapshot, tenant, namespace)),
    )
}

/// Those of all shared services.
fn of_services(snapshot: &Snapshot) -> Vec<Value> {
    of_kind(
        Kind::NetworkPolicy,
        snapshot.shared_services().flat_map(|service| desired_for_service(snapshot, service)),
    )
}

fn of_kind(kind: Kind, manifests: impl Iterator<Item = Manifest>) -> Vec<Value> {
    let policies = manifests.filter(|manifest| manifest.kind == kind);
    policies.map(|manifest| manifest.object).collect()
}
