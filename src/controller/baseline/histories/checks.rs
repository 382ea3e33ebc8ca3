//! Checks at each step of a reconcile: readiness, and the order of policies.

use super::super::cache::ManagedCache;
use super::super::deny_all::is_enforced;
use super::super::object_ref::ObjectRef;
use super::super::plan::Plan;
use super::super::reason::ReconcileReason;
use super::super::step::Action;
use super::super::target::Target;
use super::attempts::Attempts;
use super::world::{SERVICE_NAMESPACE, View, World};
use crate::api::Authorization;
use crate::baseline::{DENY_ALL_NAME, desired_for_cluster, drift};
use crate::kinds::Kind;
use crate::snapshot::{Snapshot, Tenant};

/// Checks a plan against the cache and the snapshot from which it was made.
pub(super) fn check_plan(cache: &ManagedCache, snapshot: &Snapshot, plan: &Plan) {
    assert!(!plan.steps.is_empty(), "{:?} is in sync", plan.target);
    let is_terminating = plan.target.namespace(snapshot).is_some_and(|namespace| namespace.terminating);
    for step in &plan.steps {
        match &step.action {
            Action::Write(write) => {
                let exists = cache.get_live(&write.manifest).is_some();
                assert_eq!(write.exists, exists, "{:?}", write.manifest);
                assert!(exists || !is_terminating, "{:?} is created too late", write.manifest);
            }
            Action::MarkReady { namespace, .. } => check_mark(cache, snapshot, plan, namespace),
            Action::MoveToAmbient { .. } => check_complete(cache, snapshot, plan),
            Action::AddLabels { .. } | Action::RevokeReady { .. } => {
                assert!(!is_terminating, "{:?} is changed too late", plan.target);
            }
            Action::Prune(_) => {}
        }
    }
    match &plan.target {
        Target::Namespace { .. } => {
            let is_ready = plan.target.namespace(snapshot).is_some_and(|namespace| namespace.ready);
            assert_eq!(plan.was_ready, is_ready || plan.reason == ReconcileReason::Drift);
            assert_eq!(plan.may_replace, plan.was_ready);
        }
        Target::Orphan(key) if key.namespace == SERVICE_NAMESPACE => {
            assert!(plan.pod_guard.is_some(), "{key:?} does not wait for its pods");
        }
        _ => {}
    }
}

/// Checks that a namespace is marked ready only if the cache has its whole baseline, with the computed usage of its quota,
/// and within the limit of its tenant.
fn check_mark(cache: &ManagedCache, snapshot: &Snapshot, plan: &Plan, namespace: &str) {
    assert!(!snapshot.is_over_limit(namespace), "{namespace} is over the limit, and becomes ready");
    check_complete(cache, snapshot, plan);
    for manifest in plan.target.manifests(snapshot) {
        let key = ObjectRef::of_manifest(&manifest);
        if manifest.kind == Kind::ResourceQuota
            && let Some(found) = cache.get(&key)
        {
            let (hard, counted) = (manifest.object.pointer("/spec/hard"), found.pointer("/status/hard"));
            assert_eq!(hard, counted, "{namespace} becomes ready before the usage of its quota is computed");
        }
    }
}

/// Checks that a namespace becomes ready, or moves to the ambient dataplane, only if the cache has its whole baseline.
fn check_complete(cache: &ManagedCache, snapshot: &Snapshot, plan: &Plan) {
    let target = &plan.target;
    for manifest in target.manifests(snapshot) {
        let key = ObjectRef::of_manifest(&manifest);
        let found = cache.get(&key).unwrap_or_else(|| panic!("{target:?} changes without {key:?}"));
        let drift = drift(manifest.kind, &manifest.object, found);
        assert!(drift.is_empty(), "{target:?} changes with another {key:?}: {drift:?}");
    }
}

/// Checks that a namespace becomes ready only with its whole baseline, apart from what users have changed since, and from
/// kinds whose watches are behind.
pub(super) fn check_ready(world: &World, snapshot: &Snapshot, target: &Target) {
    let behind = world.kinds_behind();
    let keys = target.manifests(snapshot).into_iter().map(|manifest| ObjectRef::of_manifest(&manifest));
    for key in keys.filter(|key| !behind.contains(&key.kind) && !world.tampered.contains(key)) {
        assert!(world.objects.contains_key(&key), "{target:?} becomes ready without {key:?}");
    }
}

