use crate::kinds::Kind;

/// A set of kinds.
#[derive(Clone, Copy, Debug)]
pub enum Kinds {
    /// Pods, and the kinds with a pod template.
    Workloads,
    /// The kinds that the baseline has objects of.
    Managed,
    /// The routes of the Gateway API.
    Routes,
    Only(&'static [Kind]),
}

impl Kinds {
    pub(super) fn contain(self, kind: Kind) -> bool {
        match self {
            Self::Workloads => kind.is_workload(),
            Self::Managed => kind.is_managed(),
            Self::Routes => kind.is_route(),
            Self::Only(kinds) => kinds.contains(&kind),
        }
    }
}
