//! Targets of reconciliation, and the comparison of their wanted objects with those in the cache.
//!
//! Decides what to write and what to delete in a target, and performs no I/O.

use std::collections::BTreeSet;

use super::denial::Denial;
use super::kept::{Kept, Key};
use super::write::Change;
use crate::baseline::{
    DENY_ALL_NAME, Kind, Label, Manifest, QUOTA_NAME, desired_for_namespace, desired_for_cluster, desired_for_platform,
    desired_for_service, desired_for_tenant, differences, is_baseline_name, is_cluster_object_name, labels, missing_labels,
    tenant_of_cluster_object,
};
use crate::snapshot::{self, NamespaceOwner, TENANT_LABEL, Snapshot};

/// The subject of one reconcile: a group of baseline objects, or an orphan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
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
    Undone(String),
    /// An object to delete, because its tenant no longer exists or is observed.
    Leftover(Key),
}

/// Returns the cached baseline objects of a tenant's namespace, without those that Bulkhead manages only in part.
pub(super) fn of_the_baseline<'k>(
    kept: &'k Kept,
    namespace: &'k str,
) -> impl Iterator<Item = (Kind, &'k str)> {
    let kinds = Kind::ALL.iter().copied().filter(|kind| !kind.is_partly_managed());
    kinds.flat_map(move |kind| {
        kept.names(kind, namespace).filter(move |name| is_baseline_name(kind, name)).map(move |name| (kind, name))
    })
}

/// True if `namespace` is empty, as it is for cluster-wide objects, or is listed in the settings, or has no tenant
/// label.
pub(super) fn is_platforms(snapshot: &Snapshot, namespace: &str) -> bool {
    let owner = snapshot.owner(namespace);
    namespace.is_empty() || matches!(owner, Some(NamespaceOwner::Platform | NamespaceOwner::SharedService | NamespaceOwner::Unowned))
}

impl Place {
    pub(super) fn of_namespace(tenant: &str, namespace: &str) -> Self {
        Self::Namespace { tenant: tenant.to_owned(), namespace: namespace.to_owned() }
    }

