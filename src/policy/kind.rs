//! The kinds that rules judge, and every resource through which they are written.

use crate::api;
use crate::baseline;

/// A kind that some rule judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Namespace,
    Pod,
    Binding,
    ReplicationController,
    Deployment,
    ReplicaSet,
    StatefulSet,
    DaemonSet,
    Job,
    CronJob,
    ServiceAccount,
    TokenRequest,
    Secret,
    VirtualService,
    WasmPlugin,
    TrafficExtension,
    ProxyConfig,
    Tenant,
    SharedService,
    Exemption,
    /// A kind that the baseline has objects of.
    Policy(baseline::Kind),
}

/// The entry of the webhook configuration through which the API server sends a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WebhookEntry {
    /// Every Namespace of the cluster.
    Namespaces,
    /// Pods and the kinds that create pods, in namespaces with the tenant label.
    Workloads,
    /// The kinds of the baseline and routes, in namespaces with the tenant label.
    Policies,
    /// Service accounts, their tokens and token Secrets, in namespaces with the tenant label.
    Identities,
    /// Every kind that some rule judges in the namespaces of shared services.
    Shared,
    /// Cluster-scoped objects other than Namespaces.
    Cluster,
}

/// An operation on an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    Create,
    Update,
    Delete,
}

/// A resource as the API server names it, with the kind of its objects.
#[derive(Debug)]
pub struct Resource {
    pub kind: Kind,
    pub plural: &'static str,
    pub subresource: &'static str,
    pub operations: &'static [Operation],
}

use Kind::{
    Binding, CronJob, DaemonSet, Deployment, Exemption, Job, Namespace, Pod, Policy, ProxyConfig, ReplicaSet,
    ReplicationController, Secret, ServiceAccount, SharedService, StatefulSet, Tenant, TokenRequest,
    TrafficExtension, VirtualService, WasmPlugin,
};
use Operation::{Create, Delete, Update};

/// Every judged resource. A subresource that changes labels, annotations or containers has an entry of its own.
pub static RESOURCES: &[Resource] = &[
    resource(Namespace, "namespaces", "", &[Create, Update]),
    resource(Namespace, "namespaces", "finalize", &[Update]),
    resource(Namespace, "namespaces", "status", &[Update]),
    resource(Binding, "bindings", "", &[Create]),
    resource(Pod, "pods", "", &[Create, Update]),
    resource(Binding, "pods", "binding", &[Create]),
    resource(Pod, "pods", "ephemeralcontainers", &[Update]),
    resource(Pod, "pods", "resize", &[Update]),
    resource(Pod, "pods", "status", &[Update]),
    resource(ReplicationController, "replicationcontrollers", "", &[Create, Update]),
    resource(DaemonSet, "daemonsets", "", &[Create, Update]),
    resource(Deployment, "deployments", "", &[Create, Update]),
    resource(ReplicaSet, "replicasets", "", &[Create, Update]),
    resource(StatefulSet, "statefulsets", "", &[Create, Update]),
    resource(CronJob, "cronjobs", "", &[Create, Update]),
    resource(Job, "jobs", "", &[Create, Update]),
    resource(Secret, "secrets", "", &[Create, Update]),
    resource(ServiceAccount, "serviceaccounts", "", &[Create, Update, Delete]),
    resource(TokenRequest, "serviceaccounts", "token", &[Create]),
    resource(VirtualService, "virtualservices", "", &[Create, Update]),
    resource(WasmPlugin, "wasmplugins", "", &[Create, Update]),
    resource(TrafficExtension, "trafficextensions", "", &[Create, Update]),
    resource(ProxyConfig, "proxyconfigs", "", &[Create, Update]),
    resource(Tenant, "tenants", "", &[Create, Update, Delete]),
    resource(Tenant, "tenants", "status", &[Update]),
    resource(SharedService, "sharedservices", "", &[Create, Update, Delete]),
    resource(SharedService, "sharedservices", "status", &[Update]),
    resource(Exemption, "exemptions", "", &[Create, Update, Delete]),
    resource(Exemption, "exemptions", "status", &[Update]),
    baseline_resource(baseline::Kind::NetworkPolicy),
    baseline_resource(baseline::Kind::AuthorizationPolicy),
    baseline_resource(baseline::Kind::PeerAuthentication),
    baseline_resource(baseline::Kind::Sidecar),
    baseline_resource(baseline::Kind::ServiceEntry),
    baseline_resource(baseline::Kind::Telemetry),
    baseline_resource(baseline::Kind::EnvoyFilter),
    baseline_resource(baseline::Kind::ResourceQuota),
    resource(Policy(baseline::Kind::ResourceQuota), "resourcequotas", "status", &[Update]),
    baseline_resource(baseline::Kind::LimitRange),
    baseline_resource(baseline::Kind::RoleBinding),
];

const fn baseline_resource(kind: baseline::Kind) -> Resource {
    resource(Policy(kind), kind.plural(), "", &[Create, Update, Delete])
}

