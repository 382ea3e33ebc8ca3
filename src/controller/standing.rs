//! Sync state: which targets are out of sync, and why.
//!
//! Compares a target only after a change of something that it depends on: the snapshot, the cache, or a write of our
//! own. Does not decide when a target is reconciled; the workqueue does.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::kept::{Kept, Key, Where};
use super::places::{Place, is_platforms, of_the_baseline};
use crate::baseline::{Kind, tenant_of_cluster_object};
use crate::snapshot::{self, NamespaceOwner, BaselineInputs, Snapshot};

/// Comparing with new snapshots may use at most 1/`PARTS` of the time. If a comparison is slow, the next one covers
/// more changes.
const PARTS: u32 = 5;
/// Maximum delay before a new snapshot is compared, because pods wait for what it contains.
const LONGEST: Duration = Duration::from_secs(1);

/// The reason for a reconcile. The order of the variants is the priority, most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    /// The namespace has never been ready, and its pods wait for that.
    New,
    /// An object has changed in a target that was in sync.
    Drift,
    /// The inputs of the target's baseline have changed, other than the settings.
    News,
    /// The settings have changed, or the target has not been in sync since the controller started, as after an
    /// upgrade. This is not urgent, and its rate is limited.
    Upgrade,
}

/// Targets of one tenant that are out of sync for the same reason.
#[derive(Clone, Copy)]
pub(super) struct Line<'s> {
    pub(super) cause: Cause,
    pub(super) party: &'s str,
    pub(super) places: &'s BTreeSet<Place>,
}

/// Sync state of all targets.
#[derive(Default)]
pub(super) struct Standing {
    snapshot: Option<Arc<Snapshot>>,
    /// Earliest time at which a newer snapshot is compared.
    next_snapshot: Option<Instant>,
    /// Inputs of each target's baseline.
    witnesses: BTreeMap<Place, BaselineInputs>,
    /// The inputs with which each target was last in sync.
    stood: BTreeMap<Place, BaselineInputs>,
    fallen: BTreeMap<Place, Cause>,
    /// Targets that are out of sync, by reason and tenant.
    queue: BTreeMap<(Cause, String), BTreeSet<Place>>,
    leftovers: BTreeSet<Place>,
    /// Targets whose specs have changed since the last call of `rewritten`.
    rewritten: BTreeSet<Place>,
}

impl Standing {
    /// Returns the snapshot to compare with now, which is not always the newest.
    pub(super) fn due(&self, newest: Arc<Snapshot>) -> Arc<Snapshot> {
        let known = self.snapshot.as_ref().filter(|_| self.next_snapshot > Some(Instant::now()));
        known.map_or(newest, Arc::clone)
    }

    /// Returns the time at which the newest snapshot is compared; `None` if it is in use already.
    pub(super) fn next(&self, newest: Option<&Arc<Snapshot>>) -> Option<Instant> {
        let (known, newest) = self.snapshot.as_ref().zip(newest)?;
        self.next_snapshot.filter(|_| !Arc::ptr_eq(known, newest))
    }

    /// Compares the targets that a new snapshot, a change in the cache, or a finished reconcile (`done`) concerns.
    pub(super) fn look(
        &mut self,
        snapshot: &Arc<Snapshot>,
        kept: &mut Kept,
        told: &BTreeMap<Place, String>,
        done: BTreeSet<Place>,
    ) {
        let start = Instant::now();
        let mut unsure = done;
        let changed = kept.changed();
        let is_new = self.snapshot.as_ref().is_none_or(|known| !Arc::ptr_eq(known, snapshot));
        if is_new {
            let witnesses = witnesses(snapshot);
            for (place, baseline_inputs) in &witnesses {
                let known = self.witnesses.get(place);
                if known != Some(baseline_inputs) {
                    unsure.insert(place.clone());
                }
                if known.is_some_and(|known| !known.same_specs(baseline_inputs)) {
                    self.rewritten.insert(place.clone());
                }
            }
            let gone: Vec<Place> =
                self.fallen.keys().filter(|place| !witnesses.contains_key(*place)).cloned().collect();
            for place in &gone {
                self.forget(place);
            }
            self.stood.retain(|place, _| witnesses.contains_key(place));
            self.witnesses = witnesses;
            self.snapshot = Some(Arc::clone(snapshot));
        }
        for place in &changed {
            match place {
                Where::Everywhere => unsure.extend(self.witnesses.keys().cloned()),
                Where::Tenant(tenant) => drop(unsure.insert(Place::Tenant(tenant.clone()))),
                Where::Cluster => drop(unsure.insert(Place::Cluster)),
                Where::Namespace(namespace) => unsure.extend(in_namespace(snapshot, namespace)),
            }
        }
        let is_left = |place: &Where| match place {
            Where::Namespace(namespace) => is_observed(snapshot, namespace),
            Where::Everywhere | Where::Tenant(_) | Where::Cluster => true,
        };
        if is_new || changed.iter().any(is_left) {
            self.leftovers = leftovers(snapshot, kept);
        }
        for place in unsure {
            self.look_at(place, snapshot, kept, told);
        }
        if is_new {
            let pause = start.elapsed() * (PARTS - 1);
            self.next_snapshot = Some(Instant::now() + pause.min(LONGEST));
        }
    }

