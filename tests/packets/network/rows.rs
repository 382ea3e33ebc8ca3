//! The rows of the tables: the other end, the ports, and the packets that arrive.

use bulkhead_harness::evaluator::Port::{self, Tcp, Udp};

use self::Other::{Address, Pod};

/// Packets between a pod and others, on each of the ports.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) who: &'static str,
    pub(super) own: Other,
    pub(super) others: &'static [Other],
    pub(super) ports: &'static [Port],
    /// With Bulkhead: into the pod, and out of it.
    pub(super) arrives: [bool; 2],
}

/// A pod by its namespace and labels, or an address that is no pod's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Other {
    Pod(&'static str, &'static [(&'static str, &'static str)]),
    Address(&'static str),
}

/// A row of a tenant's pod.
const fn row(
    who: &'static str,
    namespace: &'static str,
    others: &'static [Other],
    ports: &'static [Port],
    arrives: [bool; 2],
) -> Row {
    Row { who, own: Pod(namespace, PLAIN), others, ports, arrives }
}

/// A row of a shared service's pod.
const fn served(
    who: &'static str,
    labels: &'static [(&'static str, &'static str)],
    others: &'static [Other],
    ports: &'static [Port],
    arrives: [bool; 2],
) -> Row {
    Row { who, own: Pod(SHARED, labels), others, ports, arrives }
}

pub(super) const ACME: &str = "tenant-acme";
pub(super) const JOBS: &str = "tenant-acme-jobs";
pub(super) const BETA: &str = "tenant-beta";
pub(super) const UNOWNED: &str = "legacy";
pub(super) const SHARED: &str = "shared-services";
pub(super) const INGRESS: &str = "istio-ingress";
const EGRESS: &str = "istio-egress";

pub(super) const PLAIN: &[(&str, &str)] = &[("app", "web")];
pub(super) const DNS: &[(&str, &str)] = &[("k8s-app", "kube-dns")];
const ISTIOD: &[(&str, &str)] = &[("app", "istiod")];
pub(super) const COLLECTOR: &[(&str, &str)] = &[("app", "log-collector")];
const AUDITOR: &[(&str, &str)] = &[("app", "auditor")];
pub(super) const PUBLIC: &[(&str, &str)] = &[("app", "public")];
const PRIVATE: &[(&str, &str)] = &[("app", "private")];
const EGRESS_GATEWAY: &[(&str, &str)] = &[("app", "egress")];
const VAULT: &[(&str, &str)] = &[("app", "vault")];

pub(super) const API_SERVERS: [&str; 2] = ["192.0.2.10", "2001:db8::10"];
const API_SERVER: &[Other] = &[Address(API_SERVERS[0]), Address(API_SERVERS[1])];
pub(super) const DNS_SERVICES: [&str; 2] = ["10.96.0.10", "fd00::10"];
const DNS_ADDRESSES: &[Other] =
    &[Address(DNS_SERVICES[0]), Address(DNS_SERVICES[1]), Address("169.254.20.10"), Address("169.254.25.10")];

/// Every port that some policy names, and one that none does.
pub(super) const ALL: &[Port] = &[
    Tcp(53),
    Tcp(5432),
    Tcp(6443),
    Tcp(8080),
    Tcp(8443),
    Tcp(9090),
    Tcp(9443),
    Tcp(15012),
    Tcp(15020),
    Udp(53),
    Udp(8125),
];

const BOTH: [bool; 2] = [true, true];
const IN: [bool; 2] = [true, false];
const OUT: [bool; 2] = [false, true];
const NEITHER: [bool; 2] = [false, false];

