use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;

use super::Snapshot;
use super::namespace_names::{is_name_or_dashed, is_named_for};
use crate::settings::Settings;

/// Names that were a tenant's. A certificate of the mesh speaks of names alone and outlives what bore them, so
/// none of them may become another tenant's while one can live. Kept in a ConfigMap, a key a name:
/// `tenant.NAME` for a tenant that had namespaces, `namespace.NAME` for a namespace that does not bear its
/// tenant's name. A value is the tenant, the namespace's uid, and the time it is gone since, as far as there are any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReservedNames(BTreeMap<String, Reservation>);

/// The tenant a name was of, the namespace that bore it, and since when it is no more, in seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Reservation {
    tenant: String,
    uid: Option<String>,
    released_at: Option<i64>,
}

pub const RESERVED_NAMES_CONFIG_MAP: &str = "bulkhead-retired";

fn tenant_key(name: &str) -> String {
    format!("tenant.{name}")
}

fn namespace_key(name: &str) -> String {
    format!("namespace.{name}")
}

impl ReservedNames {
    /// From the data of the ConfigMap; what cannot be read counts as gone at no known time.
    pub fn from_data(data: &BTreeMap<String, String>) -> Self {
        let name = |text: &String| {
            let mut name = Reservation::default();
            let mut words = text.split_whitespace();
            words.next().unwrap_or_default().clone_into(&mut name.tenant);
            for word in words {
                match word.parse::<Timestamp>() {
                    Ok(released_at) => name.released_at = Some(released_at.as_second()),
                    Err(_) => name.uid = Some(word.to_owned()),
                }
            }
            name
        };
        Self(data.iter().map(|(key, text)| (key.clone(), name(text))).collect())
    }

    /// As the data of the ConfigMap.
    pub fn to_data(&self) -> BTreeMap<String, String> {
        let text = |name: &Reservation| {
            let released_at = name
                .released_at
                .and_then(|released_at| Timestamp::from_second(released_at).ok())
                .map(|released_at| released_at.to_string());
            let words = [Some(name.tenant.clone()), name.uid.clone(), released_at];
            words.into_iter().flatten().collect::<Vec<_>>().join(" ")
        };
        self.0.iter().map(|(key, name)| (key.clone(), text(name))).collect()
    }

    /// What is to be kept at `now`: what bears a tenant's name, and what did since a certificate's longest life.
    #[must_use]
    pub fn updated(&self, snapshot: &Snapshot, now: i64) -> Self {
        let in_use = snapshot.namespaces_by_tenant_label().flat_map(|(tenant, namespaces)| {
            let foreign = namespaces.iter().filter(|name| !is_named_for(name, tenant));
            let uid = |name| snapshot.namespace(name).map(|known| known.uid.clone());
            let name = |uid| Reservation { tenant: tenant.to_owned(), uid, released_at: None };
            let foreign = foreign.map(move |namespace| (namespace_key(namespace), name(uid(namespace))));
            foreign.chain([(tenant_key(tenant), name(None))])
        });
        let released = self.0.iter().filter_map(|(key, name)| {
            // A tenant without a namespace is still there.
            let exists = key.strip_prefix("tenant.").is_some_and(|name| snapshot.tenant(name).is_some());
            let released_at = if exists { None } else { Some(name.released_at.unwrap_or(now)) };
            (!has_expired(released_at, &snapshot.settings, now))
                .then(|| (key.clone(), Reservation { released_at, ..name.clone() }))
        });
        let mut names: BTreeMap<String, Reservation> = released.collect();
        names.extend(in_use);
        Self(names)
    }

    /// The tenant that is gone and whose namespaces could have borne the names of those of `tenant`.
    pub fn conflict_for_tenant<'r>(
        &'r self,
        snapshot: &'r Snapshot,
        tenant: &str,
    ) -> Option<ReservedName<'r>> {
        let overlaps = |reserved: &ReservedName<'_>| {
            is_name_or_dashed(reserved.tenant, tenant) || is_name_or_dashed(tenant, reserved.tenant)
        };
        self.deleted_tenants(snapshot).find(overlaps)
    }

    /// The tenant, other than `tenant`, that the namespace `name` was of or that is gone and whose name it bears.
    pub fn conflict_for_namespace<'r>(
        &'r self,
        snapshot: &'r Snapshot,
        name: &str,
        tenant: &str,
    ) -> Option<ReservedName<'r>> {
        let own = self.0.get_key_value(&namespace_key(name));
        let own = own.map(|(key, known)| known.as_reserved_name(key));
        let of_deleted_tenant =
            self.deleted_tenants(snapshot).find(|reserved| is_named_for(name, reserved.tenant));
        own.into_iter().chain(of_deleted_tenant).find(|reserved| reserved.tenant != tenant)
    }

    /// Every tenant that had namespaces and is not there in `snapshot`.
    fn deleted_tenants<'r>(&'r self, snapshot: &'r Snapshot) -> impl Iterator<Item = ReservedName<'r>> {
        let tenants = self.0.iter().filter_map(|(key, known)| {
            Some(ReservedName { tenant: key.strip_prefix("tenant.")?, ..known.as_reserved_name(key) })
        });
        tenants.filter(|reserved| {
            snapshot.tenant(reserved.tenant).is_none()
                && snapshot.namespaces_of(reserved.tenant).next().is_none()
        })
    }
}

impl Reservation {
    fn as_reserved_name<'r>(&'r self, key: &'r str) -> ReservedName<'r> {
        ReservedName { tenant: &self.tenant, uid: self.uid.as_deref(), released_at: self.released_at, key }
    }
}

/// Whose a name was.
#[derive(Clone, Copy, Debug)]
pub struct ReservedName<'r> {
    pub tenant: &'r str,
    /// The namespace that bore it: another one may be called so now.
    pub uid: Option<&'r str>,
    /// Since when it is gone, in seconds since 1970, if somebody has noted that.
    pub released_at: Option<i64>,
    /// The key in the ConfigMap.
    pub key: &'r str,
}

/// Whether no certificate in a name can live any more at `now`.
pub fn has_expired(released_at: Option<i64>, settings: &Settings, now: i64) -> bool {
    released_at.is_some_and(|released_at| released_at.saturating_add(settings.max_certificate_lifetime) < now)
}