const fn resource(
    kind: Kind,
    plural: &'static str,
    subresource: &'static str,
    operations: &'static [Operation],
) -> Resource {
    Resource { kind, plural, subresource, operations }
}

impl Resource {
    /// Returns the resource for whole objects of the kind with this name, not for a subresource.
    pub fn for_kind(kind: &str) -> Option<&'static Self> {
        RESOURCES.iter().find(|resource| resource.subresource.is_empty() && resource.kind.name() == kind)
    }

    /// Returns the resource of a request; `None` if no rule judges it.
    pub fn find(group: &str, plural: &str, subresource: &str) -> Option<&'static Self> {
        RESOURCES.iter().find(|resource| {
            resource.plural == plural
                && resource.subresource == subresource
                && resource.kind.resource_group() == group
        })
    }

    /// Returns the name in webhook configurations: `pods/status`.
    pub fn path(&self) -> String {
        match self.subresource {
            "" => self.plural.to_owned(),
            subresource => format!("{}/{subresource}", self.plural),
        }
    }
}

impl Kind {
    pub const fn name(self) -> &'static str {
        match self {
            Namespace => "Namespace",
            Pod => "Pod",
            Binding => "Binding",
            ReplicationController => "ReplicationController",
            Deployment => "Deployment",
            ReplicaSet => "ReplicaSet",
            StatefulSet => "StatefulSet",
            DaemonSet => "DaemonSet",
            Job => "Job",
            CronJob => "CronJob",
            ServiceAccount => "ServiceAccount",
            TokenRequest => "TokenRequest",
            Secret => "Secret",
            VirtualService => "VirtualService",
            WasmPlugin => "WasmPlugin",
            TrafficExtension => "TrafficExtension",
            ProxyConfig => "ProxyConfig",
            Tenant => "Tenant",
            SharedService => "SharedService",
            Exemption => "Exemption",
            Policy(kind) => kind.name(),
        }
    }

    pub const fn group(self) -> &'static str {
        match self {
            Namespace | Pod | Binding | ReplicationController | Secret | ServiceAccount => "",
            TokenRequest => "authentication.k8s.io",
            VirtualService | ProxyConfig => "networking.istio.io",
            WasmPlugin | TrafficExtension => "extensions.istio.io",
            Tenant | SharedService | Exemption => api::GROUP,
            Deployment | ReplicaSet | StatefulSet | DaemonSet => "apps",
            Job | CronJob => "batch",
            Policy(kind) => kind.group(),
        }
    }

    /// Returns the group of the resource through which the kind is written: a token is written through its service
    /// account.
    pub const fn resource_group(self) -> &'static str {
        match self {
            TokenRequest => ServiceAccount.group(),
            kind => kind.group(),
        }
    }

    /// Returns the only version in which the kind is judged; the API server converts other versions.
    pub const fn version(self) -> &'static str {
        match self {
            Tenant | SharedService | Exemption | WasmPlugin | TrafficExtension => "v1alpha1",
            ProxyConfig => "v1beta1",
            Policy(kind) => kind.version(),
            _ => "v1",
        }
    }

    /// Returns the baseline's kind, if the baseline has objects of this kind.
    pub const fn baseline_kind(self) -> Option<baseline::Kind> {
        match self {
            Policy(kind) => Some(kind),
            ServiceAccount => Some(baseline::Kind::ServiceAccount),
            _ => None,
        }
    }

    /// True if the kind is cluster-scoped.
    pub const fn is_cluster_scoped(self) -> bool {
        matches!(self, Namespace | Tenant | SharedService | Exemption)
    }

    /// True if some rule compares the object with its old version.
    pub const fn needs_old_object(self) -> bool {
        matches!(self, Namespace | Tenant | Secret | ServiceAccount | Policy(_))
    }

    /// Returns the webhook entry for the kind in tenants' namespaces.
    pub const fn entry(self) -> WebhookEntry {
        match self {
            Namespace => WebhookEntry::Namespaces,
            Tenant | SharedService | Exemption => WebhookEntry::Cluster,
            Policy(_) | VirtualService | WasmPlugin | TrafficExtension | ProxyConfig => {
                WebhookEntry::Policies
            }
            ServiceAccount | TokenRequest | Secret => WebhookEntry::Identities,
            _ => WebhookEntry::Workloads,
        }
    }
}

impl Operation {
    const ALL: &[Self] = &[Self::Create, Self::Update, Self::Delete];

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|operation| operation.name() == name)
    }

    /// Returns the operation as the API server writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }
}

impl WebhookEntry {
    pub const ALL: &[Self] =
        &[Self::Namespaces, Self::Workloads, Self::Policies, Self::Identities, Self::Shared, Self::Cluster];

    /// Returns the last segment of the webhook's path, which is also the first label of its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Namespaces => "namespaces",
            Self::Workloads => "workloads",
            Self::Policies => "policies",
            Self::Identities => "identities",
            Self::Shared => "shared",
            Self::Cluster => "cluster",
        }
    }
}
