use std::collections::{BTreeMap, BTreeSet};

use crate::api::{self, SharedPort};

/// A service of the platform that tenants may be granted to reach.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SharedService {
    pub name: String,
    pub namespace: String,
    /// The name of its Service.
    pub service: String,
    pub service_account: String,
    pub selector: BTreeMap<String, String>,
    pub ports: Vec<SharedPort>,
    /// The tenants that may be granted to reach it; all of them if it names none.
    pub tenants: Option<BTreeSet<String>>,
    /// The tenants whose workloads it may call.
    pub calls_tenants: BTreeSet<String>,
    /// What else it may call in the mesh, as a Sidecar says it.
    pub egress: Vec<String>,
}

impl SharedService {
    pub fn new(name: String, spec: api::SharedServiceSpec) -> Self {
        Self {
            service: spec.service.unwrap_or_else(|| name.clone()),
            service_account: spec.service_account.unwrap_or_else(|| name.clone()),
            namespace: spec.namespace,
            selector: spec.selector,
            ports: spec.ports,
            tenants: spec.tenants.names.map(BTreeSet::from_iter),
            calls_tenants: spec.calls_tenants.into_iter().collect(),
            egress: spec.egress,
            name,
        }
    }

    /// Whether the tenant may be granted to reach it.
    pub fn serves(&self, tenant: &str) -> bool {
        self.tenants.as_ref().is_none_or(|tenants| tenants.contains(tenant))
    }
}