/// Checks a write or a prune against the order: policies that allow after those that deny in the same namespace,
/// deny-all enabled after and disabled before the policies that allow under it.
pub(super) fn check_order(world: &World, plan: &Plan, view: &View, action: &Action, attempts: &Attempts) {
    let deny_all =
        ObjectRef::new(Kind::AuthorizationPolicy, &view.snapshot.settings.mesh_root, DENY_ALL_NAME);
    let is_denying = world
        .objects
        .get(&deny_all)
        .is_some_and(|object| is_enforced(&serde_json::to_value(object).unwrap()));
    match action {
        Action::Write(write) if write.manifest.name == DENY_ALL_NAME => {
            if !is_denying && is_enforced(&write.manifest.object) && plan.reason != ReconcileReason::Drift {
                check_enabled_last(world, view, attempts);
            }
        }
        Action::Write(write) => {
            let Some(namespace) = &write.manifest.namespace else { return };
            let deny = ObjectRef::new(Kind::NetworkPolicy, namespace, "default-deny-all");
            let is_new_allow = has_same_uid(world, &view.snapshot, namespace)
                && !write.exists
                && write.manifest.kind == Kind::NetworkPolicy
                && write.manifest.name.starts_with("allow-");
            let is_denied = world.objects.contains_key(&deny) || world.tampered.contains(&deny);
            assert!(!is_new_allow || is_denied, "{} before {deny:?}", write.manifest.name);
        }
        Action::Prune(candidate) => {
            let is_allow = candidate.key.kind == Kind::AuthorizationPolicy
                && ["allow-same-tenant", "bulkhead-platform"].contains(&candidate.key.name.as_str());
            let is_settings_change =
                !view.snapshot.settings.denies_all() && plan.reason == ReconcileReason::Rollout;
            assert!(
                !(is_allow && is_settings_change && is_denying && !world.tampered.contains(&deny_all)),
                "{:?} is removed before deny-all is disabled",
                candidate.key
            );
        }
        Action::AddLabels { .. }
        | Action::MoveToAmbient { .. }
        | Action::RevokeReady { .. }
        | Action::MarkReady { .. } => {}
    }
}

/// True if the namespace has not been created again since the snapshot.
pub(super) fn has_same_uid(world: &World, snapshot: &Snapshot, namespace: &str) -> bool {
    let found = world.namespaces.get(namespace).map(|found| &found.uid);
    found == snapshot.namespace(namespace).map(|known| &known.uid)
}

/// Checks that everything that allows calls exists in each target that the settings changed, without those that fail
/// and those that users have changed since.
fn check_enabled_last(world: &World, view: &View, attempts: &Attempts) {
    let snapshot = &view.snapshot;
    let has = |key: &ObjectRef| world.objects.contains_key(key) || world.tampered.contains(key);
    for manifest in desired_for_cluster(snapshot) {
        let key = ObjectRef::of_manifest(&manifest);
        let is_allow = manifest.kind == Kind::AuthorizationPolicy && manifest.name == "bulkhead-platform";
        assert!(!is_allow || has(&key), "deny-all is enabled before {key:?}");
    }
    let is_open = |tenant: &&Tenant| {
        let changed = view.tenants_changed.get(&tenant.name).copied().unwrap_or_default();
        !tenant.is_observed()
            && tenant.authorization == Authorization::Open
            && changed < view.settings_changed
    };
    for tenant in snapshot.tenants().filter(is_open) {
        for name in snapshot.ready_namespaces_of(&tenant.name) {
            let target = Target::of_namespace(&tenant.name, name);
            let is_same = has_same_uid(world, snapshot, name);
            let key = ObjectRef::new(Kind::AuthorizationPolicy, name, "allow-same-tenant");
            assert!(
                !is_same || has(&key) || attempts.has_failed(&target),
                "deny-all is enabled before {key:?}"
            );
        }
    }
}
