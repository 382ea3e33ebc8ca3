/// Kinds of Kubernetes that no rule need judge, by group, name and plural name: they concern only objects of their own
/// namespace, and the API server or rules judge the objects that their controllers write.
pub const HARMLESS_KINDS: &[[&str; 3]] = &[
    ["", "Event", "events"],
    ["apps", "ControllerRevision", "controllerrevisions"],
    ["autoscaling", "HorizontalPodAutoscaler", "horizontalpodautoscalers"],
    ["coordination.k8s.io", "Lease", "leases"],
    ["events.k8s.io", "Event", "events"],
    ["policy", "PodDisruptionBudget", "poddisruptionbudgets"],
    ["rbac.authorization.k8s.io", "Role", "roles"],
];
