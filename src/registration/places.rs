use std::collections::{BTreeMap, BTreeSet};

use crate::settings::Settings;
use crate::snapshot::Snapshot;

/// The platform's namespaces that webhook configurations name.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    pub(super) settings: &'a Settings,
    /// The namespaces of shared services.
    pub(super) shared: &'a BTreeSet<String>,
    /// The accounts of granted callers, by namespace.
    callers: &'a BTreeMap<String, BTreeSet<String>>,
}

static NO_CALLERS: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();

impl<'a> Places<'a> {
    /// Returns the places that the settings name.
    pub fn of_settings(settings: &'a Settings) -> Self {
        Self { settings, shared: &settings.shared_namespaces, callers: &NO_CALLERS }
    }

    /// Returns the places that the settings, SharedServices and Tenants name.
    pub fn of_snapshot(snapshot: &'a Snapshot) -> Self {
        Self {
            settings: &snapshot.settings,
            shared: snapshot.shared_namespaces(),
            callers: snapshot.granted_callers(),
        }
    }

    /// Returns the namespaces in which only the platform writes.
    pub(super) fn protected(self) -> BTreeSet<&'a str> {
        self.settings.protected_namespaces().chain(self.shared.iter().map(String::as_str)).collect()
    }

    /// Returns all namespaces of the platform.
    pub(super) fn of_platform(self) -> BTreeSet<&'a str> {
        self.protected()
            .into_iter()
            .chain(self.settings.platform_namespaces.iter().map(String::as_str))
            .collect()
    }

    /// Returns the protected namespaces that have objects of the baseline.
    pub(super) fn with_baseline(self) -> BTreeSet<&'a str> {
        let root = self.settings.mesh_wide.map(|_| self.settings.mesh_root.as_str());
        self.shared.iter().map(String::as_str).chain(root).collect()
    }

    /// Returns the accounts that rules and policies trust by name, each with its namespace, without those of namespaces
    /// in which all are trusted.
    pub(super) fn trusted_accounts(self) -> BTreeSet<(&'a str, &'a str)> {
        let callers = self.callers.iter().flat_map(|(namespace, accounts)| {
            accounts.iter().map(|account| (namespace.as_str(), account.as_str()))
        });
        self.settings.trusted_accounts().chain(callers).collect()
    }

    /// Returns the other namespaces with accounts that rules trust by name.
    pub(super) fn with_trusted_accounts(self) -> BTreeSet<&'a str> {
        let trusted = self.trusted_accounts().into_iter().map(|(namespace, _)| namespace);
        let all: BTreeSet<&str> = self.settings.fully_trusted_namespaces().chain(trusted).collect();
        all.difference(&self.protected()).copied().collect()
    }
}
