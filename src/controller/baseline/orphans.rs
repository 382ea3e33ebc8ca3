//! Orphans: objects in the cluster that no target contains any more, and namespaces that are wrongly marked ready.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::cache::ManagedCache;
use super::object_ref::ObjectRef;
use super::target::Target;
use crate::baseline::{is_baseline_name, is_cluster_object_name, tenant_of_cluster_object, waypoint_name};
use crate::keys::GATEWAY_NAME_LABEL;
use crate::kinds::Kind;
use crate::snapshot::{self, NamespaceOwner, SharedService, Snapshot};

/// Returns the cached baseline objects of a tenant's namespace, without those that Bulkhead manages only in part.
pub(super) fn baseline_objects_in(cache: &ManagedCache, namespace: &str) -> impl Iterator<Item = ObjectRef> {
    let kinds = Kind::all_managed().filter(|kind| !kind.is_partly_managed());
    kinds.flat_map(move |kind| {
        let names = cache.names(kind, namespace).filter(move |name| is_baseline_name(kind, name));
        names.map(move |name| ObjectRef::new(kind, namespace, name))
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
    let object = cache.get(key)?;
    if let Some(waypoint) = selected_waypoint(key, object) {
        let is_wanted = |service: &SharedService| {
            service.namespace == key.namespace
                && waypoint_name(&snapshot.settings, service).as_deref() == Some(waypoint)
        };
        return (!snapshot.accepted_services().any(is_wanted))
            .then(|| BTreeMap::from([(GATEWAY_NAME_LABEL.to_owned(), waypoint.to_owned())]));
    }
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

/// Returns the waypoint whose requests or packets the object judges. Without it the waypoint would forward every request
/// until its pods are gone, and the service's pods accept its account.
fn selected_waypoint<'o>(key: &ObjectRef, object: &'o Value) -> Option<&'o str> {
    let target = object.pointer("/spec/targetRefs/0/name");
    let labels = object.pointer("/spec/podSelector/matchLabels");
    let selected = labels.and_then(|labels| labels.get(GATEWAY_NAME_LABEL)).filter(|name| **name == key.name);
    target.or(selected)?.as_str()
}

/// True if a change of objects in `namespace` can make or remove an orphan.
pub(super) fn may_have_orphans(snapshot: &Snapshot, namespace: &str) -> bool {
    let is_observed =
        matches!(snapshot.owner(namespace), Some(NamespaceOwner::Tenant(tenant)) if tenant.is_observed());
    is_observed || is_platform_namespace(snapshot, namespace)
}

/// Returns the orphans: objects of tenants that no longer exist or are observed, objects that shared services have left
/// behind, and namespaces of observed tenants that are still marked ready.
pub(super) fn find_orphans(snapshot: &Snapshot, cache: &ManagedCache) -> BTreeSet<Target> {
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
    targets.extend(left_behind.cloned().map(Target::Orphan));
    let observed = snapshot.tenants().filter(|tenant| tenant.is_observed());
    for namespace in observed.flat_map(|tenant| snapshot.namespaces_of(&tenant.name)) {
        if snapshot.namespace(namespace).is_some_and(|known| known.ready) {
            targets.push(Target::RevokeReady(namespace.to_owned()));
        }
        targets.extend(baseline_objects_in(cache, namespace).map(Target::Orphan));
    }
    targets.retain(|target| target.namespace(snapshot).is_none_or(|namespace| !namespace.terminating));
    targets.into_iter().collect()
}
