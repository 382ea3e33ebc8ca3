use std::collections::BTreeMap;

use serde::Deserialize;

/// How the mesh takes pods in.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub enum Dataplane {
    /// A proxy in each pod.
    #[default]
    Sidecar,
    /// One for each node, and waypoints.
    Ambient,
}

/// What the tenants' proxies do with a destination they do not know.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub enum Outbound {
    /// They refuse it.
    #[default]
    #[serde(rename = "REGISTRY_ONLY")]
    RegistryOnly,
    /// They let it pass; the network's policies remain.
    #[serde(rename = "ALLOW_ANY")]
    AllowAny,
}

impl Outbound {
    /// As a Sidecar writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RegistryOnly => "REGISTRY_ONLY",
            Self::AllowAny => "ALLOW_ANY",
        }
    }
}

/// How far a tenant's namespaces are open to each other on the network.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub enum SameTenant {
    /// All of them.
    #[default]
    Tenant,
    /// Each only to itself.
    Namespace,
}

/// The API by which Calico's policies are written.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Calico {
    /// Calico's own API server.
    #[serde(rename = "projectcalico.org/v3")]
    Server,
    /// The resources in which Calico keeps them.
    #[serde(rename = "crd.projectcalico.org/v1")]
    Stored,
}

/// Whether the whole mesh denies what no policy allows.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub enum DenyAll {
    #[default]
    Never,
    /// What it would refuse is counted by the proxies, and let through.
    DryRun,
    Enforce,
}

/// A gateway of the platform's that tenants may be granted to be called through.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Gateway {
    /// NAMESPACE/NAME, as a Tenant names it.
    pub name: String,
    /// The account its pods run as.
    pub service_account: String,
    /// The labels of its pods.
    pub selector: BTreeMap<String, String>,
}

impl Gateway {
    /// The namespace it runs in.
    pub fn namespace(&self) -> &str {
        self.name.split_once('/').map_or("", |(namespace, _)| namespace)
    }
}

/// The gateway through which tenants reach hosts outside the cluster.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EgressGateway {
    pub namespace: String,
    /// The name of its Service.
    pub service: String,
    /// The labels of its pods.
    pub selector: BTreeMap<String, String>,
    /// Where its Service and its pods take TLS, to be passed on by the name it asks for.
    #[serde(default = "tls")]
    pub port: u16,
}

const fn tls() -> u16 {
    8443
}

/// Who writes the webhook configurations.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub enum Registration {
    /// The controller, which puts back what is edited or deleted.
    #[default]
    Manage,
    /// Nobody but you: nothing is created, changed or put back. It is the switch for an outage, and for those who
    /// keep what `bulkhead manifests webhooks` prints in Git.
    Leave,
}
