//! The targets and the objects that must exist.

use super::super::target::Target;
use crate::baseline::Manifest;
use crate::snapshot::Snapshot;

/// Returns every target that has a baseline.
pub(super) fn targets(snapshot: &Snapshot) -> Vec<Target> {
    let mut targets = vec![Target::Cluster];
    for tenant in snapshot.tenants().filter(|tenant| !tenant.is_observed()) {
        targets.push(Target::Tenant(tenant.name.clone()));
        let namespaces = snapshot.namespaces_of(&tenant.name);
        targets.extend(namespaces.map(|namespace| Target::of_namespace(&tenant.name, namespace)));
    }
    targets.extend(snapshot.accepted_services().map(|service| Target::Service(service.name.clone())));
    targets
}

/// Returns every object that must exist, with its target.
pub(super) fn expected_objects(snapshot: &Snapshot) -> Vec<(Target, Manifest)> {
    let with_objects = |target: Target| {
        let manifests = target.manifests(snapshot).into_iter();
        manifests.map(move |manifest| (target.clone(), manifest))
    };
    targets(snapshot).into_iter().flat_map(with_objects).collect()
}
