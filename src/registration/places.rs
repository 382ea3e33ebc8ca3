use std::collections::BTreeSet;

use crate::settings::Settings;

/// The platform's namespaces that webhook configurations name.
#[derive(Clone, Copy)]
pub(super) struct Places<'a> {
    pub(super) settings: &'a Settings,
    /// The namespaces of shared services.
    pub(super) shared: &'a BTreeSet<String>,
}

impl<'a> Places<'a> {
    /// Returns the namespaces in which only the platform writes.
    pub(super) fn protected(self) -> BTreeSet<&'a str> {
        self.settings.protected_namespaces().chain(self.shared.iter().map(String::as_str)).collect()
    }

    /// Returns the protected namespaces that have objects of the baseline.
    pub(super) fn with_baseline(self) -> BTreeSet<&'a str> {
        let root = self.settings.mesh_wide.map(|_| self.settings.mesh_root.as_str());
        self.shared.iter().map(String::as_str).chain(root).collect()
    }

    /// Returns the other namespaces with accounts that rules trust by name.
    pub(super) fn with_trusted_accounts(self) -> BTreeSet<&'a str> {
        let trusted = self.settings.trusted_accounts().map(|(namespace, _)| namespace);
        let all: BTreeSet<&str> = self.settings.fully_trusted_namespaces().chain(trusted).collect();
        all.difference(&self.protected()).copied().collect()
    }
}
