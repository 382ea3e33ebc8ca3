use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;

use crate::settings::Settings;

/// Names of deleted tenants and namespaces that must not be reused yet. Mesh certificates identify workloads by name
/// only and stay valid after deletion, so a name is reserved until the longest certificate has expired. A ConfigMap
/// stores them, one key for each name: `tenant.NAME` for a tenant that had namespaces, `namespace.NAME` for a namespace
/// that is not named after its tenant. A value holds the tenant, the namespace's uid and the time of the deletion, as
/// far as they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReservedNames(pub(super) BTreeMap<String, Reservation>);

/// The tenant and the namespace that had the name, and the Unix time of the deletion in seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reservation {
    pub(super) tenant: String,
    pub(super) uid: Option<String>,
    pub(super) released_at: Option<i64>,
}

pub const RESERVED_NAMES_CONFIG_MAP: &str = "bulkhead-retired";

pub(super) fn tenant_key(name: &str) -> String {
    format!("tenant.{name}")
}

pub(super) fn namespace_key(name: &str) -> String {
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
}

impl Reservation {
    pub(super) fn as_reserved_name<'r>(&'r self, key: &'r str) -> ReservedName<'r> {
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
