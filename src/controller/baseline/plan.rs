//! Plan of one reconcile: the steps that bring a target in sync, in order, and when each of them is taken.
//!
//! [`steps`] compares a target's objects in the snapshot with those in the cache. A target without steps is in sync.
//! Every decision is data here, so `apply` only carries it out. This module performs no I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::cache::{CacheVersion, ManagedCache};
use super::deny_all::{DenyAllTransition, order_steps};
use super::object_ref::ObjectRef;
use super::orphans::{baseline_objects_in, is_platform_namespace, left_behind_selector};
use super::reason::ReconcileReason;
use super::step::{Action, AfterFailure, Step, Write};
use super::target::Target;
use crate::baseline::{
    DENY_ALL_NAME, Manifest, QUOTA_NAME, desired_for_platform, drift, is_cluster_object_name, labels,
    labels_of_sidecars, missing_labels, tenant_of_cluster_object,
};
use crate::keys::{POD_SECURITY_LABEL, TENANT_LABEL};
use crate::kinds::Kind;
use crate::snapshot::Snapshot;

/// The plan of one reconcile.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) target: Target,
    pub(super) reason: ReconcileReason,
    pub(super) cache_version: CacheVersion,
    /// True if the complete baseline was applied before. A difference is then drift, and not an object from before
    /// the baseline.
    pub(super) was_ready: bool,
    /// True if objects from before the baseline may be replaced.
    pub(super) may_replace: bool,
    /// No step is taken while these pods exist.
    pub(super) pod_guard: Option<PodGuard>,
    pub(super) steps: Vec<Step>,
}

/// The pods that existing policies close, and that no shared service selects any more. The policies stay until the
/// last of these pods is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PodGuard {
    pub(super) namespace: String,
    pub(super) labels: BTreeMap<String, String>,
}

/// Returns the plan for a target that is out of sync.
pub(super) fn plan(
    snapshot: &Snapshot,
    cache: &ManagedCache,
    target: Target,
    reason: ReconcileReason,
) -> Plan {
    let was_ready = reason == ReconcileReason::Drift || is_ready(snapshot, &target);
    Plan {
        reason,
        cache_version: cache.version(),
        was_ready,
        may_replace: was_ready || has_acknowledged_findings(snapshot, &target),
        pod_guard: pod_guard(snapshot, cache, &target, reason),
        steps: steps(snapshot, cache, &target),
        target,
    }
}

/// Returns the steps that bring the target in sync; none if it is.
pub(super) fn steps(snapshot: &Snapshot, cache: &ManagedCache, target: &Target) -> Vec<Step> {
    let manifests = target.manifests(snapshot);
    let prune_candidates = prune_candidates(snapshot, cache, target, &manifests);
    let mut steps: Vec<Step> = first_step(snapshot, target).into_iter().collect();
    steps.extend(writes(snapshot, cache, target, manifests));
    steps.extend(prune_candidates.iter().filter_map(|key| {
        let action = Action::Prune(cache.prune_candidate(key)?);
        Some(Step { action, after_failure: prunes_after_failure(target) })
    }));
    if steps.is_empty() {
        steps.extend(move_to_ambient(snapshot, target));
    }
    if steps.is_empty() {
        steps.extend(mark_ready(snapshot, cache, target));
    }
    if *target == Target::Cluster {
        order_steps(DenyAllTransition::new(snapshot, cache), &mut steps);
    }
    steps
}

/// True if the target is a ready namespace, to which the complete baseline was applied before.
fn is_ready(snapshot: &Snapshot, target: &Target) -> bool {
    match target {
        Target::Namespace { .. } => target.namespace(snapshot).is_some_and(|namespace| namespace.ready),
        _ => false,
    }
}

/// True if the platform has set `acknowledgedFindings` in the Tenant.
fn has_acknowledged_findings(snapshot: &Snapshot, target: &Target) -> bool {
    match target {
        Target::Namespace { tenant, .. } => {
            snapshot.tenant(tenant).is_some_and(|tenant| tenant.findings_acknowledged)
        }
        _ => false,
    }
}

