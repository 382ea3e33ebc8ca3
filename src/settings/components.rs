use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// The way in which tenants' proxies treat unknown destinations.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
pub enum Outbound {
    /// The proxies refuse them.
    #[default]
    #[serde(rename = "REGISTRY_ONLY")]
    RegistryOnly,
    /// The proxies pass them; network policies still apply.
    #[serde(rename = "ALLOW_ANY")]
    AllowAny,
}

impl Outbound {
    /// Returns the value as a Sidecar writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RegistryOnly => "REGISTRY_ONLY",
            Self::AllowAny => "ALLOW_ANY",
        }
    }
}

/// The namespaces of a tenant that may reach each other on the network.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
pub enum SameTenant {
    /// All namespaces of the tenant may reach each other.
    #[default]
    Tenant,
    /// Each namespace may reach only itself.
    Namespace,
}

/// The API through which Calico's policies are written.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Calico {
    /// Calico's own API server.
    #[serde(rename = "projectcalico.org/v3")]
    ApiServer,
    /// The custom resources in which Calico stores them.
    #[serde(rename = "crd.projectcalico.org/v1")]
    Crd,
}

/// The kind of SIG Network's admin network policies.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
pub enum AdminPolicyKind {
    #[serde(rename = "policy.networking.k8s.io/v1alpha1")]
    AdminNetworkPolicy,
    #[serde(rename = "policy.networking.k8s.io/v1alpha2")]
    ClusterNetworkPolicy,
}

/// The name of the audit's report in a namespace.
pub const REPORT_NAME: &str = "bulkhead-audit";

/// The kind of the audit's reports.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
pub enum ReportKind {
    #[serde(rename = "openreports.io/v1alpha1")]
    Report,
    #[serde(rename = "wgpolicyk8s.io/v1alpha2")]
    PolicyReport,
}

impl ReportKind {
    pub const ALL: [Self; 2] = [Self::Report, Self::PolicyReport];

    /// Returns the group, the kind and the plural name.
    pub const fn names(self) -> [&'static str; 3] {
        match self {
            Self::Report => ["openreports.io", "Report", "reports"],
            Self::PolicyReport => ["wgpolicyk8s.io", "PolicyReport", "policyreports"],
        }
    }

    pub const fn version(self) -> &'static str {
        match self {
            Self::Report => "v1alpha1",
            Self::PolicyReport => "v1alpha2",
        }
    }
}

/// The mode of the mesh-wide deny-all policy.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
pub enum DenyAll {
    #[default]
    Disabled,
    /// The proxies count the calls that the policy would refuse, and allow them.
    DryRun,
    Enforce,
}

/// A gateway of the platform. A Tenant can be granted to receive calls through it.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Gateway {
    /// The name as in a Tenant's grants: NAMESPACE/NAME.
    pub name: String,
    /// The service account of its pods.
    pub service_account: String,
    /// The labels of its pods.
    pub selector: BTreeMap<String, String>,
}

impl Gateway {
    /// Returns the namespace of the gateway.
    pub fn namespace(&self) -> &str {
        self.name.split_once('/').map_or("", |(namespace, _)| namespace)
    }
}

/// The gateway through which tenants reach hosts outside the cluster.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EgressGateway {
    pub namespace: String,
    /// The name of its Service.
    pub service: String,
    /// The labels of its pods.
    pub selector: BTreeMap<String, String>,
    /// The port of its Service and its pods that accepts TLS and forwards it by the requested server name.
    #[serde(default = "tls")]
    pub port: u16,
}

const fn tls() -> u16 {
    8443
}

/// The writer of the webhook configurations.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
pub enum Registration {
    /// The controller writes them, and restores what is edited or deleted.
    #[default]
    Managed,
    /// The controller neither creates, changes nor restores them. For an outage, and for clusters whose configurations
    /// come from Git (`bulkhead manifests webhooks`).
    Unmanaged,
}

/// The effect of a violation of a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum RuleMode {
    /// The request is refused.
    #[default]
    Enforce,
    /// The request is admitted with a warning to the user, a count and an annotation in the API server's audit log.
    Warn,
    /// The same without a warning.
    Audit,
}
