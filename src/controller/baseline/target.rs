//! Targets of reconciliation, and the objects that each of them contains.

use std::sync::Arc;

use super::object_ref::ObjectRef;
use crate::baseline::{
    Manifest, desired_for_cluster, desired_for_namespace, desired_for_service, desired_for_tenant,
};
use crate::snapshot::{Namespace, Snapshot};

/// The subject of one reconcile: a group of baseline objects, or an orphan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::controller) enum Target {
    Namespace {
        tenant: String,
        namespace: String,
    },
    /// A tenant's cluster-wide objects.
    Tenant(String),
    /// The objects that protect a shared service.
    Service(String),
    /// The objects that exist once per cluster. Among them is deny-all, which denies what other targets allow.
    Cluster,
    /// A namespace that is still marked ready although its tenant is observed.
    RevokeReady(String),
    /// An object to delete, because its tenant no longer exists or is observed, or its shared service no longer exists.
    Orphan(ObjectRef),
}

impl Target {
    pub(in crate::controller) fn of_namespace(tenant: &str, namespace: &str) -> Self {
        Self::Namespace { tenant: tenant.to_owned(), namespace: namespace.to_owned() }
    }

    /// Returns a label for metrics, one of `RECONCILE_TARGETS`.
    pub(super) const fn as_label(&self) -> &'static str {
        match self {
            Self::Namespace { .. } => "namespace",
            Self::Tenant(_) => "tenant",
            Self::Service(_) => "shared-service",
            Self::Cluster => "cluster",
            Self::RevokeReady(_) => "observed-namespace",
            Self::Orphan(_) => "orphan",
        }
    }

    pub(super) fn namespace<'w>(&self, snapshot: &'w Snapshot) -> Option<&'w Arc<Namespace>> {
        match self {
            Self::Namespace { namespace, .. } | Self::RevokeReady(namespace) => snapshot.namespace(namespace),
            Self::Tenant(_) | Self::Service(_) | Self::Cluster | Self::Orphan(..) => None,
        }
    }

    /// Returns the namespace if it must still be marked ready. A namespace over the limit of its tenant is never
    /// marked.
    pub(super) fn awaiting_ready<'w>(&self, snapshot: &'w Snapshot) -> Option<&'w Arc<Namespace>> {
        match self {
            Self::Namespace { namespace, .. } if !snapshot.is_over_limit(namespace) => {
                self.namespace(snapshot).filter(|namespace| !namespace.ready && !namespace.terminating)
            }
            _ => None,
        }
    }

    /// True if the two are not reconciled at the same time, because one removes from a namespace what the other applies.
    pub(super) fn excludes(&self, other: &Self) -> bool {
        let is_applied_and_removed = |applied: &Self, removed: &Self| match (applied, removed) {
            (Self::Namespace { namespace, .. }, Self::Orphan(key)) => key.namespace == *namespace,
            (Self::Namespace { namespace, .. }, Self::RevokeReady(revoked)) => revoked == namespace,
            _ => false,
        };
        is_applied_and_removed(self, other) || is_applied_and_removed(other, self)
    }

    /// Returns the tenant that the target belongs to.
    pub(super) fn tenant(&self) -> Option<&str> {
        match self {
            Self::Namespace { tenant, .. } | Self::Tenant(tenant) => Some(tenant),
            Self::Service(_) | Self::Cluster | Self::RevokeReady(_) | Self::Orphan(_) => None,
        }
    }

    /// Returns the objects that must exist, in the order in which they are created.
    pub(super) fn manifests(&self, snapshot: &Snapshot) -> Vec<Manifest> {
        match self {
            Self::Namespace { tenant, namespace } => snapshot
                .tenant(tenant)
                .map(|tenant| desired_for_namespace(snapshot, tenant, namespace).collect())
                .unwrap_or_default(),
            Self::Tenant(name) => snapshot
                .tenant(name)
                .into_iter()
                .flat_map(|tenant| desired_for_tenant(snapshot, tenant))
                .collect(),
            Self::Service(name) => {
                let service = snapshot.shared_service(name).into_iter();
                service.flat_map(|service| desired_for_service(snapshot, service)).collect()
            }
            Self::Cluster => desired_for_cluster(snapshot),
            Self::RevokeReady(_) | Self::Orphan(..) => Vec::new(),
        }
    }
}