/// Returns the pods that must be gone before an object of a shared service is deleted, or replaced by one that selects
/// other pods. Drift is repaired in any case.
fn pod_guard(
    snapshot: &Snapshot,
    cache: &ManagedCache,
    target: &Target,
    reason: ReconcileReason,
) -> Option<PodGuard> {
    let guard = |key: &ObjectRef| {
        let labels = left_behind_selector(snapshot, cache, key)?;
        Some(PodGuard { namespace: key.namespace.clone(), labels })
    };
    match target {
        Target::Orphan(key) => guard(key),
        // The service was created again under its name, with another selector.
        Target::Service(_) if reason != ReconcileReason::Drift => {
            target.manifests(snapshot).iter().find_map(|manifest| guard(&ObjectRef::of_manifest(manifest)))
        }
        Target::Service(_)
        | Target::Namespace { .. }
        | Target::Tenant(_)
        | Target::Cluster
        | Target::RevokeReady(_) => None,
    }
}

/// Returns the step that changes the namespace itself before its objects.
fn first_step(snapshot: &Snapshot, target: &Target) -> Option<Step> {
    let action = match target {
        Target::RevokeReady(namespace) => Action::RevokeReady { namespace: namespace.clone() },
        Target::Namespace { tenant, namespace } => {
            let labels = labels_to_add(snapshot, tenant, namespace);
            if labels.is_empty() {
                return None;
            }
            Action::AddLabels { namespace: namespace.clone(), tenant: tenant.clone(), labels }
        }
        Target::Tenant(_) | Target::Service(_) | Target::Cluster | Target::Orphan(_) => return None,
    };
    Some(Step { action, after_failure: AfterFailure::Take })
}

/// Returns the labels that the namespace lacks, if it belongs to the tenant.
fn labels_to_add(snapshot: &Snapshot, tenant: &str, namespace: &str) -> Vec<(&'static str, String)> {
    let Some((tenant, namespace)) = snapshot.tenant(tenant).zip(snapshot.namespace(namespace)) else {
        return Vec::new();
    };
    if namespace.tenant.as_ref() != Some(&tenant.name) || namespace.terminating {
        return Vec::new();
    }
    // A sidecar that redirects without istio-cni is refused by Pod Security.
    let waits =
        |key: &str| key == POD_SECURITY_LABEL && !snapshot.settings.istio_cni && namespace.is_injected();
    let has = |key: &str| key == TENANT_LABEL || waits(key) || namespace.label(key).is_some();
    missing_labels(labels(&snapshot.settings, tenant), |label| label.key, has)
        .map(|label| (label.key, label.value.to_owned()))
        .collect()
}

/// Returns the writes of the objects that differ from their manifests.
fn writes(snapshot: &Snapshot, cache: &ManagedCache, target: &Target, manifests: Vec<Manifest>) -> Vec<Step> {
    // Kubernetes creates no objects in a terminating namespace.
    let is_terminating = target.namespace(snapshot).is_some_and(|namespace| namespace.terminating);
    let write = |manifest: Manifest| {
        let live = cache.get_live(&manifest);
        let is_needed = match live {
            None => !is_terminating,
            Some(live) => !drift(manifest.kind, &manifest.object, live).is_empty(),
        };
        let write = Write { exists: live.is_some(), manifest };
        let after_failure = writes_after_failure(target, &write);
        is_needed.then_some(Step { action: Action::Write(write), after_failure })
    };
    manifests.into_iter().filter_map(write).collect()
}

fn writes_after_failure(target: &Target, write: &Write) -> AfterFailure {
    match target {
        // Deny-all requires the policies that allow.
        Target::Cluster => AfterFailure::Skip,
        // A new policy that allows requires the policies that deny. An existing one is updated in any case.
        Target::Namespace { .. } | Target::Service(_) if !write.exists => AfterFailure::Skip,
        _ => AfterFailure::Take,
    }
}

fn prunes_after_failure(target: &Target) -> AfterFailure {
    match target {
        // Policies that allow stay until deny-all is disabled.
        Target::Cluster => AfterFailure::Skip,
        _ => AfterFailure::Take,
    }
}

