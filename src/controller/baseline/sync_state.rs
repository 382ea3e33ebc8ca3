//! Sync state: which targets are out of sync, and why.
//!
//! Compares a target only after a change of something that it depends on: the snapshot, the cache, or a write of our
//! own. Does not decide when a target is reconciled; the workqueue does.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::cache::{ChangedScope, ManagedCache, ObjectRef};
use super::target::{Target, baseline_objects_in, is_platform_namespace, left_behind_selector};
use crate::baseline::tenant_of_cluster_object;
use crate::kinds::Kind;
use crate::snapshot::{self, BaselineInputs, NamespaceOwner, Snapshot};

/// Comparing with new snapshots may use at most 1/`REFRESH_DUTY_CYCLE` of the time. If a comparison is slow, the next one covers
/// more changes.
const REFRESH_DUTY_CYCLE: u32 = 5;
/// Maximum delay before a new snapshot is compared, because pods wait for what it contains.
const MAX_REFRESH_DELAY: Duration = Duration::from_secs(1);

/// The reason for a reconcile. The order of the variants is the priority, most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ReconcileReason {
    /// The namespace has never been ready, and its pods wait for that.
    Created,
    /// An object has changed in a target that was in sync.
    Drift,
    /// The inputs of the target's baseline have changed, other than the settings.
    SpecChanged,
    /// The settings have changed, or the target has not been in sync since the controller started, as after an
    /// upgrade. This is not urgent, and its rate is limited.
    Rollout,
}

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
    /// Earliest time at which a newer snapshot is compared.
    next_refresh: Option<Instant>,
    /// Inputs of each target's baseline.
    all_inputs: BTreeMap<Target, BaselineInputs>,
    /// The inputs with which each target was last in sync.
    last_synced: BTreeMap<Target, BaselineInputs>,
    out_of_sync: BTreeMap<Target, ReconcileReason>,
    /// Targets that are out of sync, by reason and tenant.
    pending: BTreeMap<(ReconcileReason, Option<String>), BTreeSet<Target>>,
    orphans: BTreeSet<Target>,
    /// Targets whose specs have changed since the last call of `spec_changed`.
    spec_changed: BTreeSet<Target>,
}

impl SyncState {
    /// Returns the snapshot to compare with now, which is not always the newest.
    pub(super) fn due_snapshot(&self, newest: Arc<Snapshot>) -> Arc<Snapshot> {
        let known = self.snapshot.as_ref().filter(|_| self.next_refresh > Some(Instant::now()));
        known.map_or(newest, Arc::clone)
    }

    /// Returns the time at which the newest snapshot is compared; `None` if it is in use already.
    pub(super) fn next_refresh(&self, newest: Option<&Arc<Snapshot>>) -> Option<Instant> {
        let (known, newest) = self.snapshot.as_ref().zip(newest)?;
        self.next_refresh.filter(|_| !Arc::ptr_eq(known, newest))
    }

    /// Compares the targets that a new snapshot, a change in the cache, or a finished reconcile (`reconciled`) concerns.
    pub(super) fn refresh(
        &mut self,
        snapshot: &Arc<Snapshot>,
        cache: &mut ManagedCache,
        ready_reported: &BTreeMap<Target, String>,
        reconciled: BTreeSet<Target>,
    ) {
        let start = Instant::now();
        let mut to_check = reconciled;
        let changed = cache.take_changed();
        let is_new = self.snapshot.as_ref().is_none_or(|known| !Arc::ptr_eq(known, snapshot));
        if is_new {
            let all_inputs = all_inputs(snapshot);
            for (target, inputs) in &all_inputs {
                let known = self.all_inputs.get(target);
                if known != Some(inputs) {
                    to_check.insert(target.clone());
                }
                if known.is_some_and(|known| !known.same_specs(inputs)) {
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
        }
        for scope in &changed {
            match scope {
                ChangedScope::All => to_check.extend(self.all_inputs.keys().cloned()),
                ChangedScope::Tenant(tenant) => drop(to_check.insert(Target::Tenant(tenant.clone()))),
                ChangedScope::Cluster => drop(to_check.insert(Target::Cluster)),
                ChangedScope::Namespace(namespace) => {
                    to_check.extend(targets_in_namespace(snapshot, namespace));
                }
            }
        }
        let may_orphan = |scope: &ChangedScope| match scope {
            ChangedScope::Namespace(namespace) => {
                is_observed_namespace(snapshot, namespace) || is_platform_namespace(snapshot, namespace)
            }
            ChangedScope::All | ChangedScope::Tenant(_) | ChangedScope::Cluster => true,
        };
        if is_new || changed.iter().any(may_orphan) {
            self.orphans = find_orphans(snapshot, cache);
        }
        for target in to_check {
            self.refresh_target(target, snapshot, cache, ready_reported);
        }
        if is_new {
            let delay = start.elapsed() * (REFRESH_DUTY_CYCLE - 1);
            self.next_refresh = Some(Instant::now() + delay.min(MAX_REFRESH_DELAY));
        }
    }

    fn refresh_target(
        &mut self,
        target: Target,
        snapshot: &Snapshot,
        cache: &ManagedCache,
        ready_reported: &BTreeMap<Target, String>,
    ) {
        self.forget(&target);
        let Some(inputs) = self.all_inputs.get(&target) else { return };
        if target.is_in_sync(snapshot, cache, ready_reported.contains_key(&target)) {
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

    /// Returns the targets whose specs have changed since the last call. A retry of these may succeed now.
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

fn is_observed_namespace(snapshot: &Snapshot, namespace: &str) -> bool {
    matches!(snapshot.owner(namespace), Some(NamespaceOwner::Tenant(tenant)) if tenant.is_observed())
}

/// Returns the orphans: objects of tenants that no longer exist or are observed, objects that shared services have left
/// behind, and namespaces of observed tenants
/// that are still marked ready.
fn find_orphans(snapshot: &Snapshot, cache: &ManagedCache) -> BTreeSet<Target> {
    let mut targets = Vec::new();
    let has_no_baseline = |tenant: &str| snapshot.tenant(tenant).is_none_or(snapshot::Tenant::is_observed);
    for kind in Kind::all_managed() {
        let orphans = cache
            .names(kind, "")
            .filter(|name| tenant_of_cluster_object(kind, name).is_some_and(has_no_baseline));
        targets.extend(orphans.map(|name| Target::Orphan(ObjectRef::new(kind, "", name))));
    }
    let left_behind = cache
        .refs_in_namespaces(|namespace| !namespace.is_empty() && is_platform_namespace(snapshot, namespace))
        .filter(|key| left_behind_selector(snapshot, cache, key).is_some());
    targets.extend(left_behind.map(Target::Orphan));
    let observed = snapshot.tenants().filter(|tenant| tenant.is_observed());
    for namespace in observed.flat_map(|tenant| snapshot.namespaces_of(&tenant.name)) {
        if snapshot.namespace(namespace).is_some_and(|known| known.ready) {
            targets.push(Target::RevokeReady(namespace.to_owned()));
        }
        let existing = baseline_objects_in(cache, namespace);
        targets.extend(existing.map(|(kind, name)| Target::Orphan(ObjectRef::new(kind, namespace, name))));
    }
    targets.retain(|target| target.namespace(snapshot).is_none_or(|namespace| !namespace.terminating));
    targets.into_iter().collect()
}