    fn look_at(&mut self, place: Place, snapshot: &Snapshot, kept: &Kept, told: &BTreeMap<Place, String>) {
        self.forget(&place);
        let Some(baseline_inputs) = self.witnesses.get(&place) else { return };
        if place.stands(snapshot, kept, told.contains_key(&place)) {
            self.stood.insert(place, baseline_inputs.clone());
            return;
        }
        let cause = match self.stood.get(&place) {
            _ if place.to_tell(snapshot).is_some() => Cause::New,
            Some(stood) if stood == baseline_inputs => Cause::Drift,
            Some(stood) if stood.same_settings(baseline_inputs) => Cause::News,
            _ => Cause::Upgrade,
        };
        self.fallen.insert(place.clone(), cause);
        self.queue.entry((cause, place.party().to_owned())).or_default().insert(place);
    }

    fn forget(&mut self, place: &Place) {
        let Some(cause) = self.fallen.remove(place) else { return };
        if let Entry::Occupied(mut line) = self.queue.entry((cause, place.party().to_owned())) {
            line.get_mut().remove(place);
            if line.get().is_empty() {
                line.remove();
            }
        }
    }

    /// Returns the targets whose specs have changed since the last call. A retry of these may succeed now.
    pub(super) fn rewritten(&mut self) -> BTreeSet<Place> {
        std::mem::take(&mut self.rewritten)
    }

    pub(super) fn has_fallen(&self, place: &Place) -> bool {
        self.fallen.contains_key(place) || self.leftovers.contains(place)
    }

    /// Returns all targets that are out of sync: first the orphans, then the others, most urgent first.
    pub(super) fn fallen(&self) -> Vec<Line<'_>> {
        let leftovers = Line { cause: Cause::News, party: "", places: &self.leftovers };
        let queue = self.queue.iter();
        let queue = queue.map(|((cause, party), places)| Line { cause: *cause, party, places });
        [leftovers].into_iter().chain(queue).collect()
    }
}

/// Returns the inputs of every target's baseline.
fn witnesses(snapshot: &Snapshot) -> BTreeMap<Place, BaselineInputs> {
    let mut witnesses = BTreeMap::new();
    for tenant in snapshot.tenants().filter(|tenant| !tenant.is_observed()) {
        let baseline_inputs = snapshot.baseline_inputs(&tenant.name);
        for namespace in snapshot.namespaces_of(&tenant.name) {
            let place = Place::of_namespace(&tenant.name, namespace);
            witnesses.insert(place, baseline_inputs.for_namespace(snapshot, namespace));
        }
        witnesses.insert(Place::Tenant(tenant.name.clone()), baseline_inputs);
    }
    let baseline_inputs = snapshot.cluster_baseline_inputs();
    for service in snapshot.listed_services() {
        witnesses.insert(Place::Service(service.name.clone()), baseline_inputs.clone());
    }
    witnesses.insert(Place::Cluster, baseline_inputs);
    witnesses
}

/// Returns the targets that have objects in `namespace`.
fn in_namespace(snapshot: &Snapshot, namespace: &str) -> Vec<Place> {
    let tenant = snapshot.namespace(namespace).and_then(|known| known.tenant.as_deref());
    let own = tenant.map(|tenant| Place::of_namespace(tenant, namespace));
    let services = snapshot.shared_services().filter(|service| service.namespace == namespace);
    let services = services.map(|service| Place::Service(service.name.clone()));
    let cluster = is_platforms(snapshot, namespace).then_some(Place::Cluster);
    own.into_iter().chain(services).chain(cluster).collect()
}

fn is_observed(snapshot: &Snapshot, namespace: &str) -> bool {
    matches!(snapshot.owner(namespace), Some(NamespaceOwner::Tenant(tenant)) if tenant.is_observed())
}

/// Returns the orphans: objects of tenants that no longer exist or are observed, and namespaces of observed tenants
/// that are still marked ready.
fn leftovers(snapshot: &Snapshot, kept: &Kept) -> BTreeSet<Place> {
    let mut places = Vec::new();
    let has_none = |tenant: &str| snapshot.tenant(tenant).is_none_or(snapshot::Tenant::is_observed);
    for kind in Kind::ALL.iter().copied() {
        let leftovers =
            kept.names(kind, "").filter(|name| tenant_of_cluster_object(kind, name).is_some_and(has_none));
        places.extend(leftovers.map(|name| Place::Leftover(Key::new(kind, "", name))));
    }
    let observed = snapshot.tenants().filter(|tenant| tenant.is_observed());
    for namespace in observed.flat_map(|tenant| snapshot.namespaces_of(&tenant.name)) {
        if snapshot.namespace(namespace).is_some_and(|known| known.ready) {
            places.push(Place::Undone(namespace.to_owned()));
        }
        let there = of_the_baseline(kept, namespace);
        places.extend(there.map(|(kind, name)| Place::Leftover(Key::new(kind, namespace, name))));
    }
    places.retain(|place| place.namespace(snapshot).is_none_or(|namespace| !namespace.terminating));
    places.into_iter().collect()
}
