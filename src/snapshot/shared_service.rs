use std::collections::{BTreeMap, BTreeSet};

use crate::api::{self, SharedPort};

/// A service of the platform to which tenants can be granted access.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SharedService {
    pub name: String,
    pub namespace: String,
    /// Name of its Service.
    pub service: String,
    pub service_account: String,
    pub selector: BTreeMap<String, String>,
    pub ports: Vec<SharedPort>,
    /// Tenants that may be granted access; `None` allows all of them.
    pub tenants: Option<BTreeSet<String>>,
    /// Tenants whose workloads it may call.
    pub calls_tenants: BTreeSet<String>,
    /// Other hosts in the mesh that it may call, in the notation of a Sidecar.
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

    /// True if it may call other hosts in the namespace.
    pub fn calls(&self, namespace: &str) -> bool {
        self.egress_namespaces().any(|home| home == namespace)
    }

    /// Returns the namespaces of the other hosts that it may call.
    pub fn egress_namespaces(&self) -> impl Iterator<Item = &str> {
        self.egress.iter().filter_map(|host| Some(host.split_once('/')?.0))
    }

    /// True if the tenant may be granted access.
    pub fn serves(&self, tenant: &str) -> bool {
        self.tenants.as_ref().is_none_or(|tenants| tenants.contains(tenant))
    }
}
