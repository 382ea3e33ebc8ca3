use std::collections::BTreeSet;

use crate::baseline::manifest::Site;
use crate::baseline::network;
use crate::settings::{Dataplane, Settings};
use crate::snapshot::{Snapshot, Tenant};

/// A tenant's namespace, and the snapshot from which its objects are computed.
#[derive(Clone, Copy, Debug)]
pub(super) struct NamespaceSite<'w> {
    pub(super) snapshot: &'w Snapshot,
    pub(super) tenant: &'w Tenant,
    pub(super) namespace: &'w str,
}

impl Site for NamespaceSite<'_> {
    fn namespace(&self) -> Option<&str> {
        Some(self.namespace)
    }
}

impl<'w> NamespaceSite<'w> {
    pub(super) fn settings(self) -> &'w Settings {
        &self.snapshot.settings
    }

    /// True if the namespace has captured pods, or is to have some.
    pub(super) fn may_be_captured(self) -> bool {
        self.snapshot.namespace(self.namespace).is_some_and(|known| known.is_captured())
            || self.tenant.dataplane(self.settings()) == Dataplane::Ambient
    }

    /// Returns the tenant's namespaces whose pods this one trusts: itself and the ready ones.
    pub(super) fn trusted_namespaces(self) -> BTreeSet<&'w str> {
        self.snapshot.ready_namespaces_of(&self.tenant.name).chain([self.namespace]).collect()
    }

    /// Returns the principals that may call the pods of this namespace, as patterns.
    pub(super) fn allowed_principals(self) -> Vec<String> {
        let settings = self.settings();
        let own = self
            .trusted_namespaces()
            .into_iter()
            .map(|namespace| network::principal(settings, namespace, "*"));
        let gateways = self
            .snapshot
            .gateways(self.tenant)
            .map(|gateway| (gateway.namespace().to_owned(), gateway.service_account.clone()));
        let callers = self.tenant.grants.callers.iter();
        let callers = callers.map(|caller| (caller.namespace.clone(), caller.service_account.clone()));
        let services = self.snapshot.services_calling(&self.tenant.name);
        let services = services.map(|service| (service.namespace.clone(), service.service_account.clone()));
        let others: BTreeSet<_> = gateways.chain(callers).chain(services).collect();
        own.chain(others.iter().map(|(namespace, name)| network::principal(settings, namespace, name)))
            .collect()
    }
}
