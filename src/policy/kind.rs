//! The kinds that are judged, and every door through which they are written.

use crate::api;
use crate::baseline;

/// A kind some rule judges.
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

/// The entry of the webhook configuration that a write comes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entry {
    /// Every namespace of the cluster.
    Namespaces,
    /// Pods and what makes pods, in namespaces with the tenant label.
    Workloads,
    /// The kinds of the baseline and routes, in namespaces with the tenant label.
    Policies,
    /// Service accounts, their tokens and token Secrets, in namespaces with the tenant label.
    Identities,
    /// Everything that some rule judges in the namespaces that shared services run in.
    Shared,
    /// What belongs to the cluster, other than namespaces.
    Cluster,
}

/// What is done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    Create,
    Update,
    Delete,
}

/// A resource as the API server names it, and the kind of the objects written there.
#[derive(Debug)]
pub struct Door {
    pub kind: Kind,
    pub resource: &'static str,
    pub subresource: &'static str,
    pub operations: &'static [Operation],
}

use Kind::{
    Binding, CronJob, DaemonSet, Deployment, Exemption, Job, Namespace, Pod, Policy, ProxyConfig, ReplicaSet,
    ReplicationController, Secret, ServiceAccount, SharedService, StatefulSet, Tenant, TokenRequest,
    TrafficExtension, VirtualService, WasmPlugin,
};
use Operation::{Create, Delete, Update};

/// Every door. A subresource that changes labels, annotations or containers is one of its own.
pub static DOORS: &[Door] = &[
    door(Namespace, "namespaces", "", &[Create, Update]),
    door(Namespace, "namespaces", "finalize", &[Update]),
    door(Namespace, "namespaces", "status", &[Update]),
    door(Binding, "bindings", "", &[Create]),
    door(Pod, "pods", "", &[Create, Update]),
    door(Binding, "pods", "binding", &[Create]),
    door(Pod, "pods", "ephemeralcontainers", &[Update]),
    door(Pod, "pods", "resize", &[Update]),
    door(Pod, "pods", "status", &[Update]),
    door(ReplicationController, "replicationcontrollers", "", &[Create, Update]),
    door(DaemonSet, "daemonsets", "", &[Create, Update]),
    door(Deployment, "deployments", "", &[Create, Update]),
    door(ReplicaSet, "replicasets", "", &[Create, Update]),
    door(StatefulSet, "statefulsets", "", &[Create, Update]),
    door(CronJob, "cronjobs", "", &[Create, Update]),
    door(Job, "jobs", "", &[Create, Update]),
    door(Secret, "secrets", "", &[Create, Update]),
    door(ServiceAccount, "serviceaccounts", "", &[Create, Update, Delete]),
    door(TokenRequest, "serviceaccounts", "token", &[Create]),
    door(VirtualService, "virtualservices", "", &[Create, Update]),
    door(WasmPlugin, "wasmplugins", "", &[Create, Update]),
    door(TrafficExtension, "trafficextensions", "", &[Create, Update]),
    door(ProxyConfig, "proxyconfigs", "", &[Create, Update]),
    door(Tenant, "tenants", "", &[Create, Update, Delete]),
    door(Tenant, "tenants", "status", &[Update]),
    door(SharedService, "sharedservices", "", &[Create, Update, Delete]),
    door(SharedService, "sharedservices", "status", &[Update]),
    door(Exemption, "exemptions", "", &[Create, Update, Delete]),
    door(Exemption, "exemptions", "status", &[Update]),
    policy(baseline::Kind::NetworkPolicy),
    policy(baseline::Kind::AuthorizationPolicy),
    policy(baseline::Kind::PeerAuthentication),
    policy(baseline::Kind::Sidecar),
    policy(baseline::Kind::ServiceEntry),
    policy(baseline::Kind::Telemetry),
    policy(baseline::Kind::EnvoyFilter),
    policy(baseline::Kind::ResourceQuota),
    door(Policy(baseline::Kind::ResourceQuota), "resourcequotas", "status", &[Update]),
    policy(baseline::Kind::LimitRange),
    policy(baseline::Kind::RoleBinding),
];

const fn policy(kind: baseline::Kind) -> Door {
    door(Policy(kind), kind.resource(), "", &[Create, Update, Delete])
}

const fn door(
    kind: Kind,
    resource: &'static str,
    subresource: &'static str,
    operations: &'static [Operation],
) -> Door {
    Door { kind, resource, subresource, operations }
}

impl Door {
    /// The door to whole objects of the kind of this name.
    pub fn named(kind: &str) -> Option<&'static Self> {
        DOORS.iter().find(|door| door.subresource.is_empty() && door.kind.name() == kind)
    }

    /// The door a request came through; `None` if no rule is written for it.
    pub fn find(group: &str, resource: &str, subresource: &str) -> Option<&'static Self> {
        DOORS.iter().find(|door| {
            door.resource == resource
                && door.subresource == subresource
                && door.kind.resource_group() == group
        })
    }

    /// As a webhook configuration names it: `pods/status`.
    pub fn path(&self) -> String {
        match self.subresource {
            "" => self.resource.to_owned(),
            subresource => format!("{}/{subresource}", self.resource),
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

    /// The group of the resource it is written through: a token is one of a service account's.
    pub const fn resource_group(self) -> &'static str {
        match self {
            TokenRequest => ServiceAccount.group(),
            kind => kind.group(),
        }
    }

    /// The one version it is judged in; the API server converts.
    pub const fn version(self) -> &'static str {
        match self {
            Tenant | SharedService | Exemption | WasmPlugin | TrafficExtension => "v1alpha1",
            ProxyConfig => "v1beta1",
            Policy(kind) => kind.version(),
            _ => "v1",
        }
    }

    /// The kind as the baseline knows it, if it has objects of it.
    pub const fn of_the_baseline(self) -> Option<baseline::Kind> {
        match self {
            Policy(kind) => Some(kind),
            ServiceAccount => Some(baseline::Kind::ServiceAccount),
            _ => None,
        }
    }

    /// Whether it is in no namespace.
    pub const fn is_of_the_cluster(self) -> bool {
        matches!(self, Namespace | Tenant | SharedService | Exemption)
    }

    /// Whether some rule compares it with what it was.
    pub const fn is_compared(self) -> bool {
        matches!(self, Namespace | Tenant | Secret | ServiceAccount | Policy(_))
    }

    /// The entry for it in a tenant's namespace.
    pub const fn entry(self) -> Entry {
        match self {
            Namespace => Entry::Namespaces,
            Tenant | SharedService | Exemption => Entry::Cluster,
            Policy(_) | VirtualService | WasmPlugin | TrafficExtension | ProxyConfig => Entry::Policies,
            ServiceAccount | TokenRequest | Secret => Entry::Identities,
            _ => Entry::Workloads,
        }
    }
}

impl Operation {
    const ALL: &[Self] = &[Self::Create, Self::Update, Self::Delete];

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|operation| operation.name() == name)
    }

    /// As the API server writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }
}

impl Entry {
    pub const ALL: &[Self] =
        &[Self::Namespaces, Self::Workloads, Self::Policies, Self::Identities, Self::Shared, Self::Cluster];

    /// The last segment of the path it is called at, and the first of its name.
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
