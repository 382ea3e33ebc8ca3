use crate::baseline::manifest::Site;
use crate::snapshot::{Snapshot, Tenant};

/// A tenant, and the snapshot from which its cluster-scoped objects are computed.
#[derive(Clone, Copy, Debug)]
pub(super) struct TenantSite<'w> {
    pub(super) snapshot: &'w Snapshot,
    pub(super) tenant: &'w Tenant,
}

impl Site for TenantSite<'_> {
    fn namespace(&self) -> Option<&str> {
        None
    }

    fn name(&self, name: &str) -> String {
        format!("{name}{}", self.tenant.name)
    }
}
