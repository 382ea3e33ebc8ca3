use crate::snapshot::Actor;

/// Users whose writes a rule admits, whatever they write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Bulkhead's own controller.
    Bulkhead,
    /// The platform users and groups of the settings.
    Platform,
    /// The kubelets.
    Nodes,
    /// The controller that deletes the contents of terminating namespaces.
    NamespaceController,
    /// Kubernetes' scheduler and other controllers.
    KubeControllers,
}

impl Trust {
    /// True if `actor` is one of these users.
    pub(super) fn includes(self, actor: &Actor<'_>) -> bool {
        match actor {
            Actor::Bulkhead => self == Self::Bulkhead,
            Actor::Platform => self == Self::Platform,
            Actor::Node => self == Self::Nodes,
            Actor::NamespaceController => self == Self::NamespaceController,
            Actor::KubeController | Actor::KubeControllerManager => self == Self::KubeControllers,
            Actor::Member(_) | Actor::Other => false,
        }
    }
}
