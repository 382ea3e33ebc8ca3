//! Targets of reconciliation, and the comparison of their wanted objects with those in the cache.
//!
//! Decides what to write and what to delete in a target, and performs no I/O.

use std::collections::BTreeSet;

use super::denial::Denial;
use super::kept::{Kept, Key};
use super::write::Change;
use crate::baseline::{
    DENY_ALL, Kind, Label, Manifest, QUOTA, desired, desired_of_cluster, desired_of_platform,
    desired_of_service, desired_of_tenant, differences, is_baseline, is_of_the_cluster, labels, lacking,
    tenant_of_object,
};
use crate::world::{self, Owner, TENANT_LABEL, World};

/// The subject of one reconcile: a group of baseline objects, or an orphan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
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
    Undone(String),
    /// An object to delete, because its tenant no longer exists or is observed.
    Leftover(Key),
}

/// Returns the cached baseline objects of a tenant's namespace, without those that Bulkhead manages only in part.
pub(super) fn of_the_baseline<'k>(
    kept: &'k Kept,
    namespace: &'k str,
) -> impl Iterator<Item = (Kind, &'k str)> {
    let kinds = Kind::ALL.iter().copied().filter(|kind| !kind.is_shared());
    kinds.flat_map(move |kind| {
        kept.names(kind, namespace).filter(move |name| is_baseline(kind, name)).map(move |name| (kind, name))
    })
}

/// True if `namespace` is empty, as it is for cluster-wide objects, or is listed in the settings, or has no tenant
/// label.
pub(super) fn is_platforms(world: &World, namespace: &str) -> bool {
    let owner = world.owner(namespace);
    namespace.is_empty() || matches!(owner, Some(Owner::Platform | Owner::Shared | Owner::Unowned))
}

impl Place {
    pub(super) fn of_namespace(tenant: &str, namespace: &str) -> Self {
        Self::Namespace { tenant: tenant.to_owned(), namespace: namespace.to_owned() }
    }

