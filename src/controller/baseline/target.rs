//! Targets of reconciliation, and the comparison of their wanted objects with those in the cache.
//!
//! Decides what to write and what to delete in a target, and performs no I/O.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::cache::{ManagedCache, ObjectRef};
use super::deny_all::DenyAllTransition;
use super::pending_write::PendingWrite;
use crate::baseline::{
    DENY_ALL_NAME, Label, Manifest, QUOTA_NAME, desired_for_cluster, desired_for_namespace,
    desired_for_platform, desired_for_service, desired_for_tenant, drift, is_baseline_name,
    is_cluster_object_name, labels, missing_labels, tenant_of_cluster_object,
};
use crate::keys::TENANT_LABEL;
use crate::kinds::Kind;
use crate::snapshot::{self, NamespaceOwner, SharedService, Snapshot};

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

/// Returns the cached baseline objects of a tenant's namespace, without those that Bulkhead manages only in part.
pub(super) fn baseline_objects_in<'k>(
    cache: &'k ManagedCache,
    namespace: &'k str,
) -> impl Iterator<Item = (Kind, &'k str)> {
    let kinds = Kind::all_managed().filter(|kind| !kind.is_partly_managed());
    kinds.flat_map(move |kind| {
        cache
            .names(kind, namespace)
            .filter(move |name| is_baseline_name(kind, name))
            .map(move |name| (kind, name))
    })
}

/// True if `namespace` is empty, as it is for cluster-wide objects, or is listed in the settings, or has no tenant
/// label.
pub(super) fn is_platform_namespace(snapshot: &Snapshot, namespace: &str) -> bool {
    let owner = snapshot.owner(namespace);
    namespace.is_empty()
        || matches!(
            owner,
            Some(NamespaceOwner::Platform | NamespaceOwner::SharedService | NamespaceOwner::Unowned)
        )
}

/// Returns the selector of an object that a shared service has left behind: the service was deleted, or the settings do
/// not list its namespace any more. `None` if it is another object, or if another shared service has the same pods.
pub(super) fn left_behind_selector(
    snapshot: &Snapshot,
    cache: &ManagedCache,
    key: &ObjectRef,
) -> Option<BTreeMap<String, String>> {
    if !is_cluster_object_name(key.kind, &key.name) || !is_platform_namespace(snapshot, &key.namespace) {
        return None;
    }
    let object = cache.get_ref(key)?;
    let opens = object.pointer("/spec/rules/0").is_some_and(|rule| *rule == Value::Object(Map::new()));
    let selectors =
        ["/spec/podSelector/matchLabels", "/spec/selector/matchLabels", "/spec/workloadSelector/labels"];
    let selector = selectors.iter().find_map(|path| object.pointer(path)).filter(|_| !opens)?;
    let selector =
        BTreeMap::<String, String>::deserialize(selector).ok().filter(|labels| !labels.is_empty())?;
    let has_pods =
        |service: &SharedService| service.namespace == key.namespace && service.selector == selector;
    (!snapshot.accepted_services().any(has_pods)).then_some(selector)
}

impl Target {
    pub(in crate::controller) fn of_namespace(tenant: &str, namespace: &str) -> Self {
        Self::Namespace { tenant: tenant.to_owned(), namespace: namespace.to_owned() }
    }

    /// Returns the labels of the pods that existing objects of a shared service close, and that it selects no longer.
    pub(super) fn closed_pods(
        &self,
        snapshot: &Snapshot,
        cache: &ManagedCache,
    ) -> Option<BTreeMap<String, String>> {
        match self {
            Self::Orphan(key) => left_behind_selector(snapshot, cache, key),
            // The service was created again under its name, with another selector.
            Self::Service(_) => self.manifests(snapshot).iter().find_map(|manifest| {
                left_behind_selector(snapshot, cache, &ObjectRef::of_manifest(manifest))
            }),
            Self::Namespace { .. } | Self::Tenant(_) | Self::Cluster | Self::RevokeReady(_) => None,
        }
    }

