use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;

use super::World;
use super::names::{bears_name_of, begins_with_name};
use crate::settings::Settings;

/// Names that were a tenant's. A certificate of the mesh speaks of names alone and outlives what bore them, so
/// none of them may become another tenant's while one can live. Kept in a ConfigMap, a key a name:
/// `tenant.NAME` for a tenant that had namespaces, `namespace.NAME` for a namespace that does not bear its
/// tenant's name. A value is the tenant, the namespace's uid, and the time it is gone since, as far as there are any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retired(BTreeMap<String, Name>);

/// The tenant a name was of, the namespace that bore it, and since when it is no more, in seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Name {
    tenant: String,
    uid: Option<String>,
    gone: Option<i64>,
}

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
            let mut name = Name::default();
            let mut words = text.split_whitespace();
            words.next().unwrap_or_default().clone_into(&mut name.tenant);
            for word in words {
                match word.parse::<Timestamp>() {
                    Ok(gone) => name.gone = Some(gone.as_second()),
                    Err(_) => name.uid = Some(word.to_owned()),
                }
            }
            name
        };
        Self(data.iter().map(|(key, text)| (key.clone(), name(text))).collect())
    }

    /// As the data of the ConfigMap.
    pub fn write(&self) -> BTreeMap<String, String> {
        let text = |name: &Name| {
            let gone =
                name.gone.and_then(|gone| Timestamp::from_second(gone).ok()).map(|gone| gone.to_string());
            let words = [Some(name.tenant.clone()), name.uid.clone(), gone];
            words.into_iter().flatten().collect::<Vec<_>>().join(" ")
        };
        self.0.iter().map(|(key, name)| (key.clone(), text(name))).collect()
    }

    /// What is to be kept at `now`: what bears a tenant's name, and what did since a certificate's longest life.
    #[must_use]
    pub fn next(&self, world: &World, now: i64) -> Self {
        let living = world.labelled().flat_map(|(tenant, namespaces)| {
            let foreign = namespaces.iter().filter(|name| !bears_name_of(name, tenant));
            let uid = |name| world.namespace(name).map(|known| known.uid.clone());
            let name = |uid| Name { tenant: tenant.to_owned(), uid, gone: None };
            let foreign = foreign.map(move |namespace| (of_namespace(namespace), name(uid(namespace))));
            foreign.chain([(of_tenant(tenant), name(None))])
        });
        let gone = self.0.iter().filter_map(|(key, name)| {
            // A tenant without a namespace is still there.
            let is_there = key.strip_prefix("tenant.").is_some_and(|name| world.tenant(name).is_some());
            let gone = if is_there { None } else { Some(name.gone.unwrap_or(now)) };
            (!is_over(gone, &world.settings, now)).then(|| (key.clone(), Name { gone, ..name.clone() }))
        });
        let mut all: BTreeMap<String, Name> = gone.collect();
        all.extend(living);
        Self(all)
    }

    /// The tenant that is gone and whose namespaces could have borne the names of those of `tenant`.
    pub fn like_tenant<'r>(&'r self, world: &'r World, tenant: &str) -> Option<Before<'r>> {
        let overlaps = |before: &Before<'_>| {
            begins_with_name(before.tenant, tenant) || begins_with_name(tenant, before.tenant)
        };
        self.gone_tenants(world).find(overlaps)
    }

    /// The tenant, other than `tenant`, that the namespace `name` was of or that is gone and whose name it bears.
    pub fn like_namespace<'r>(&'r self, world: &'r World, name: &str, tenant: &str) -> Option<Before<'r>> {
        let own = self.0.get_key_value(&of_namespace(name));
        let own = own.map(|(key, known)| known.before(key));
        let borne = self.gone_tenants(world).find(|before| bears_name_of(name, before.tenant));
        own.into_iter().chain(borne).find(|before| before.tenant != tenant)
    }

    /// Every tenant that had namespaces and is not there in `world`.
    fn gone_tenants<'r>(&'r self, world: &'r World) -> impl Iterator<Item = Before<'r>> {
        let tenants = self.0.iter().filter_map(|(key, known)| {
            Some(Before { tenant: key.strip_prefix("tenant.")?, ..known.before(key) })
        });
        tenants.filter(|before| {
            world.tenant(before.tenant).is_none() && world.namespaces_of(before.tenant).next().is_none()
        })
    }
}

impl Name {
    fn before<'r>(&'r self, key: &'r str) -> Before<'r> {
        Before { tenant: &self.tenant, uid: self.uid.as_deref(), gone: self.gone, key }
    }
}

/// Whose a name was.
#[derive(Clone, Copy, Debug)]
pub struct Before<'r> {
    pub tenant: &'r str,
    /// The namespace that bore it: another one may be called so now.
    pub uid: Option<&'r str>,
    /// Since when it is gone, in seconds since 1970, if somebody has noted that.
    pub gone: Option<i64>,
    /// The key in the ConfigMap.
    pub key: &'r str,
}

/// Whether no certificate in a name can live any more at `now`.
pub fn is_over(gone: Option<i64>, settings: &Settings, now: i64) -> bool {
    gone.is_some_and(|gone| gone.saturating_add(settings.certificate_life) < now)
}
