//! Where parts of the baseline belong, and whether they stand there.

use std::collections::BTreeMap;

use super::kept::Kept;
use crate::baseline::{
    Kind, Label, Manifest, desired, desired_of_tenant, differences, is_baseline, labels, lacking,
    tenant_of_object,
};
use crate::world::{self, TENANT_LABEL, Witness, World};

/// Where a part of the baseline belongs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Namespace {
        tenant: String,
        namespace: String,
    },
    /// What a tenant has beyond its namespaces.
    Tenant(String),
    /// A namespace that is said to be ready, and whose tenant is observed.
    Undone(String),
    /// An object, by kind, namespace (none for one of the cluster) and name, whose tenant is gone or observed.
    Leftover(Kind, String, String),
}

/// By what a place was found standing: a witness of the world, and the version of what is kept there.
type Seen = (Witness, (usize, u64));

/// The places that were found standing, and need no other look while nothing changes that they stand by.
#[derive(Default)]
pub(super) struct Standing(BTreeMap<Place, Seen>);

impl Standing {
    /// Every place that does not stand, first those that are new: their pods wait.
    pub(super) fn fallen(
        &mut self,
        world: &World,
        kept: &Kept,
        told: &BTreeMap<Place, String>,
    ) -> Vec<Place> {
        let mut stands = BTreeMap::new();
        let mut fallen = leftovers(world, kept);
        let mut look = |place: Place, seen: Seen| {
            let known = self.0.remove(&place).is_some_and(|known| known == seen);
            if known || place.stands(world, kept, told.contains_key(&place)) {
                stands.insert(place, seen);
            } else {
                fallen.push(place);
            }
        };
        for tenant in world.tenants().filter(|tenant| !tenant.is_observed()) {
            let witness = world.witness(&tenant.name);
            for namespace in world.namespaces_of(&tenant.name) {
                let place = Place::Namespace { tenant: tenant.name.clone(), namespace: namespace.to_owned() };
                let seen = (witness.of_namespace(world, namespace), kept.version_of_namespace(namespace));
                look(place, seen);
            }
            look(Place::Tenant(tenant.name.clone()), (witness, kept.version_of_tenant(&tenant.name)));
        }
        self.0 = stands;
        fallen.sort_by_cached_key(|place| place.namespace(world).is_none_or(|namespace| namespace.ready));
        fallen
    }
}

/// What tenants have from before that are gone or observed.
fn leftovers(world: &World, kept: &Kept) -> Vec<Place> {
    let mut places = Vec::new();
    let has_none = |tenant: &str| world.tenant(tenant).is_none_or(world::Tenant::is_observed);
    for kind in [Kind::ClusterRole, Kind::ClusterRoleBinding] {
        let leftovers = kept.names(kind, "").filter(|name| tenant_of_object(name).is_some_and(has_none));
        places.extend(leftovers.map(|name| Place::Leftover(kind, String::new(), name.to_owned())));
    }
    let observed = world.tenants().filter(|tenant| tenant.is_observed());
    for namespace in observed.flat_map(|tenant| world.namespaces_of(&tenant.name)) {
        if world.namespace(namespace).is_some_and(|known| known.ready) {
            places.push(Place::Undone(namespace.to_owned()));
        }
        for kind in Kind::ALL {
            let leftovers = kept.names(*kind, namespace).filter(|name| is_baseline(*kind, name));
            let leftover = |name: &str| Place::Leftover(*kind, namespace.to_owned(), name.to_owned());
            places.extend(leftovers.map(leftover));
        }
    }
    places.retain(|place| place.namespace(world).is_none_or(|namespace| !namespace.terminating));
    places
}

impl Place {
    pub(super) fn namespace<'w>(&self, world: &'w World) -> Option<&'w world::Namespace> {
        match self {
            Self::Namespace { namespace, .. } | Self::Undone(namespace) => world.namespace(namespace),
            Self::Tenant(_) | Self::Leftover(..) => None,
        }
    }

    /// The namespace that must still be told to be ready, unless it is one too many.
    pub(super) fn to_tell<'w>(&self, world: &'w World) -> Option<&'w world::Namespace> {
        match self {
            Self::Namespace { namespace, .. } if world.is_over_limit(namespace) => None,
            Self::Namespace { .. } => self.namespace(world).filter(|namespace| !namespace.ready),
            Self::Tenant(_) | Self::Undone(_) | Self::Leftover(..) => None,
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
            Self::Undone(_) | Self::Leftover(..) => Vec::new(),
        }
    }

    /// The labels that the namespace must still get.
    pub(super) fn labels<'w>(&self, world: &'w World) -> Vec<Label<'w>> {
        self.namespace(world).map(|namespace| self.lacking(world, namespace)).unwrap_or_default()
    }

    /// The labels that the namespace lacks, if it is the tenant's whose place this is.
    pub(super) fn lacking<'w>(&self, world: &'w World, namespace: &world::Namespace) -> Vec<Label<'w>> {
        let Self::Namespace { tenant, .. } = self else { return Vec::new() };
        if namespace.tenant.as_ref() != Some(tenant) {
            return Vec::new();
        }
        let has = |key: &str| key == TENANT_LABEL || namespace.label(key).is_some();
        let tenant = world.tenant(tenant).into_iter();
        lacking(tenant.flat_map(|tenant| labels(&world.settings, tenant)), |label| label.key, has).collect()
    }

    /// Whether there is nothing to do.
    fn stands(&self, world: &World, kept: &Kept, told: bool) -> bool {
        if self.namespace(world).is_some_and(|namespace| namespace.terminating) {
            return true;
        }
        if !self.labels(world).is_empty() || (!told && self.to_tell(world).is_some()) {
            return false;
        }
        self.manifests(world).iter().all(|manifest| is_kept(manifest, kept))
    }
}

pub(super) fn is_kept(manifest: &Manifest, kept: &Kept) -> bool {
    let namespace = manifest.namespace.as_deref().unwrap_or_default();
    kept.get(manifest.kind, namespace, &manifest.name)
        .is_some_and(|found| differences(&manifest.object, found).is_empty())
}