/// Returns the step that moves a namespace with sidecars to the ambient dataplane. Its baseline, which applies to pods with
/// and without a sidecar, is complete before.
fn move_to_ambient(snapshot: &Snapshot, target: &Target) -> Option<Step> {
    let Target::Namespace { tenant, namespace } = target else { return None };
    let known = snapshot.namespace(namespace).filter(|known| !known.terminating)?;
    let owner = snapshot.tenant(tenant).filter(|owner| known.tenant.as_ref() == Some(&owner.name))?;
    let removed = labels_of_sidecars(&snapshot.settings, owner, known);
    if owner.is_observed() || removed.is_empty() {
        return None;
    }
    let action = Action::MoveToAmbient { namespace: namespace.clone(), tenant: tenant.clone(), removed };
    Some(Step { action, after_failure: AfterFailure::Skip })
}

/// Returns the step that marks a namespace ready that needs no other step, once the quota controller has computed its
/// usage.
fn mark_ready(snapshot: &Snapshot, cache: &ManagedCache, target: &Target) -> Option<Step> {
    let Target::Namespace { tenant, namespace } = target else { return None };
    let awaiting = target.awaiting_ready(snapshot)?;
    if cache.is_marked_ready(namespace) || !cache.quota_synced(namespace, QUOTA_NAME) {
        return None;
    }
    let known = Arc::clone(awaiting);
    let action = Action::MarkReady { namespace: namespace.clone(), tenant: tenant.clone(), known };
    Some(Step { action, after_failure: AfterFailure::Take })
}

/// Returns the objects to delete: those that exist and that the baseline does not contain, such as objects of an older
/// baseline or of a revoked grant.
fn prune_candidates(
    snapshot: &Snapshot,
    cache: &ManagedCache,
    target: &Target,
    manifests: &[Manifest],
) -> Vec<ObjectRef> {
    let desired: BTreeSet<ObjectRef> = manifests.iter().map(ObjectRef::of_manifest).collect();
    let mut existing: Vec<ObjectRef> = match target {
        Target::Namespace { namespace, .. } => baseline_objects_in(cache, namespace).collect(),
        Target::Tenant(tenant) => cluster_objects_of(cache, tenant).collect(),
        Target::Cluster => return prunable_in_cluster(snapshot, cache),
        Target::Orphan(key) => vec![key.clone()],
        Target::Service(_) | Target::RevokeReady(_) => Vec::new(),
    };
    existing.retain(|key| !desired.contains(key));
    existing
}

/// Returns the cluster-wide objects of a tenant.
fn cluster_objects_of(cache: &ManagedCache, tenant: &str) -> impl Iterator<Item = ObjectRef> {
    Kind::all_managed().flat_map(move |kind| {
        let names = cache.names(kind, "");
        let own = names.filter(move |name| tenant_of_cluster_object(kind, name) == Some(tenant));
        own.map(move |name| ObjectRef::new(kind, "", name))
    })
}

/// Returns the objects outside tenants that nothing wants. A policy that allows is deleted only after all wanted objects
/// of its namespace exist.
fn prunable_in_cluster(snapshot: &Snapshot, cache: &ManagedCache) -> Vec<ObjectRef> {
    let desired: BTreeSet<ObjectRef> =
        desired_for_platform(snapshot).map(|manifest| ObjectRef::of_manifest(&manifest)).collect();
    let missing = desired.iter().filter(|key| cache.get(key).is_none());
    let incomplete: BTreeSet<&str> = missing.map(|key| key.namespace.as_str()).collect();
    let is_prunable = |key: &&ObjectRef| {
        is_cluster_object_name(key.kind, &key.name)
            && !desired.contains(*key)
            && (key.name == DENY_ALL_NAME || !incomplete.contains(key.namespace.as_str()))
            && left_behind_selector(snapshot, cache, key).is_none()
    };
    let existing = cache.refs_in_namespaces(|namespace| is_platform_namespace(snapshot, namespace));
    existing.filter(is_prunable).cloned().collect()
}