    pub(super) fn namespace<'w>(&self, snapshot: &'w Snapshot) -> Option<&'w snapshot::Namespace> {
        match self {
            Self::Namespace { namespace, .. } | Self::RevokeReady(namespace) => snapshot.namespace(namespace),
            Self::Tenant(_) | Self::Service(_) | Self::Cluster | Self::Orphan(..) => None,
        }
    }

    /// Returns the namespace if it must still be marked ready. A namespace over the limit of its tenant is never
    /// marked.
    pub(super) fn awaiting_ready<'w>(&self, snapshot: &'w Snapshot) -> Option<&'w snapshot::Namespace> {
        match self {
            Self::Namespace { namespace, .. } if !snapshot.is_over_limit(namespace) => {
                self.namespace(snapshot).filter(|namespace| !namespace.ready && !namespace.terminating)
            }
            _ => None,
        }
    }

    /// True if the target is a ready namespace, to which the complete baseline was applied before.
    pub(super) fn was_ready(&self, snapshot: &Snapshot) -> bool {
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
    pub(super) fn tenant(&self) -> Option<&str> {
        match self {
            Self::Namespace { tenant, .. } | Self::Tenant(tenant) => Some(tenant),
            Self::Service(_) | Self::Cluster | Self::RevokeReady(_) | Self::Orphan(_) => None,
        }
    }

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

    /// Returns the objects to delete: those that exist but are not in `manifests`, such as objects of an older
    /// baseline or of a revoked grant.
    pub(super) fn prune_candidates(
        &self,
        manifests: &[Manifest],
        snapshot: &Snapshot,
        cache: &ManagedCache,
    ) -> Vec<ObjectRef> {
        let desired: BTreeSet<ObjectRef> = match self {
            Self::Cluster => {
                desired_for_platform(snapshot).map(|manifest| ObjectRef::of_manifest(&manifest)).collect()
            }
            _ => manifests.iter().map(ObjectRef::of_manifest).collect(),
        };
        let existing: Vec<ObjectRef> = match self {
            Self::Namespace { namespace, .. } => {
                let existing = baseline_objects_in(cache, namespace);
                existing.map(|(kind, name)| ObjectRef::new(kind, namespace, name)).collect()
            }
            Self::Tenant(tenant) => {
                let refs_of_kind = |kind: Kind| {
                    let names = cache
                        .names(kind, "")
                        .filter(move |name| tenant_of_cluster_object(kind, name) == Some(tenant));
                    names.map(move |name| ObjectRef::new(kind, "", name))
                };
                Kind::all_managed().flat_map(refs_of_kind).collect()
            }
            Self::Cluster => {
                let not_yet_created = desired.iter().filter(|key| cache.get_ref(key).is_none());
                let not_yet_created: BTreeSet<&str> =
                    not_yet_created.map(|key| key.namespace.as_str()).collect();
                // An old policy is deleted only after all wanted objects of its namespace exist.
                let may_prune = |key: &ObjectRef| {
                    key.name == DENY_ALL_NAME || !not_yet_created.contains(key.namespace.as_str())
                };
                let is_prunable = |key: &ObjectRef| {
                    is_cluster_object_name(key.kind, &key.name)
                        && may_prune(key)
                        && left_behind_selector(snapshot, cache, key).is_none()
                };
                cache
                    .refs_in_namespaces(|namespace| is_platform_namespace(snapshot, namespace))
                    .filter(is_prunable)
                    .collect()
            }
            Self::Orphan(key) => vec![key.clone()],
            Self::Service(_) | Self::RevokeReady(_) => Vec::new(),
        };
        let mut candidates: Vec<ObjectRef> =
            existing.into_iter().filter(|key| !desired.contains(key)).collect();
        // Deny-all is deleted before the policies that allow.
        candidates.sort_by_key(|key| key.name != DENY_ALL_NAME);
        candidates
    }

    /// Returns the labels that the target must still add to its namespace.
    pub(super) fn missing_labels<'w>(&self, snapshot: &'w Snapshot) -> Vec<Label<'w>> {
        self.namespace(snapshot)
            .map(|namespace| self.missing_labels_of(snapshot, namespace))
            .unwrap_or_default()
    }

    /// Returns the labels that `namespace` lacks, if it belongs to this target's tenant.
    pub(super) fn missing_labels_of<'w>(
        &self,
        snapshot: &'w Snapshot,
        namespace: &snapshot::Namespace,
    ) -> Vec<Label<'w>> {
        let Self::Namespace { tenant, .. } = self else { return Vec::new() };
        if namespace.tenant.as_ref() != Some(tenant) || namespace.terminating {
            return Vec::new();
        }
        let has = |key: &str| key == TENANT_LABEL || namespace.label(key).is_some();
        let tenant = snapshot.tenant(tenant).into_iter();
        missing_labels(tenant.flat_map(|tenant| labels(&snapshot.settings, tenant)), |label| label.key, has)
            .collect()
    }

    /// Returns the objects that differ from the wanted ones, in the order in which they are written.
    pub(super) fn pending_writes(
        &self,
        manifests: Vec<Manifest>,
        snapshot: &Snapshot,
        cache: &ManagedCache,
    ) -> Vec<PendingWrite> {
        // Kubernetes creates no objects in a terminating namespace.
        let is_terminating = self.is_terminating(snapshot);
        let write = |manifest: Manifest| match cache.get_live(&manifest) {
            None => (!is_terminating).then_some(PendingWrite { manifest, exists: false }),
            Some(found) => {
                let is_equal = drift(manifest.kind, &manifest.object, found).is_empty();
                (!is_equal).then_some(PendingWrite { manifest, exists: true })
            }
        };
        let mut writes: Vec<PendingWrite> = manifests.into_iter().filter_map(write).collect();
        if *self == Self::Cluster && DenyAllTransition::new(snapshot, cache) == DenyAllTransition::Disabling {
            writes.sort_by_key(|write| write.manifest.name != DENY_ALL_NAME);
        }
        writes
    }

    /// True if `write` is written even after an earlier write has failed.
    pub(super) fn writes_after_failure(&self, write: &PendingWrite) -> bool {
        match self {
            // Deny-all requires the policies that allow.
            Self::Cluster => false,
            // A new policy that allows requires the policies that deny. An existing one is updated in any case.
            Self::Namespace { .. } | Self::Service(_) => write.exists,
            Self::Tenant(_) | Self::RevokeReady(_) | Self::Orphan(_) => true,
        }
    }

    /// True if the object is deleted even after an earlier write or delete has failed.
    pub(super) fn prunes_after_failure(&self, key: &ObjectRef) -> bool {
        *self != Self::Cluster || key.name == DENY_ALL_NAME
    }

    fn is_terminating(&self, snapshot: &Snapshot) -> bool {
        self.namespace(snapshot).is_some_and(|namespace| namespace.terminating)
    }

    /// True if the target is in sync.
    pub(super) fn is_in_sync(&self, snapshot: &Snapshot, cache: &ManagedCache, ready_reported: bool) -> bool {
        let must_report_ready =
            !ready_reported && self.awaiting_ready(snapshot).is_some() && self.quota_synced(cache);
        if must_report_ready || !self.missing_labels(snapshot).is_empty() {
            return false;
        }
        let manifests = self.manifests(snapshot);
        self.prune_candidates(&manifests, snapshot, cache).is_empty()
            && self.pending_writes(manifests, snapshot, cache).is_empty()
    }

    /// True if the quota controller has computed the usage of the namespace. Until then, Kubernetes refuses to create
    /// the objects that the quota counts.
    pub(super) fn quota_synced(&self, cache: &ManagedCache) -> bool {
        match self {
            Self::Namespace { namespace, .. } => cache.quota_synced(namespace, QUOTA_NAME),
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

    fn allow_policy(name: &str) -> DynamicObject {
        let metadata = ObjectMeta {
            namespace: Some("edge".to_owned()),
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        };
        DynamicObject { types: None, metadata, data: json!({}) }
    }

    #[test]
    fn allow_policy_is_pruned_once_its_replacement_exists() -> anyhow::Result<()> {
        let file: File = serde_json::from_value(json!({
            "meshWide": { "manage": true, "denyAll": "Enforce" },
            "gateways": [{ "name": "edge/new", "serviceAccount": "new", "selector": { "app": "new" } }],
        }))?;
        let edge = ("edge".into(), Arc::new(Namespace::default()));
        let state = ClusterState { namespaces: vec![edge], ..ClusterState::default() };
        let snapshot = Snapshot::new(Arc::new(Settings::try_from(file)?), state);
        let mut cache = ManagedCache::default();
        cache
            .apply_event((Kind::AuthorizationPolicy, Ok(Event::Apply(allow_policy("bulkhead-gateway-old")))));
        let manifests = Target::Cluster.manifests(&snapshot);
        assert_eq!(Target::Cluster.prune_candidates(&manifests, &snapshot, &cache), []);
        cache
            .apply_event((Kind::AuthorizationPolicy, Ok(Event::Apply(allow_policy("bulkhead-gateway-new")))));
        let old = ObjectRef::new(Kind::AuthorizationPolicy, "edge", "bulkhead-gateway-old");
        assert_eq!(Target::Cluster.prune_candidates(&manifests, &snapshot, &cache), [old]);
        Ok(())
    }
}
