use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;

use super::World;
use super::names::{bears_name_of, begins_with_name};
use crate::settings::Settings;

/// Names of tenants and their namespaces, in use or reserved after deletion. Mesh certificates identify workloads
/// by name only and stay valid after deletion, so a name is reserved for its former tenant until the longest-lived
/// certificate has expired.
///
/// A ConfigMap stores one key per name: `tenant.NAME` for a tenant that had namespaces, `namespace.NAME` for a
/// namespace that is not named after its tenant. The value is the tenant, the namespace's UID and the time of
/// deletion, as far as they exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retired(BTreeMap<String, Name>);

/// The tenant that has or had a name, the UID of the namespace, and the time of deletion in seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Name {
    tenant: String,
    uid: Option<String>,
    gone: Option<i64>,
}

/// Name of that ConfigMap.
pub const RETIRED: &str = "bulkhead-retired";

fn of_tenant(name: &str) -> String {
    format!("tenant.{name}")
}

fn of_namespace(name: &str) -> String {
    format!("namespace.{name}")
}

impl Retired {
    /// Parses the data of the ConfigMap. An unreadable value counts as deleted at an unknown time.
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

    /// Returns the data of the ConfigMap.
    pub fn write(&self) -> BTreeMap<String, String> {
        let text = |name: &Name| {
            let gone =
                name.gone.and_then(|gone| Timestamp::from_second(gone).ok()).map(|gone| gone.to_string());
            let words = [Some(name.tenant.clone()), name.uid.clone(), gone];
            words.into_iter().flatten().collect::<Vec<_>>().join(" ")
        };
        self.0.iter().map(|(key, name)| (key.clone(), text(name))).collect()
    }

    /// Returns the names to keep at `now`: those in use, and deleted ones until the longest-lived certificate has
    /// expired.
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
            // A tenant still exists while it has no namespace.
            let is_there = key.strip_prefix("tenant.").is_some_and(|name| world.tenant(name).is_some());
            let gone = if is_there { None } else { Some(name.gone.unwrap_or(now)) };
            (!is_over(gone, &world.settings, now)).then(|| (key.clone(), Name { gone, ..name.clone() }))
        });
        let mut all: BTreeMap<String, Name> = gone.collect();
        all.extend(living);
        Self(all)
    }

    /// Returns a deleted tenant whose namespaces could have had the same names as those of `tenant`.
    pub fn like_tenant<'r>(&'r self, world: &'r World, tenant: &str) -> Option<Before<'r>> {
        let overlaps = |before: &Before<'_>| {
            begins_with_name(before.tenant, tenant) || begins_with_name(tenant, before.tenant)
        };
        self.gone_tenants(world).find(overlaps)
    }

    /// Returns the former tenant of the namespace `name`, or a deleted tenant whose name it has, if that is not
    /// `tenant`.
    pub fn like_namespace<'r>(&'r self, world: &'r World, name: &str, tenant: &str) -> Option<Before<'r>> {
        let own = self.0.get_key_value(&of_namespace(name));
        let own = own.map(|(key, known)| known.before(key));
        let borne = self.gone_tenants(world).find(|before| bears_name_of(name, before.tenant));
        own.into_iter().chain(borne).find(|before| before.tenant != tenant)
    }

    /// Returns every tenant that had namespaces and of which `world` contains neither the tenant nor a namespace.
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

/// A reserved name and its former tenant.
#[derive(Clone, Copy, Debug)]
pub struct Before<'r> {
    pub tenant: &'r str,
    /// UID of the namespace that had the name; a newer namespace may have it now.
    pub uid: Option<&'r str>,
    /// Time of deletion in seconds since 1970, if the controller has recorded it.
    pub gone: Option<i64>,
    /// Key in the ConfigMap.
    pub key: &'r str,
}

/// True if at `now` every certificate for the name has expired.
pub fn is_over(gone: Option<i64>, settings: &Settings, now: i64) -> bool {
    gone.is_some_and(|gone| gone.saturating_add(settings.certificate_life) < now)
}
