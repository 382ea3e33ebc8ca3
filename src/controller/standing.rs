//! Which places do not stand, and why; looked at again only where something has changed.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::kept::{Kept, Key, Where};
use super::places::{Place, is_platforms, of_the_baseline};
use crate::baseline::{Kind, tenant_of_object};
use crate::world::{self, Owner, Witness, World};

/// Of the time, looking at new worlds takes at most one part in so many: the more there is to look at, the more
/// changes are looked at together.
const PARTS: u32 = 5;
/// Pods wait for what a new world has, so that none waits longer than this.
const LONGEST: Duration = Duration::from_secs(1);

/// Why something is to be done, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    /// It never stood here, and pods wait for it.
    New,
    /// Somebody has changed what stood.
    Drift,
    /// What it is made of has changed.
    News,
    /// The baseline is another one for all, or was looked at for the first time: that can wait its turn.
    Upgrade,
}

/// Places of one party that have fallen for one cause.
#[derive(Clone, Copy)]
pub(super) struct Line<'s> {
    pub(super) cause: Cause,
    pub(super) party: &'s str,
    pub(super) places: &'s BTreeSet<Place>,
}

#[derive(Default)]
pub(super) struct Standing {
    world: Option<Arc<World>>,
    /// When the next world is looked at, if there is one by then.
    next_world: Option<Instant>,
    /// What the baseline of each place is made of.
    witnesses: BTreeMap<Place, Witness>,
    /// What it was made of when it was last found standing.
    stood: BTreeMap<Place, Witness>,
    fallen: BTreeMap<Place, Cause>,
    /// What has fallen, by urgency and by whose it is.
    queue: BTreeMap<(Cause, String), BTreeSet<Place>>,
    leftovers: BTreeSet<Place>,
    /// Where somebody has written something else since this was asked last.
    rewritten: BTreeSet<Place>,
}

impl Standing {
    /// The world to look at now: not always the newest.
    pub(super) fn due(&self, newest: Arc<World>) -> Arc<World> {
        let known = self.world.as_ref().filter(|_| self.next_world > Some(Instant::now()));
        known.map_or(newest, Arc::clone)
    }

    /// When a world is due that is not yet looked at.
    pub(super) fn next(&self, newest: Option<&Arc<World>>) -> Option<Instant> {
        let (known, newest) = self.world.as_ref().zip(newest)?;
        self.next_world.filter(|_| !Arc::ptr_eq(known, newest))
    }

