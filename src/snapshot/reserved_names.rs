use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;

use super::Snapshot;
use super::namespace_names::{is_name_or_dashed, is_named_for};
use crate::settings::Settings;

/// Names of deleted tenants and namespaces that must not be reused yet. Mesh certificates identify workloads by name
/// only and stay valid after deletion, so a name is reserved until the longest certificate has expired. A ConfigMap
/// stores them, one key for each name: `tenant.NAME` for a tenant that had namespaces, `namespace.NAME` for a namespace
/// that is not named after its tenant. A value holds the tenant, the namespace's uid and the time of the deletion, as
/// far as they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReservedNames(BTreeMap<String, Reservation>);

/// The tenant and the namespace that had the name, and the Unix time of the deletion in seconds.
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
    /// Reads the data of the ConfigMap. A value without a valid time has no known deletion.
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

    /// Returns the data of the ConfigMap.
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

    /// Returns the names to keep at `now`: those in use by a tenant, and those whose certificates may still be valid.
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
            // A tenant without namespaces still exists.
            let exists = key.strip_prefix("tenant.").is_some_and(|name| snapshot.tenant(name).is_some());
            let released_at = if exists { None } else { Some(name.released_at.unwrap_or(now)) };
            (!has_expired(released_at, &snapshot.settings, now))
                .then(|| (key.clone(), Reservation { released_at, ..name.clone() }))
        });
        let mut names: BTreeMap<String, Reservation> = released.collect();
        names.extend(in_use);
        Self(names)
    }

    /// Returns a deleted tenant whose namespace names would conflict with those of `tenant`.
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

    /// Returns the tenant, other than `tenant`, that owned the namespace `name`, or a deleted tenant after which the
    /// namespace is named.
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

    /// Returns each tenant that had namespaces and does not exist in `snapshot`.
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

/// The former owner of a name.
#[derive(Clone, Copy, Debug)]
pub struct ReservedName<'r> {
    pub tenant: &'r str,
    /// The uid of the namespace that had the name. A new namespace may have it now.
    pub uid: Option<&'r str>,
    /// The Unix time of the deletion in seconds, if it was recorded.
    pub released_at: Option<i64>,
    /// The key in the ConfigMap.
    pub key: &'r str,
}

/// True if no certificate with the name can be valid at `now`.
pub fn has_expired(released_at: Option<i64>, settings: &Settings, now: i64) -> bool {
    released_at.is_some_and(|released_at| released_at.saturating_add(settings.max_certificate_lifetime) < now)
}
