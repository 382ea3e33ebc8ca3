use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;

use crate::settings::Settings;

/// Names of deleted tenants and namespaces that must not be reused yet. Mesh certificates identify workloads by name
/// only and stay valid after deletion, so a name is reserved until the longest certificate has expired. A ConfigMap
/// stores them, one key for each name: `tenant.NAME` for a tenant that had namespaces, `namespace.NAME` for a namespace
/// that is not named after its tenant. A value holds the tenant, the namespace's uid and the time of the deletion, as
/// far as they are known.
///
/// A ConfigMap holds 1 MiB at most. So several of them store the names, each the keys with one hash.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReservedNames(pub(super) BTreeMap<String, Reservation>);

/// The tenant and the namespace that had the name, and the Unix time of the deletion in seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reservation {
    pub(super) tenant: String,
    pub(super) uid: Option<String>,
    pub(super) released_at: Option<i64>,
}

/// The first ConfigMap; the others have a number at the end of their names.
const CONFIG_MAP: &str = "bulkhead-retired";
const CONFIG_MAPS: usize = 16;

/// Returns the names of the ConfigMaps.
pub fn reserved_names_config_maps() -> impl Iterator<Item = String> {
    (0..CONFIG_MAPS).map(config_map_name)
}

fn config_map_name(index: usize) -> String {
    if index == 0 { CONFIG_MAP.to_owned() } else { format!("{CONFIG_MAP}-{index}") }
}

/// Returns the ConfigMap that stores the key. The hash must never change (FNV-1a).
fn config_map_of(key: &str) -> String {
    let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let hash = key.bytes().fold(0x811c_9dc5, step);
    config_map_name(hash as usize % CONFIG_MAPS)
}

pub(super) fn tenant_key(name: &str) -> String {
    format!("tenant.{name}")
}

pub(super) fn namespace_key(name: &str) -> String {
    format!("namespace.{name}")
}

impl ReservedNames {
    /// Reads the data of a ConfigMap. A value without a valid time has no known deletion.
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

    /// True if a ConfigMap of this name in Bulkhead's namespace stores names.
    pub fn is_stored_in(config_map: &str) -> bool {
        reserved_names_config_maps().any(|name| name == config_map)
    }

    /// Adds the names of another ConfigMap.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Returns the names that the ConfigMap stores.
    #[must_use]
    pub fn part(&self, config_map: &str) -> Self {
        let stored = self.0.iter().filter(|(key, _)| config_map_of(key) == config_map);
        Self(stored.map(|(key, name)| (key.clone(), name.clone())).collect())
    }

    /// Returns the data of a ConfigMap.
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

impl ReservedName<'_> {
    /// Returns the ConfigMap that stores the name.
    pub fn config_map(&self) -> String {
        config_map_of(self.key)
    }
}

/// True if no certificate with the name can be valid at `now`.
pub fn has_expired(released_at: Option<i64>, settings: &Settings, now: i64) -> bool {
    released_at.is_some_and(|released_at| released_at.saturating_add(settings.max_certificate_lifetime) < now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_thousand_names_fit_into_the_config_maps() {
        let name = Reservation {
            tenant: "tenant-of-usual-length".to_owned(),
            uid: Some("00000000-0000-4000-8000-000000000001".to_owned()),
            released_at: Some(1_780_272_000),
        };
        let keys = (0..100_000).map(|index| namespace_key(&format!("legacy-namespace-{index}")));
        let names = ReservedNames(keys.map(|key| (key, name.clone())).collect());
        let mut read = ReservedNames::default();
        for map in reserved_names_config_maps() {
            let data = names.part(&map).to_data();
            let bytes: usize = data.iter().map(|(key, value)| key.len() + value.len()).sum();
            assert!(bytes < 1 << 20, "{map}: {bytes} bytes");
            read.extend(ReservedNames::from_data(&data));
        }
        assert_eq!(read, names);
    }
}