pub(super) const ROWS: &[Row] = &[
    row("same namespace", ACME, &[Pod(ACME, PLAIN)], ALL, BOTH),
    row("same tenant, another namespace", ACME, &[Pod(JOBS, PLAIN)], ALL, BOTH),
    row("another tenant", ACME, &[Pod(BETA, PLAIN)], ALL, NEITHER),
    row("a namespace without a tenant, outside the mesh", ACME, &[Pod(UNOWNED, PLAIN)], ALL, NEITHER),
    row("a gateway, granted", ACME, &[Pod(INGRESS, PUBLIC)], ALL, IN),
    row("a gateway, not granted", ACME, &[Pod(INGRESS, PRIVATE)], ALL, NEITHER),
    row("a gateway, granted to another tenant", BETA, &[Pod(INGRESS, PUBLIC)], ALL, NEITHER),
    row("the namespace of a granted caller", ACME, &[Pod("deploys", PLAIN)], ALL, IN),
    row(
        "the namespace of a caller with one granted port",
        ACME,
        &[Pod("monitoring", PLAIN)],
        &[Tcp(9090)],
        IN,
    ),
    row("its other ports", ACME, &[Pod("monitoring", PLAIN)], &[Tcp(8080), Udp(9090)], NEITHER),
    row("a shared service, granted", ACME, &[Pod(SHARED, COLLECTOR)], &[Tcp(8080)], OUT),
    row("its other ports", ACME, &[Pod(SHARED, COLLECTOR)], &[Tcp(9090), Udp(8080)], NEITHER),
    row("a shared service, not granted", ACME, &[Pod(SHARED, VAULT)], ALL, NEITHER),
    row("a shared service, granted to another tenant", BETA, &[Pod(SHARED, COLLECTOR)], ALL, NEITHER),
    row("a shared service that may call the tenant", ACME, &[Pod(SHARED, AUDITOR)], ALL, IN),
    row("a shared service that may call another tenant", BETA, &[Pod(SHARED, AUDITOR)], ALL, NEITHER),
    row("DNS", ACME, &[Pod("kube-system", DNS)], &[Tcp(53), Udp(53)], OUT),
    row("DNS, by its Service or a cache on the node", ACME, DNS_ADDRESSES, &[Tcp(53), Udp(53)], OUT),
    row("DNS pods' other ports", ACME, &[Pod("kube-system", DNS)], &[Tcp(8080), Tcp(9153)], NEITHER),
    row("other pods in kube-system", ACME, &[Pod("kube-system", PLAIN)], ALL, NEITHER),
    row("istiod", ACME, &[Pod("istio-system", ISTIOD)], &[Tcp(15012)], OUT),
    row("its other ports", ACME, &[Pod("istio-system", ISTIOD)], &[Tcp(15010), Tcp(15017)], NEITHER),
    row("other pods in istio-system", ACME, &[Pod("istio-system", PLAIN)], ALL, NEITHER),
    row(
        "pods elsewhere, labelled like any of these",
        ACME,
        &[
            Pod(BETA, COLLECTOR),
            Pod(UNOWNED, DNS),
            Pod(UNOWNED, ISTIOD),
            Pod(UNOWNED, PUBLIC),
            Pod(BETA, AUDITOR),
            Pod(BETA, EGRESS_GATEWAY),
        ],
        ALL,
        NEITHER,
    ),
    row("the API server", ACME, API_SERVER, &[Tcp(6443)], OUT),
    row("the API server, on a port it was granted to call", ACME, API_SERVER, &[Tcp(9443)], IN),
    row("its node's other ports", ACME, API_SERVER, &[Tcp(2379), Tcp(10250)], NEITHER),
    row("the egress gateway, a host granted", ACME, &[Pod(EGRESS, EGRESS_GATEWAY)], &[Tcp(8443)], OUT),
    row("its other ports", ACME, &[Pod(EGRESS, EGRESS_GATEWAY)], &[Tcp(443), Tcp(15020)], NEITHER),
    row("the egress gateway, no host granted", BETA, &[Pod(EGRESS, EGRESS_GATEWAY)], ALL, NEITHER),
    row("addresses, granted with a port", ACME, &[Address("198.51.100.7")], &[Tcp(5432), Udp(8125)], OUT),
    row("their other ports", ACME, &[Address("198.51.100.7")], &[Tcp(443), Tcp(8125), Udp(5432)], NEITHER),
    row("the cloud's metadata", ACME, &[Address("169.254.169.254")], &[Tcp(80)], NEITHER),
    row("outside the cluster", ACME, &[Address("203.0.113.7"), Address("2001:db8::7")], ALL, NEITHER),
];

