use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::{Namespace, Snapshot, Tenant};
use crate::settings::{Gateway, Settings};

/// Everything that the baseline of a tenant, or of one of its namespaces, is computed from. Equal inputs give an
/// equal baseline. Large parts are compared by pointer, so inputs that were read again count as changed.
#[derive(Clone, Debug)]
pub struct BaselineInputs {
    settings: Arc<Settings>,
    tenant: Option<Arc<Tenant>>,
    namespace: Option<Arc<Namespace>>,
    namespaces_hash: u64,
    environment_hash: u64,
}

impl PartialEq for BaselineInputs {
    fn eq(&self, other: &Self) -> bool {
        fn same_allocation<T>(one: Option<&Arc<T>>, other: Option<&Arc<T>>) -> bool {
            one.map(Arc::as_ptr) == other.map(Arc::as_ptr)
        }
        Arc::ptr_eq(&self.settings, &other.settings)
            && same_allocation(self.tenant.as_ref(), other.tenant.as_ref())
            && same_allocation(self.namespace.as_ref(), other.namespace.as_ref())
            && (self.namespaces_hash, self.environment_hash)
                == (other.namespaces_hash, other.environment_hash)
    }
}

impl Snapshot {
    /// Returns the inputs of the tenant's cluster-scoped baseline objects.
    pub fn baseline_inputs(&self, tenant: &str) -> BaselineInputs {
        let namespaces_hash = self.namespaces_by_tenant.get(tenant).into_iter().flatten();
        let mut hasher = DefaultHasher::new();
        for name in namespaces_hash {
            let known = self.namespaces.get(name);
            known.map(|known| (known.created, known.ready, known.terminating)).hash(&mut hasher);
            name.hash(&mut hasher);
        }
        BaselineInputs {
            settings: Arc::clone(&self.settings),
            tenant: self.tenants.get(tenant).cloned(),
            namespace: None,
            namespaces_hash: hasher.finish(),
            environment_hash: self.environment_hash,
        }
    }

    /// Returns the inputs of the objects that are computed from all tenants.
    pub fn cluster_baseline_inputs(&self) -> BaselineInputs {
        let mut hasher = DefaultHasher::new();
        for tenant in self.tenants() {
            (tenant, self.baseline_inputs(&tenant.name).namespaces_hash).hash(&mut hasher);
        }
        let gateways = self.settings.gateways.iter().map(Gateway::namespace);
        for namespace in self.settings.platform_namespaces.iter().map(String::as_str).chain(gateways) {
            self.namespaces.get(namespace).map(|known| &known.labels).hash(&mut hasher);
        }
        let settings = Arc::clone(&self.settings);
        BaselineInputs {
            settings,
            tenant: None,
            namespace: None,
            namespaces_hash: hasher.finish(),
            environment_hash: self.environment_hash,
        }
    }
}

impl BaselineInputs {
    /// True if the specs that users write are the same: the settings, the tenant, the shared services.
    pub fn same_specs(&self, other: &Self) -> bool {
        let known = Self {
            namespace: other.namespace.clone(),
            namespaces_hash: other.namespaces_hash,
            ..self.clone()
        };
        known == *other
    }

    /// True if the settings are the same.
    pub fn same_settings(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.settings, &other.settings)
    }

    /// Returns the inputs of the baseline in a namespace of the same tenant.
    #[must_use]
    pub fn for_namespace(&self, snapshot: &Snapshot, namespace: &str) -> Self {
        Self { namespace: snapshot.namespaces.get(namespace).cloned(), ..self.clone() }
    }
}
