use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::{Namespace, Tenant, World};
use crate::settings::{Gateway, Settings};

/// Everything that the baseline of a tenant, or of one of its namespaces, is computed from. Equal inputs give an
/// equal baseline. Large parts are compared by pointer, so inputs that were read again count as changed.
#[derive(Clone, Debug)]
pub struct Witness {
    settings: Arc<Settings>,
    tenant: Option<Arc<Tenant>>,
    namespace: Option<Arc<Namespace>>,
    siblings: u64,
    around: u64,
}

impl PartialEq for Witness {
    fn eq(&self, other: &Self) -> bool {
        fn same<T>(one: Option<&Arc<T>>, other: Option<&Arc<T>>) -> bool {
            one.map(Arc::as_ptr) == other.map(Arc::as_ptr)
        }
        Arc::ptr_eq(&self.settings, &other.settings)
            && same(self.tenant.as_ref(), other.tenant.as_ref())
            && same(self.namespace.as_ref(), other.namespace.as_ref())
            && (self.siblings, self.around) == (other.siblings, other.around)
    }
}

impl World {
    /// Returns the inputs of the tenant's cluster-scoped baseline objects.
    pub fn witness(&self, tenant: &str) -> Witness {
        let siblings = self.owned.get(tenant).into_iter().flatten();
        let mut hasher = DefaultHasher::new();
        for name in siblings {
            let known = self.namespaces.get(name);
            known.map(|known| (known.created, known.ready, known.terminating)).hash(&mut hasher);
            name.hash(&mut hasher);
        }
        Witness {
            settings: Arc::clone(&self.settings),
            tenant: self.tenants.get(tenant).cloned(),
            namespace: None,
            siblings: hasher.finish(),
            around: self.around,
        }
    }

    /// Returns the inputs of the objects that are computed from all tenants.
    pub fn witness_of_all(&self) -> Witness {
        let mut hasher = DefaultHasher::new();
        for tenant in self.tenants() {
            (tenant, self.witness(&tenant.name).siblings).hash(&mut hasher);
        }
        let gateways = self.settings.gateways.iter().map(Gateway::namespace);
        for namespace in self.settings.platform_namespaces.iter().map(String::as_str).chain(gateways) {
            self.namespaces.get(namespace).map(|known| &known.labels).hash(&mut hasher);
        }
        let settings = Arc::clone(&self.settings);
        Witness { settings, tenant: None, namespace: None, siblings: hasher.finish(), around: self.around }
    }
}

impl Witness {
    /// True if everything that people write is the same: the settings, the tenant, the shared services.
    pub fn has_specs_of(&self, other: &Self) -> bool {
        let known = Self { namespace: other.namespace.clone(), siblings: other.siblings, ..self.clone() };
        known == *other
    }

    /// True if the settings are the same.
    pub fn has_settings_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.settings, &other.settings)
    }

    /// Returns the inputs of the baseline in a namespace of the same tenant.
    #[must_use]
    pub fn of_namespace(&self, world: &World, namespace: &str) -> Self {
        Self { namespace: world.namespaces.get(namespace).cloned(), ..self.clone() }
    }
}

/// Hashes the inputs that all tenants share: the cluster's endpoints and the shared services.
pub(super) fn around(surroundings: &super::Surroundings, services: &[super::SharedService]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (surroundings, services).hash(&mut hasher);
    hasher.finish()
}
