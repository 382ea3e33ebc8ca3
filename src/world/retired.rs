use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;

use super::World;

/// Names that were a tenant's. A certificate of the mesh speaks of names alone and outlives what bore them, so
/// none of them may become another tenant's while one can live. Kept in a ConfigMap, a key a name:
/// `tenant.NAME` for a tenant that had namespaces, `namespace.NAME` for a namespace that does not bear its
/// tenant's name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retired(BTreeMap<String, Name>);

/// The tenant a name was of, and since when it is no more, in seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    tenant: String,
    gone: Option<i64>,
}

/// The name of the ConfigMap.
pub const RETIRED: &str = "bulkhead-retired";

fn of_tenant(name: &str) -> String {
    format!("tenant.{name}")
}

fn of_namespace(name: &str) -> String {
    format!("namespace.{name}")
}

impl Retired {
    /// From the data of the ConfigMap; what cannot be read counts as gone at no known time.
    pub fn read(data: &BTreeMap<String, String>) -> Self {
        let name = |text: &String| {
            let (tenant, gone) = text.split_once(' ').map_or((text.as_str(), None), |(tenant, gone)| {
                (tenant, gone.parse::<Timestamp>().ok().map(Timestamp::as_second))
            });
            Name { tenant: tenant.to_owned(), gone }
        };
        Self(data.iter().map(|(key, text)| (key.clone(), name(text))).collect())
    }

    /// As the data of the ConfigMap.
    pub fn write(&self) -> BTreeMap<String, String> {
        let text = |name: &Name| match name.gone.and_then(|gone| Timestamp::from_second(gone).ok()) {
            Some(gone) => format!("{} {gone}", name.tenant),
            None => name.tenant.clone(),
        };
        self.0.iter().map(|(key, name)| (key.clone(), text(name))).collect()
    }

    /// What is to be kept at `now`: what bears a tenant's name, and what did since a certificate's longest life.
    #[must_use]
    pub fn next(&self, world: &World, now: i64) -> Self {
        let living = world.labelled().flat_map(|(tenant, namespaces)| {
            let foreign = namespaces.iter().filter(|name| !super::bears_name_of(name, tenant));
            let foreign = foreign.map(move |name| (of_namespace(name), tenant));
            foreign.chain([(of_tenant(tenant), tenant)])
        });
        let living = living.map(|(key, tenant)| (key, Name { tenant: tenant.to_owned(), gone: None }));
        let living: BTreeMap<String, Name> = living.collect();
        let gone = self.0.iter().filter_map(|(key, name)| {
            // A tenant without a namespace is still there.
            let is_there = key.strip_prefix("tenant.").is_some_and(|name| world.tenant(name).is_some());
            let gone = if is_there { None } else { Some(name.gone.unwrap_or(now)) };
            let is_over = gone.is_some_and(|gone| gone.saturating_add(world.settings.certificate_life) < now);
            (!is_over).then(|| (key.clone(), Name { gone, ..name.clone() }))
        });
        let mut all: BTreeMap<String, Name> = gone.collect();
        all.extend(living);
        Self(all)
    }

    /// Every tenant that had namespaces and is there no more in `world`, by name, and since when it is gone, if
    /// somebody has noted that.
    fn gone_tenants<'r>(&'r self, world: &'r World) -> impl Iterator<Item = (&'r str, Option<i64>)> {
        let tenants =
            self.0.iter().filter_map(|(key, known)| Some((key.strip_prefix("tenant.")?, known.gone)));
        tenants.filter(|(name, _)| world.tenant(name).is_none() && world.namespaces_of(name).next().is_none())
    }

    /// The tenant that is gone and whose namespaces could have borne the names of those of `tenant`.
    pub fn like_tenant<'r>(&'r self, world: &'r World, tenant: &str) -> Option<(&'r str, Option<i64>)> {
        let overlaps = |one: &str, other: &str| {
            other.strip_prefix(one).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        self.gone_tenants(world).find(|(name, _)| overlaps(name, tenant) || overlaps(tenant, name))
    }

    /// The tenant, other than `tenant`, that the namespace `name` was of or that is gone and whose name it bears, and
    /// since when.
    pub fn like_namespace<'r>(
        &'r self,
        world: &'r World,
        name: &str,
        tenant: &str,
    ) -> Option<(&'r str, Option<i64>)> {
        let own = self.0.get(&of_namespace(name)).map(|known| (known.tenant.as_str(), known.gone));
        let borne = self.gone_tenants(world).find(|(gone, _)| super::bears_name_of(name, gone));
        own.into_iter().chain(borne).find(|(before, _)| *before != tenant)
    }

    pub fn knows_namespace(&self, name: &str) -> bool {
        self.0.contains_key(&of_namespace(name))
    }

    /// The key under which the name of a tenant is kept.
    pub fn key_of_tenant(name: &str) -> String {
        of_tenant(name)
    }

    /// The key under which the name of a namespace is kept.
    pub fn key_of_namespace(name: &str) -> String {
        of_namespace(name)
    }
}