    pub(super) fn namespace<'w>(&self, world: &'w World) -> Option<&'w world::Namespace> {
        match self {
            Self::Namespace { namespace, .. } | Self::Undone(namespace) => world.namespace(namespace),
            Self::Tenant(_) | Self::Service(_) | Self::Cluster | Self::Leftover(..) => None,
        }
    }

    /// Returns the namespace if it must still be marked ready. A namespace over the limit of its tenant is never
    /// marked.
    pub(super) fn to_tell<'w>(&self, world: &'w World) -> Option<&'w world::Namespace> {
        match self {
            Self::Namespace { namespace, .. } if !world.is_over_limit(namespace) => {
                self.namespace(world).filter(|namespace| !namespace.ready && !namespace.terminating)
            }
            _ => None,
        }
    }

    /// True if the target is a ready namespace, to which the complete baseline was applied before.
    pub(super) fn has_stood(&self, world: &World) -> bool {
        match self {
            Self::Namespace { .. } => self.namespace(world).is_some_and(|namespace| namespace.ready),
            _ => false,
        }
    }

    /// True if the controller may replace objects from before the baseline, because the platform has set
    /// `acknowledgedFindings` in the Tenant.
    pub(super) fn is_acknowledged(&self, world: &World) -> bool {
        match self {
            Self::Namespace { tenant, .. } => {
                world.tenant(tenant).is_some_and(|tenant| tenant.is_acknowledged)
            }
            _ => false,
        }
    }

    /// Returns the tenant that the target belongs to, or an empty string.
    pub(super) fn party(&self) -> &str {
        match self {
            Self::Namespace { tenant, .. } | Self::Tenant(tenant) => tenant,
            Self::Service(_) | Self::Cluster | Self::Undone(_) | Self::Leftover(_) => "",
        }
    }

    pub(super) fn manifests(&self, world: &World) -> Vec<Manifest> {
        match self {
            Self::Namespace { tenant, namespace } => world
                .tenant(tenant)
                .map(|tenant| desired(world, tenant, namespace).collect())
                .unwrap_or_default(),
            Self::Tenant(name) => {
                world.tenant(name).into_iter().flat_map(|tenant| desired_of_tenant(world, tenant)).collect()
            }
            Self::Service(name) => {
                let service = world.shared_service(name).into_iter();
                service.flat_map(|service| desired_of_service(world, service)).collect()
            }
            Self::Cluster => desired_of_cluster(world),
            Self::Undone(_) | Self::Leftover(..) => Vec::new(),
        }
    }

    /// Returns the objects to delete: those that exist but are not in `manifests`, such as objects of an older
    /// baseline or of a revoked grant.
    pub(super) fn surplus(&self, manifests: &[Manifest], world: &World, kept: &Kept) -> Vec<Key> {
        let wanted: BTreeSet<Key> = match self {
            Self::Cluster => desired_of_platform(world).map(|manifest| Key::of(&manifest)).collect(),
            _ => manifests.iter().map(Key::of).collect(),
        };
        let there: Vec<Key> = match self {
            Self::Namespace { namespace, .. } => {
                let there = of_the_baseline(kept, namespace);
                there.map(|(kind, name)| Key::new(kind, namespace, name)).collect()
            }
            Self::Tenant(tenant) => {
                let of_kind = |kind: &Kind| {
                    let kind = *kind;
                    let names =
                        kept.names(kind, "").filter(move |name| tenant_of_object(kind, name) == Some(tenant));
                    names.map(move |name| Key::new(kind, "", name))
                };
                Kind::ALL.iter().flat_map(of_kind).collect()
            }
            Self::Cluster => {
                let missing = wanted.iter().filter(|key| kept.at(key).is_none());
                let missing: BTreeSet<&str> = missing.map(|key| key.namespace.as_str()).collect();
                // An old policy is deleted only after all wanted objects of its namespace exist.
                let may_go = |key: &Key| key.name == DENY_ALL || !missing.contains(key.namespace.as_str());
                let goes = |key: &Key| is_of_the_cluster(key.kind, &key.name) && may_go(key);
                kept.within(|namespace| is_platforms(world, namespace)).filter(goes).collect()
            }
            Self::Leftover(key) => vec![key.clone()],
            Self::Service(_) | Self::Undone(_) => Vec::new(),
        };
        let mut surplus: Vec<Key> = there.into_iter().filter(|key| !wanted.contains(key)).collect();
        // Deny-all is deleted before the policies that allow.
        surplus.sort_by_key(|key| key.name != DENY_ALL);
        surplus
    }

    /// Returns the labels that the target must still add to its namespace.
    pub(super) fn labels<'w>(&self, world: &'w World) -> Vec<Label<'w>> {
        self.namespace(world).map(|namespace| self.lacking(world, namespace)).unwrap_or_default()
    }

    /// Returns the labels that `namespace` lacks, if it belongs to this target's tenant.
    pub(super) fn lacking<'w>(&self, world: &'w World, namespace: &world::Namespace) -> Vec<Label<'w>> {
        let Self::Namespace { tenant, .. } = self else { return Vec::new() };
        if namespace.tenant.as_ref() != Some(tenant) || namespace.terminating {
            return Vec::new();
        }
        let has = |key: &str| key == TENANT_LABEL || namespace.label(key).is_some();
        let tenant = world.tenant(tenant).into_iter();
        lacking(tenant.flat_map(|tenant| labels(&world.settings, tenant)), |label| label.key, has).collect()
    }

    /// Returns the objects that differ from the wanted ones, in the order in which they are written.
    pub(super) fn changes(&self, manifests: Vec<Manifest>, world: &World, kept: &Kept) -> Vec<Change> {
        // Kubernetes creates no objects in a terminating namespace.
        let is_ending = self.is_ending(world);
        let change = |manifest: Manifest| match kept.of(&manifest) {
            None => (!is_ending).then_some(Change { manifest, is_known: false }),
            Some(found) => {
                let is_right = differences(manifest.kind, &manifest.object, found).is_empty();
                (!is_right).then_some(Change { manifest, is_known: true })
            }
        };
        let mut changes: Vec<Change> = manifests.into_iter().filter_map(change).collect();
        if *self == Self::Cluster && Denial::of(world, kept) == Denial::Goes {
            changes.sort_by_key(|change| change.manifest.name != DENY_ALL);
        }
        changes
    }

    /// True if `change` is written even after an earlier write has failed.
    pub(super) fn goes_on_with(&self, change: &Change) -> bool {
        match self {
            // Deny-all requires the policies that allow.
            Self::Cluster => false,
            // A new policy that allows requires the policies that deny. An existing one is updated in any case.
            Self::Namespace { .. } | Self::Service(_) => change.is_known,
            Self::Tenant(_) | Self::Undone(_) | Self::Leftover(_) => true,
        }
    }

    /// True if the object is deleted even after an earlier write or delete has failed.
    pub(super) fn goes_on_without(&self, key: &Key) -> bool {
        *self != Self::Cluster || key.name == DENY_ALL
    }

    fn is_ending(&self, world: &World) -> bool {
        self.namespace(world).is_some_and(|namespace| namespace.terminating)
    }

    /// True if the target is in sync.
    pub(super) fn stands(&self, world: &World, kept: &Kept, told: bool) -> bool {
        let must_tell = !told && self.to_tell(world).is_some() && self.is_counted(kept);
        if must_tell || !self.labels(world).is_empty() {
            return false;
        }
        let manifests = self.manifests(world);
        self.surplus(&manifests, world, kept).is_empty() && self.changes(manifests, world, kept).is_empty()
    }

    /// True if the quota controller has computed the usage of the namespace. Until then, Kubernetes refuses to create
    /// the objects that the quota counts.
    pub(super) fn is_counted(&self, kept: &Kept) -> bool {
        match self {
            Self::Namespace { namespace, .. } => kept.is_counted(namespace, QUOTA),
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
    use crate::world::{Facts, Namespace};

    fn allows(name: &str) -> DynamicObject {
        let metadata = ObjectMeta {
            namespace: Some("edge".to_owned()),
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        };
        DynamicObject { types: None, metadata, data: json!({}) }
    }

    #[test]
    fn what_lets_through_goes_once_what_takes_its_place_is_there() -> anyhow::Result<()> {
        let file: File = serde_json::from_value(json!({
            "meshWide": { "manage": true, "denyAll": "Enforce" },
            "gateways": [{ "name": "edge/new", "serviceAccount": "new", "selector": { "app": "new" } }],
        }))?;
        let edge = ("edge".into(), Arc::new(Namespace::default()));
        let facts = Facts { namespaces: vec![edge], ..Facts::default() };
        let world = World::new(Arc::new(Settings::try_from(file)?), facts);
        let mut kept = Kept::default();
        kept.take((Kind::AuthorizationPolicy, Ok(Event::Apply(allows("bulkhead-gateway-old")))));
        let manifests = Place::Cluster.manifests(&world);
        assert_eq!(Place::Cluster.surplus(&manifests, &world, &kept), []);
        kept.take((Kind::AuthorizationPolicy, Ok(Event::Apply(allows("bulkhead-gateway-new")))));
        let old = Key::new(Kind::AuthorizationPolicy, "edge", "bulkhead-gateway-old");
        assert_eq!(Place::Cluster.surplus(&manifests, &world, &kept), [old]);
        Ok(())
    }
}
