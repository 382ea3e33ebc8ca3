//! Checks at the end of a history: the desired state.

use std::collections::{BTreeMap, BTreeSet};

use super::super::cache::ManagedCache;
use super::super::object_ref::ObjectRef;
use super::super::target::Target;
use super::expected::expected_objects;
use super::world::World;
use crate::baseline::{Manifest, drift};
use crate::kinds::Kind;
use crate::snapshot::{NamespaceOwner, Snapshot};

/// Checks everything but the failing targets.
pub(super) fn check_desired_state(world: &mut World, failing: &BTreeSet<Target>) {
    let view = world.view();
    check_objects(world, &view.snapshot, failing);
    check_namespaces(world, &view.snapshot, failing);
}

fn check_objects(world: &World, snapshot: &Snapshot, failing: &BTreeSet<Target>) {
    let expected: BTreeMap<ObjectRef, (Target, Manifest)> = expected_objects(snapshot)
        .into_iter()
        .map(|(target, manifest)| (ObjectRef::of_manifest(&manifest), (target, manifest)))
        .collect();
    for (key, (target, manifest)) in expected.iter().filter(|(_, (target, _))| !failing.contains(target)) {
        let found = world.objects.get(key).unwrap_or_else(|| panic!("{key:?} of {target:?} is missing"));
        let drift = drift(manifest.kind, &manifest.object, &serde_json::to_value(found).unwrap());
        assert!(drift.is_empty(), "{key:?}: {drift:?}");
    }
    for key in world.objects.keys().filter(|key| !key.kind.is_partly_managed()) {
        let is_orphaned = matches!(snapshot.owner(&key.namespace), Some(NamespaceOwner::Orphaned(_)));
        let is_failing = failing.iter().any(|target| match target {
            Target::Namespace { namespace, .. } => *namespace == key.namespace,
            Target::Orphan(orphan) => orphan == key,
            Target::Tenant(tenant) => key.namespace.is_empty() && key.name.ends_with(tenant.as_str()),
            _ => false,
        });
        assert!(expected.contains_key(key) || is_orphaned || is_failing, "{key:?} is left over");
    }
}

fn check_namespaces(world: &World, snapshot: &Snapshot, failing: &BTreeSet<Target>) {
    for tenant in snapshot.tenants() {
        for name in snapshot.namespaces_of(&tenant.name) {
            let target = if tenant.is_observed() {
                Target::RevokeReady(name.to_owned())
            } else {
                Target::of_namespace(&tenant.name, name)
            };
            if failing.contains(&target) {
                continue;
            }
            let namespace = snapshot.namespace(name).unwrap();
            if !snapshot.is_over_limit(name) {
                assert_eq!(namespace.ready, !tenant.is_observed(), "{name}");
            }
            let labels = world.labels_of(&tenant.name);
            let mut labels = labels.iter().filter(|(key, _)| !key.ends_with("/tenant"));
            assert!(
                tenant.is_observed() || labels.all(|(key, _)| namespace.label(key).is_some()),
                "{name}: {:?}",
                namespace.labels
            );
            if !tenant.is_observed() {
                assert_eq!(snapshot.dataplane(name), tenant.dataplane(&snapshot.settings), "{name}");
            }
        }
    }
}

/// Checks that the events have left the cache as a list of all objects leaves it.
pub(super) fn check_cache(world: &mut World, kinds: &BTreeSet<Kind>, cache: &ManagedCache) {
    let mut listed = ManagedCache::default();
    for kind in kinds {
        for event in world.relist(*kind) {
            listed.apply_event((*kind, Ok(event)));
        }
    }
    let objects = |cache: &ManagedCache| {
        let keys: Vec<ObjectRef> = cache.refs_in_namespaces(|_| true).cloned().collect();
        keys.into_iter().map(|key| (cache.get(&key).cloned(), key)).collect::<Vec<_>>()
    };
    assert_eq!(objects(cache), objects(&listed), "events, and a list");
}