    /// Looks wherever something has changed: the world, what is kept there, or `done` by ourselves.
    pub(super) fn look(
        &mut self,
        world: &Arc<World>,
        kept: &mut Kept,
        told: &BTreeMap<Place, String>,
        done: BTreeSet<Place>,
    ) {
        let start = Instant::now();
        let mut unsure = done;
        let changed = kept.changed();
        let is_new = self.world.as_ref().is_none_or(|known| !Arc::ptr_eq(known, world));
        if is_new {
            let witnesses = witnesses(world);
            for (place, witness) in &witnesses {
                let known = self.witnesses.get(place);
                if known != Some(witness) {
                    unsure.insert(place.clone());
                }
                if known.is_some_and(|known| !known.has_specs_of(witness)) {
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
            self.world = Some(Arc::clone(world));
        }
        for place in &changed {
            match place {
                Where::Everywhere => unsure.extend(self.witnesses.keys().cloned()),
                Where::Tenant(tenant) => drop(unsure.insert(Place::Tenant(tenant.clone()))),
                Where::Cluster => drop(unsure.insert(Place::Cluster)),
                Where::Namespace(namespace) => unsure.extend(in_namespace(world, namespace)),
            }
        }
        let is_left = |place: &Where| match place {
            Where::Namespace(namespace) => is_observed(world, namespace),
            Where::Everywhere | Where::Tenant(_) | Where::Cluster => true,
        };
        if is_new || changed.iter().any(is_left) {
            self.leftovers = leftovers(world, kept);
        }
        for place in unsure {
            self.look_at(place, world, kept, told);
        }
        if is_new {
            let pause = start.elapsed() * (PARTS - 1);
            self.next_world = Some(Instant::now() + pause.min(LONGEST));
        }
    }

    fn look_at(&mut self, place: Place, world: &World, kept: &Kept, told: &BTreeMap<Place, String>) {
        self.forget(&place);
        let Some(witness) = self.witnesses.get(&place) else { return };
        if place.stands(world, kept, told.contains_key(&place)) {
            self.stood.insert(place, witness.clone());
            return;
        }
        let cause = match self.stood.get(&place) {
            _ if place.to_tell(world).is_some() => Cause::New,
            Some(stood) if stood == witness => Cause::Drift,
            Some(stood) if stood.has_settings_of(witness) => Cause::News,
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

    /// Where somebody has written something else since this was asked last: what failed may succeed now.
    pub(super) fn rewritten(&mut self) -> BTreeSet<Place> {
        std::mem::take(&mut self.rewritten)
    }

    pub(super) fn has_fallen(&self, place: &Place) -> bool {
        self.fallen.contains_key(place) || self.leftovers.contains(place)
    }

    /// Every place that does not stand, the most urgent first.
    pub(super) fn fallen(&self) -> Vec<Line<'_>> {
        let leftovers = Line { cause: Cause::News, party: "", places: &self.leftovers };
        let queue = self.queue.iter();
        let queue = queue.map(|((cause, party), places)| Line { cause: *cause, party, places });
        [leftovers].into_iter().chain(queue).collect()
    }
}

/// What the baseline of every place is made of.
fn witnesses(world: &World) -> BTreeMap<Place, Witness> {
    let mut witnesses = BTreeMap::new();
    for tenant in world.tenants().filter(|tenant| !tenant.is_observed()) {
        let witness = world.witness(&tenant.name);
        for namespace in world.namespaces_of(&tenant.name) {
            let place = Place::of_namespace(&tenant.name, namespace);
            witnesses.insert(place, witness.of_namespace(world, namespace));
        }
        witnesses.insert(Place::Tenant(tenant.name.clone()), witness);
    }
    let witness = world.witness_of_all();
    for service in world.listed_services() {
        witnesses.insert(Place::Service(service.name.clone()), witness.clone());
    }
    witnesses.insert(Place::Cluster, witness);
    witnesses
}

/// The places that have objects in a namespace.
fn in_namespace(world: &World, namespace: &str) -> Vec<Place> {
    let tenant = world.namespace(namespace).and_then(|known| known.tenant.as_deref());
    let own = tenant.map(|tenant| Place::of_namespace(tenant, namespace));
    let services = world.shared_services().filter(|service| service.namespace == namespace);
    let services = services.map(|service| Place::Service(service.name.clone()));
    let cluster = is_platforms(world, namespace).then_some(Place::Cluster);
    own.into_iter().chain(services).chain(cluster).collect()
}

fn is_observed(world: &World, namespace: &str) -> bool {
    matches!(world.owner(namespace), Some(Owner::Tenant(tenant)) if tenant.is_observed())
}

/// What tenants have from before that are gone or observed.
fn leftovers(world: &World, kept: &Kept) -> BTreeSet<Place> {
    let mut places = Vec::new();
    let has_none = |tenant: &str| world.tenant(tenant).is_none_or(world::Tenant::is_observed);
    for kind in Kind::ALL.iter().copied() {
        let leftovers =
            kept.names(kind, "").filter(|name| tenant_of_object(kind, name).is_some_and(has_none));
        places.extend(leftovers.map(|name| Place::Leftover(Key::new(kind, "", name))));
    }
    let observed = world.tenants().filter(|tenant| tenant.is_observed());
    for namespace in observed.flat_map(|tenant| world.namespaces_of(&tenant.name)) {
        if world.namespace(namespace).is_some_and(|known| known.ready) {
            places.push(Place::Undone(namespace.to_owned()));
        }
        let there = of_the_baseline(kept, namespace);
        places.extend(there.map(|(kind, name)| Place::Leftover(Key::new(kind, namespace, name))));
    }
    places.retain(|place| place.namespace(world).is_none_or(|namespace| !namespace.terminating));
    places.into_iter().collect()
}
