//! Sync state: which targets are out of sync, and why.
//!
//! Compares a target only after a change of something that it depends on: the snapshot, or the cache, which has our own
//! writes too. Does not decide when a target is reconciled; the queue does.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::cache::{ChangedScope, ManagedCache};
use super::orphans::{find_orphans, is_platform_namespace, may_have_orphans};
use super::plan::steps;
use super::reason::ReconcileReason;
use super::target::Target;
use crate::snapshot::{BaselineInputs, Snapshot};

/// Targets of one tenant that are out of sync for the same reason.
#[derive(Clone, Copy)]
pub(super) struct PendingGroup<'s> {
    pub(super) reason: ReconcileReason,
    pub(super) tenant: Option<&'s str>,
    pub(super) targets: &'s BTreeSet<Target>,
}

/// Sync state of all targets.
#[derive(Default)]
pub(super) struct SyncState {
    snapshot: Option<Arc<Snapshot>>,
    /// Inputs of each target's baseline.
    all_inputs: BTreeMap<Target, BaselineInputs>,
    /// The inputs with which each target was last in sync.
    last_synced: BTreeMap<Target, BaselineInputs>,
    out_of_sync: BTreeMap<Target, ReconcileReason>,
    /// Targets that are out of sync, by reason and tenant.
    pending: BTreeMap<(ReconcileReason, Option<String>), BTreeSet<Target>>,
    orphans: BTreeSet<Target>,
    /// Targets that are new, or whose specs have changed, since the last call of `take_spec_changed`.
    spec_changed: BTreeSet<Target>,
}

impl SyncState {
    /// Compares the targets that a new snapshot or a change in the cache concerns.
    pub(super) fn refresh(&mut self, snapshot: &Arc<Snapshot>, cache: &mut ManagedCache) {
        let mut to_check = BTreeSet::new();
        let is_new = self.snapshot.as_ref().is_none_or(|known| !Arc::ptr_eq(known, snapshot));
        if is_new {
            cache.forget_former_objects(&self.new_namespaces(snapshot));
            to_check.extend(self.replace_snapshot(snapshot));
        }
        let changed = cache.take_changed();
        for scope in &changed {
            to_check.extend(self.targets_in(snapshot, scope));
        }
        let may_have_orphans = |scope: &ChangedScope| match scope {
            ChangedScope::Namespace(namespace) => may_have_orphans(snapshot, namespace),
            ChangedScope::All | ChangedScope::Tenant(_) | ChangedScope::Cluster => true,
        };
        if is_new || changed.iter().any(may_have_orphans) {
            self.orphans = find_orphans(snapshot, cache);
        }
        for target in to_check {
            self.refresh_target(target, snapshot, cache);
        }
    }

    /// Returns the targets whose inputs the new snapshot changes. Forgets those that it does not have.
    fn replace_snapshot(&mut self, snapshot: &Arc<Snapshot>) -> BTreeSet<Target> {
        let all_inputs = all_inputs(snapshot);
        let mut changed = BTreeSet::new();
        for (target, inputs) in &all_inputs {
            let known = self.all_inputs.get(target);
            if known != Some(inputs) {
                changed.insert(target.clone());
            }
            if known.is_none_or(|known| !known.same_specs(inputs)) {
                self.spec_changed.insert(target.clone());
            }
        }
        let deleted: Vec<Target> =
            self.out_of_sync.keys().filter(|target| !all_inputs.contains_key(*target)).cloned().collect();
        for target in &deleted {
            self.forget(target);
        }
        self.last_synced.retain(|target, _| all_inputs.contains_key(target));
        self.all_inputs = all_inputs;
        self.snapshot = Some(Arc::clone(snapshot));
        changed
    }

