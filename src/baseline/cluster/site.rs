use crate::baseline::manifest::Site;
use crate::snapshot::Snapshot;

/// The snapshot, and the namespace of an object; `None` for a cluster-scoped one.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClusterSite<'w> {
    pub(super) snapshot: &'w Snapshot,
    pub(super) namespace: Option<&'w str>,
}

impl Site for ClusterSite<'_> {
    fn namespace(&self) -> Option<&str> {
        self.namespace
    }
}
