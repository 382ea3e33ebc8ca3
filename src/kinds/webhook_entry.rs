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
    /// Every kind that some rule judges in the namespaces of shared services.
    Shared,
    /// Cluster-scoped objects other than Namespaces.
    Cluster,
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
