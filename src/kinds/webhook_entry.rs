/// The entry of the webhook configuration through which the API server sends a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WebhookEntry {
    /// Every Namespace of the cluster.
    Namespaces,
    /// Pods and the kinds with a pod template, in namespaces with the tenant label.
    Workloads,
    /// The kinds of the baseline and routes, in namespaces with the tenant label.
    Policies,
    /// Service accounts, their tokens, token Secrets and the mesh's root certificate, in namespaces with the tenant label.
    Identities,
    /// Services and their endpoints, in namespaces with the tenant label.
    Services,
    /// Every kind, in the namespaces of shared services, the mesh's root and Bulkhead.
    Shared,
    /// Tokens and pods, in other namespaces of the platform with accounts that rules trust by name.
    Credentials,
    /// Routes and entries of the mesh, in namespaces of no tenant.
    Unowned,
    /// Cluster-scoped objects other than Namespaces.
    Cluster,
    /// The ConfigMap with Bulkhead's settings.
    Settings,
}

impl WebhookEntry {
    pub const ALL: &[Self] = &[
        Self::Namespaces,
        Self::Workloads,
        Self::Policies,
        Self::Identities,
        Self::Services,
        Self::Shared,
        Self::Credentials,
        Self::Unowned,
        Self::Cluster,
        Self::Settings,
    ];

    /// Returns the last segment of the webhook's path, which is also the first label of its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Namespaces => "namespaces",
            Self::Workloads => "workloads",
            Self::Policies => "policies",
            Self::Identities => "identities",
            Self::Services => "services",
            Self::Shared => "shared",
            Self::Credentials => "credentials",
            Self::Unowned => "unowned",
            Self::Cluster => "cluster",
            Self::Settings => "settings",
        }
    }
}