#[cfg(test)]
mod tests {
    use kube::api::{DynamicObject, ObjectMeta};
    use kube::runtime::watcher::Event;
    use serde_json::json;

    use super::*;
    use crate::settings::{File, Settings};
    use crate::snapshot::{ClusterState, Namespace, SharedService};

    fn allow_policy(name: &str) -> DynamicObject {
        let metadata = ObjectMeta {
            namespace: Some("edge".to_owned()),
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        };
        DynamicObject { types: None, metadata, data: json!({}) }
    }

    fn pruned(snapshot: &Snapshot, cache: &ManagedCache) -> Vec<ObjectRef> {
        let steps = steps(snapshot, cache, &Target::Cluster).into_iter();
        let pruned = steps.filter_map(|step| match step.action {
            Action::Prune(candidate) => Some(candidate.key),
            _ => None,
        });
        pruned.collect()
    }

    #[test]
    fn failure_skips_what_would_open_a_target() {
        let of = |target: &Target, exists: bool| {
            let manifest = Manifest {
                kind: Kind::NetworkPolicy,
                namespace: Some("edge".to_owned()),
                name: "some".to_owned(),
                object: json!({}),
            };
            writes_after_failure(target, &Write { manifest, exists })
        };
        for target in [Target::of_namespace("one", "tenant-one"), Target::Service("some".to_owned())] {
            assert_eq!((of(&target, false), of(&target, true)), (AfterFailure::Skip, AfterFailure::Take));
            assert_eq!(prunes_after_failure(&target), AfterFailure::Take);
        }
        assert_eq!(
            (of(&Target::Cluster, false), of(&Target::Cluster, true)),
            (AfterFailure::Skip, AfterFailure::Skip)
        );
        assert_eq!(prunes_after_failure(&Target::Cluster), AfterFailure::Skip);
    }

    /// Returns a snapshot with a shared service that selects the pods with this label.
    fn snapshot_with_service(app: &str) -> anyhow::Result<Snapshot> {
        let spec = json!({ "namespace": "shared", "selector": { "app": app }, "ports": [{ "port": 80 }] });
        let state = ClusterState {
            shared_services: vec![SharedService::new("some".to_owned(), serde_json::from_value(spec)?)],
            namespaces: vec![("shared".into(), Arc::new(Namespace::default()))],
            ..ClusterState::default()
        };
        Ok(Snapshot::new(Arc::default(), state))
    }

    #[test]
    fn policies_of_a_shared_service_wait_for_its_former_pods_unless_they_drift() -> anyhow::Result<()> {
        let target = Target::Service("some".to_owned());
        let mut cache = ManagedCache::default();
        for manifest in target.manifests(&snapshot_with_service("old")?) {
            let object = serde_json::from_value(manifest.object)?;
            cache.apply_event((manifest.kind, Ok(Event::Apply(object))));
        }
        let guard = |app: &str, reason: ReconcileReason| {
            anyhow::Ok(plan(&snapshot_with_service(app)?, &cache, target.clone(), reason).pod_guard)
        };
        let old = BTreeMap::from([("app".to_owned(), "old".to_owned())]);
        let expected = PodGuard { namespace: "shared".to_owned(), labels: old };
        assert_eq!(guard("new", ReconcileReason::SpecChanged)?, Some(expected));
        assert_eq!(guard("new", ReconcileReason::Drift)?, None);
        assert_eq!(guard("old", ReconcileReason::SpecChanged)?, None);
        Ok(())
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
        let add = |cache: &mut ManagedCache, name: &str| {
            cache.apply_event((Kind::AuthorizationPolicy, Ok(Event::Apply(allow_policy(name)))));
        };
        add(&mut cache, "bulkhead-gateway-old");
        assert_eq!(pruned(&snapshot, &cache), []);
        add(&mut cache, "bulkhead-gateway-new");
        let old = ObjectRef::new(Kind::AuthorizationPolicy, "edge", "bulkhead-gateway-old");
        assert_eq!(pruned(&snapshot, &cache), [old]);
        Ok(())
    }
}
