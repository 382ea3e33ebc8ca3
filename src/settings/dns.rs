use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use schemars::JsonSchema;
use serde::Deserialize;

use super::kube_controllers::KUBE_SYSTEM;
use crate::keys::OPENSHIFT_DNS_LABEL;

/// The cluster's DNS.
#[derive(Debug)]
pub struct Dns {
    /// The namespace of its Services and pods.
    pub namespace: String,
    pub services: BTreeSet<String>,
    /// The labels of its pods.
    pub pod_labels: BTreeMap<String, String>,
    /// The port on which its pods listen, by UDP and TCP. That of its Services is 53.
    pub pod_port: u16,
    /// Addresses on which a cache on the node answers.
    pub node_caches: BTreeSet<IpAddr>,
}

/// Where a distribution of Kubernetes runs DNS.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
pub(super) enum Preset {
    /// CoreDNS or kube-dns in `kube-system`.
    #[default]
    KubeDns,
    /// The DNS operator of OpenShift.
    OpenShift,
}

/// The DNS as it is written. A key that is absent has the value of the preset.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct DnsFile {
    preset: Preset,
    namespace: Option<String>,
    services: Option<BTreeSet<String>>,
    pod_labels: Option<BTreeMap<String, String>>,
    pod_port: Option<u16>,
    node_caches: Option<BTreeSet<IpAddr>>,
}

/// The addresses that the documentation of Kubernetes
/// (<https://kubernetes.io/docs/tasks/administer-cluster/nodelocaldns/>) and Kubespray give to NodeLocal DNSCache. They
/// are link-local: on a node without a cache they belong to nothing.
const NODE_CACHES: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(169, 254, 20, 10)), IpAddr::V4(Ipv4Addr::new(169, 254, 25, 10))];

impl DnsFile {
    /// True if the selector would select every pod of the namespace.
    pub(super) fn selects_every_pod(&self) -> bool {
        self.pod_labels.as_ref().is_some_and(BTreeMap::is_empty)
    }
}

impl From<DnsFile> for Dns {
    fn from(file: DnsFile) -> Self {
        let (namespace, service, label, port) = match file.preset {
            Preset::KubeDns => (KUBE_SYSTEM, "kube-dns", ("k8s-app", "kube-dns"), 53),
            Preset::OpenShift => ("openshift-dns", "dns-default", (OPENSHIFT_DNS_LABEL, "default"), 5353),
        };
        let labels = || BTreeMap::from([(label.0.to_owned(), label.1.to_owned())]);
        Self {
            namespace: file.namespace.unwrap_or_else(|| namespace.to_owned()),
            services: file.services.unwrap_or_else(|| BTreeSet::from([service.to_owned()])),
            pod_labels: file.pod_labels.unwrap_or_else(labels),
            pod_port: file.pod_port.unwrap_or(port),
            node_caches: file.node_caches.unwrap_or_else(|| NODE_CACHES.into()),
        }
    }
}