    pub(super) fn namespace<'w>(&self, snapshot: &'w Snapshot) -> Option<&'w snapshot::Namespace> {
        match self {
            Self::Namespace { namespace, .. } | Self::Undone(namespace) => snapshot.namespace(namespace),
            Self::Tenant(_) | Self::Service(_) | Self::Cluster | Self::Leftover(..) => None,
        }
    }

    /// Returns the namespace if it must still be marked ready. A namespace over the limit of its tenant is never
    /// marked.
    pub(super) fn to_tell<'w>(&self, snapshot: &'w Snapshot) -> Option<&'w snapshot::Namespace> {
        match self {
            Self::Namespace { namespace, .. } if !snapshot.is_over_limit(namespace) => {
                self.namespace(snapshot).filter(|namespace| !namespace.ready && !namespace.terminating)
            }
            _ => None,
        }
    }

    /// True if the target is a ready namespace, to which the complete baseline was applied before.
    pub(super) fn has_stood(&self, snapshot: &Snapshot) -> bool {
        match self {
            Self::Namespace { .. } => self.namespace(snapshot).is_some_and(|namespace| namespace.ready),
            _ => false,
        }
    }

    /// True if the controller may replace objects from before the baseline, because the platform has set
    /// `acknowledgedFindings` in the Tenant.
    pub(super) fn findings_acknowledged(&self, snapshot: &Snapshot) -> bool {
        match self {
            Self::Namespace { tenant, .. } => {
                snapshot.tenant(tenant).is_some_and(|tenant| tenant.findings_acknowledged)
            }
            _ => false,
        }
    }

    /// Returns the tenant that the target belongs to, or an empty string.
    pub(super) fn party(&self) -> &str {
        match self {
            Self::Namespace { tenant, .. } | Self::Tenant(tenant) => tenant,
            Self::Service(_) | Self::Cluster | Self::Undone(_) | Self::Leftover(_) => "",
        }
    }

    pub(super) fn manifests(&self, snapshot: &Snapshot) -> Vec<Manifest> {
        match self {
            Self::Namespace { tenant, namespace } => snapshot
                .tenant(tenant)
                .map(|tenant| desired_for_namespace(snapshot, tenant, namespace).collect())
                .unwrap_or_default(),
            Self::Tenant(name) => {
                snapshot.tenant(name).into_iter().flat_map(|tenant| desired_for_tenant(snapshot, tenant)).collect()
            }
            Self::Service(name) => {
                let service = snapshot.shared_service(name).into_iter();
                service.flat_map(|service| desired_for_service(snapshot, service)).collect()
            }
            Self::Cluster => desired_for_cluster(snapshot),
            Self::Undone(_) | Self::Leftover(..) => Vec::new(),
        }
    }

    /// Returns the objects to delete: those that exist but are not in `manifests`, such as objects of an older
    /// baseline or of a revoked grant.
    pub(super) fn surplus(&self, manifests: &[Manifest], snapshot: &Snapshot, kept: &Kept) -> Vec<Key> {
        let wanted: BTreeSet<Key> = match self {
            Self::Cluster => desired_for_platform(snapshot).map(|manifest| Key::of(&manifest)).collect(),
            _ => manifests.iter().map(Key::of).collect(),
        };
        let there: Vec<Key> = match self {
            Self::Namespace { namespace, .. } => {
                let there = of_the_baseline(kept, namespace);
                there.map(|(kind, name)| Key::new(kind, namespace, name)).collect()
            }
            Self::Tenant(tenant) => {
                let of_kind = |kind: &Kind| {
                    let kind = *kind;
                    let names =
                        kept.names(kind, "").filter(move |name| tenant_of_cluster_object(kind, name) == Some(tenant));
                    names.map(move |name| Key::new(kind, "", name))
                };
                Kind::ALL.iter().flat_map(of_kind).collect()
            }
            Self::Cluster => {
                let missing = wanted.iter().filter(|key| kept.at(key).is_none());
                let missing: BTreeSet<&str> = missing.map(|key| key.namespace.as_str()).collect();
                // An old policy is deleted only after all wanted objects of its namespace exist.
                let may_go = |key: &Key| key.name == DENY_ALL_NAME || !missing.contains(key.namespace.as_str());
                let goes = |key: &Key| is_cluster_object_name(key.kind, &key.name) && may_go(key);
                kept.within(|namespace| is_platforms(snapshot, namespace)).filter(goes).collect()
            }
            Self::Leftover(key) => vec![key.clone()],
            Self::Service(_) | Self::Undone(_) => Vec::new(),
        };
        let mut surplus: Vec<Key> = there.into_iter().filter(|key| !wanted.contains(key)).collect();
        // Deny-all is deleted before the policies that allow.
        surplus.sort_by_key(|key| key.name != DENY_ALL_NAME);
        surplus
    }

    /// Returns the labels that the target must still add to its namespace.
    pub(super) fn labels<'w>(&self, snapshot: &'w Snapshot) -> Vec<Label<'w>> {
        self.namespace(snapshot).map(|namespace| self.missing_labels_of(snapshot, namespace)).unwrap_or_default()
    }

    /// Returns the labels that `namespace` lacks, if it belongs to this target's tenant.
    pub(super) fn missing_labels_of<'w>(&self, snapshot: &'w Snapshot, namespace: &snapshot::Namespace) -> Vec<Label<'w>> {
        let Self::Namespace { tenant, .. } = self else { return Vec::new() };
        if namespace.tenant.as_ref() != Some(tenant) || namespace.terminating {
            return Vec::new();
        }
        let has = |key: &str| key == TENANT_LABEL || namespace.label(key).is_some();
        let tenant = snapshot.tenant(tenant).into_iter();
        missing_labels(tenant.flat_map(|tenant| labels(&snapshot.settings, tenant)), |label| label.key, has).collect()
    }

    /// Returns the objects that differ from the wanted ones, in the order in which they are written.
    pub(super) fn changes(&self, manifests: Vec<Manifest>, snapshot: &Snapshot, kept: &Kept) -> Vec<Change> {
        // Kubernetes creates no objects in a terminating namespace.
        let is_ending = self.is_ending(snapshot);
        let change = |manifest: Manifest| match kept.of(&manifest) {
            None => (!is_ending).then_some(Change { manifest, is_known: false }),
            Some(found) => {
                let is_right = differences(manifest.kind, &manifest.object, found).is_empty();
                (!is_right).then_some(Change { manifest, is_known: true })
            }
        };
        let mut changes: Vec<Change> = manifests.into_iter().filter_map(change).collect();
        if *self == Self::Cluster && Denial::of(snapshot, kept) == Denial::Goes {
            changes.sort_by_key(|change| change.manifest.name != DENY_ALL_NAME);
        }
        changes
    }

    /// True if `change` is written even after an earlier write has failed.
    pub(super) fn goes_on_with(&self, change: &Change) -> bool {
        match self {
            // Deny-all requires the policies that allow.
            Self::Cluster => false,
            // A new policy that allows requires the policies that deny. An existing one is updated in any case.
            Self::Namespace { .. } | Self::Service(_) => change.is_known,
            Self::Tenant(_) | Self::Undone(_) | Self::Leftover(_) => true,
        }
    }

    /// True if the object is deleted even after an earlier write or delete has failed.
    pub(super) fn goes_on_without(&self, key: &Key) -> bool {
        *self != Self::Cluster || key.name == DENY_ALL_NAME
    }

    fn is_ending(&self, snapshot: &Snapshot) -> bool {
        self.namespace(snapshot).is_some_and(|namespace| namespace.terminating)
    }

    /// True if the target is in sync.
    pub(super) fn stands(&self, snapshot: &Snapshot, kept: &Kept, told: bool) -> bool {
        let must_tell = !told && self.to_tell(snapshot).is_some() && self.is_counted(kept);
        if must_tell || !self.labels(snapshot).is_empty() {
            return false;
        }
        let manifests = self.manifests(snapshot);
        self.surplus(&manifests, snapshot, kept).is_empty() && self.changes(manifests, snapshot, kept).is_empty()
    }

    /// True if the quota controller has computed the usage of the namespace. Until then, Kubernetes refuses to create
    /// the objects that the quota counts.
    pub(super) fn is_counted(&self, kept: &Kept) -> bool {
        match self {
            Self::Namespace { namespace, .. } => kept.is_counted(namespace, QUOTA_NAME),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kube::api::{DynamicObject, ObjectMeta};
    use kube::runtime::watcher::Event;
    use serde_json::json;

    use super::*;
    use crate::settings::{File, Settings};
    use crate::snapshot::{ClusterState, Namespace};

    fn allows(name: &str) -> DynamicObject {
        let metadata = ObjectMeta {
            namespace: Some("edge".to_owned()),
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        };
        DynamicObject { types: None, metadata, data: json!({}) }
    }

    #[test]
    fn what_lets_through_goes_once_what_takes_its_place_is_there() -> anyhow::Result<()> {
        let file: File = serde_json::from_value(json!({
            "meshWide": { "manage": true, "denyAll": "Enforce" },
            "gateways": [{ "name": "edge/new", "serviceAccount": "new", "selector": { "app": "new" } }],
        }))?;
        let edge = ("edge".into(), Arc::new(Namespace::default()));
        let state = ClusterState { namespaces: vec![edge], ..ClusterState::default() };
        let snapshot = Snapshot::new(Arc::new(Settings::try_from(file)?), state);
        let mut kept = Kept::default();
        kept.take((Kind::AuthorizationPolicy, Ok(Event::Apply(allows("bulkhead-gateway-old")))));
        let manifests = Place::Cluster.manifests(&snapshot);
        assert_eq!(Place::Cluster.surplus(&manifests, &snapshot, &kept), []);
        kept.take((Kind::AuthorizationPolicy, Ok(Event::Apply(allows("bulkhead-gateway-new")))));
        let old = Key::new(Kind::AuthorizationPolicy, "edge", "bulkhead-gateway-old");
        assert_eq!(Place::Cluster.surplus(&manifests, &snapshot, &kept), [old]);
        Ok(())
    }
}