    /// Returns the tenants' namespaces that the known snapshot does not have, and their creation times. Each may have the
    /// name of a former one; in the first snapshot too, because the cache may have been listed before the former one was
    /// deleted.
    fn new_namespaces<'s>(&self, snapshot: &'s Snapshot) -> BTreeMap<&'s str, i64> {
        let is_known = |name: &str, uid: &str| {
            let known = self.snapshot.as_ref().and_then(|known| known.namespace(name));
            known.is_some_and(|known| known.uid == uid)
        };
        let names = snapshot.namespaces_by_tenant_label().flat_map(|(_, names)| names);
        let namespaces = names.filter_map(|name| Some((&**name, snapshot.namespace(name)?)));
        let new = namespaces.filter(|(name, namespace)| !is_known(name, &namespace.uid));
        new.map(|(name, namespace)| (name, namespace.created)).collect()
    }

    /// Returns the targets that a change in the cache concerns.
    fn targets_in(&self, snapshot: &Snapshot, scope: &ChangedScope) -> Vec<Target> {
        match scope {
            ChangedScope::All => self.all_inputs.keys().cloned().collect(),
            ChangedScope::Tenant(tenant) => vec![Target::Tenant(tenant.clone())],
            ChangedScope::Cluster => vec![Target::Cluster],
            ChangedScope::Namespace(namespace) => targets_in_namespace(snapshot, namespace),
        }
    }

    fn refresh_target(&mut self, target: Target, snapshot: &Snapshot, cache: &ManagedCache) {
        self.forget(&target);
        let Some(inputs) = self.all_inputs.get(&target) else { return };
        if steps(snapshot, cache, &target).is_empty() {
            self.last_synced.insert(target, inputs.clone());
            return;
        }
        let reason = match self.last_synced.get(&target) {
            _ if target.awaiting_ready(snapshot).is_some() => ReconcileReason::Created,
            Some(last_synced) if last_synced == inputs => ReconcileReason::Drift,
            Some(last_synced) if last_synced.same_settings(inputs) => ReconcileReason::SpecChanged,
            _ => ReconcileReason::Rollout,
        };
        self.out_of_sync.insert(target.clone(), reason);
        self.pending.entry((reason, target.tenant().map(str::to_owned))).or_default().insert(target);
    }

    fn forget(&mut self, target: &Target) {
        let Some(reason) = self.out_of_sync.remove(target) else { return };
        if let Entry::Occupied(mut group) = self.pending.entry((reason, target.tenant().map(str::to_owned))) {
            group.get_mut().remove(target);
            if group.get().is_empty() {
                group.remove();
            }
        }
    }

    /// Returns the targets that are new, or whose specs have changed, since the last call. A retry of these may succeed
    /// now.
    pub(super) fn take_spec_changed(&mut self) -> BTreeSet<Target> {
        std::mem::take(&mut self.spec_changed)
    }

    pub(super) fn is_out_of_sync(&self, target: &Target) -> bool {
        self.out_of_sync.contains_key(target) || self.orphans.contains(target)
    }

    /// Returns all targets that are out of sync: first the orphans, then the others, most urgent first.
    pub(super) fn pending_groups(&self) -> Vec<PendingGroup<'_>> {
        let orphans =
            PendingGroup { reason: ReconcileReason::SpecChanged, tenant: None, targets: &self.orphans };
        let pending = self.pending.iter();
        let pending = pending.map(|((reason, tenant), targets)| PendingGroup {
            reason: *reason,
            tenant: tenant.as_deref(),
            targets,
        });
        [orphans].into_iter().chain(pending).collect()
    }
}

/// Returns the inputs of every target's baseline.
fn all_inputs(snapshot: &Snapshot) -> BTreeMap<Target, BaselineInputs> {
    let mut all_inputs = BTreeMap::new();
    for tenant in snapshot.tenants().filter(|tenant| !tenant.is_observed()) {
        let inputs = snapshot.baseline_inputs(&tenant.name);
        for namespace in snapshot.namespaces_of(&tenant.name) {
            let target = Target::of_namespace(&tenant.name, namespace);
            all_inputs.insert(target, inputs.for_namespace(snapshot, namespace));
        }
        all_inputs.insert(Target::Tenant(tenant.name.clone()), inputs);
    }
    let inputs = snapshot.cluster_baseline_inputs();
    for service in snapshot.accepted_services() {
        all_inputs.insert(Target::Service(service.name.clone()), inputs.clone());
    }
    all_inputs.insert(Target::Cluster, inputs);
    all_inputs
}

/// Returns the targets that have objects in `namespace`.
fn targets_in_namespace(snapshot: &Snapshot, namespace: &str) -> Vec<Target> {
    let tenant = snapshot.namespace(namespace).and_then(|known| known.tenant.as_deref());
    let own = tenant.map(|tenant| Target::of_namespace(tenant, namespace));
    let services = snapshot.shared_services().filter(|service| service.namespace == namespace);
    let services = services.map(|service| Target::Service(service.name.clone()));
    let cluster = is_platform_namespace(snapshot, namespace).then_some(Target::Cluster);
    own.into_iter().chain(services).chain(cluster).collect()
}