/// Rows about settings that close the namespaces of a tenant to each other.
pub(super) const CLOSED: &[Row] = &[
    row("same namespace, with `sameTenant: Namespace`", ACME, &[Pod(ACME, PLAIN)], ALL, BOTH),
    row("same tenant, another namespace, with it", ACME, &[Pod(JOBS, PLAIN)], ALL, NEITHER),
];

pub(super) const SERVED: &[Row] = &[
    served("a tenant with the grant", COLLECTOR, &[Pod(ACME, PLAIN), Pod(JOBS, PLAIN)], &[Tcp(8080)], IN),
    served("its other ports", COLLECTOR, &[Pod(ACME, PLAIN)], &[Tcp(9090), Udp(8080)], NEITHER),
    served("a tenant without the grant", COLLECTOR, &[Pod(BETA, PLAIN)], ALL, NEITHER),
    served("a tenant that it may call", AUDITOR, &[Pod(ACME, PLAIN), Pod(JOBS, PLAIN)], ALL, OUT),
    served("a tenant that it may not call", AUDITOR, &[Pod(BETA, PLAIN)], ALL, NEITHER),
    served("its own namespace", COLLECTOR, &[Pod(SHARED, PLAIN)], ALL, BOTH),
    served("a namespace of its `egress`", COLLECTOR, &[Pod("storage", PLAIN)], ALL, OUT),
    served("a namespace without a tenant", COLLECTOR, &[Pod(UNOWNED, PLAIN)], ALL, NEITHER),
    served(
        "a gateway, or Prometheus",
        COLLECTOR,
        &[Pod(INGRESS, PUBLIC), Pod("monitoring", PLAIN)],
        ALL,
        NEITHER,
    ),
    served("DNS", COLLECTOR, &[Pod("kube-system", DNS)], &[Tcp(53), Udp(53)], OUT),
    served("DNS, by its Service or a cache on the node", COLLECTOR, DNS_ADDRESSES, &[Tcp(53), Udp(53)], OUT),
    served("DNS pods' other ports", COLLECTOR, &[Pod("kube-system", DNS)], &[Tcp(8080), Tcp(9153)], NEITHER),
    served("istiod", COLLECTOR, &[Pod("istio-system", ISTIOD)], &[Tcp(15012)], OUT),
    served("its other ports", COLLECTOR, &[Pod("istio-system", ISTIOD)], &[Tcp(15010), Tcp(15017)], NEITHER),
    served("the API server", COLLECTOR, API_SERVER, &[Tcp(6443)], OUT),
    served("its node's other ports", COLLECTOR, API_SERVER, &[Tcp(2379), Tcp(10250)], NEITHER),
    served(
        "outside the cluster",
        COLLECTOR,
        &[Address("203.0.113.7"), Address("169.254.169.254")],
        ALL,
        NEITHER,
    ),
    served("a service that calls tenants: its own namespace", AUDITOR, &[Pod(SHARED, PLAIN)], ALL, BOTH),
    served("the same: DNS", AUDITOR, &[Pod("kube-system", DNS)], &[Tcp(53), Udp(53)], OUT),
    served("the same: DNS, by its Service or a cache", AUDITOR, DNS_ADDRESSES, &[Tcp(53), Udp(53)], OUT),
    served("the same: DNS pods' other ports", AUDITOR, &[Pod("kube-system", DNS)], &[Tcp(8080)], NEITHER),
    served("the same: istiod", AUDITOR, &[Pod("istio-system", ISTIOD)], &[Tcp(15012)], OUT),
    served("the same: istiod's other ports", AUDITOR, &[Pod("istio-system", ISTIOD)], &[Tcp(15010)], NEITHER),
    served("the same: the API server", AUDITOR, API_SERVER, &[Tcp(6443)], OUT),
    served("the same: its node's other ports", AUDITOR, API_SERVER, &[Tcp(10250)], NEITHER),
];
