use std::collections::BTreeMap;

use super::namespace_names::is_named_for;
use crate::api::{self, Authorization, Enforcement, Grants, Limits};

/// A tenant, as rules see it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tenant {
    pub name: String,
    /// When it was created, in seconds since 1970.
    pub created: i64,
    /// How many namespaces it may have.
    pub limit: Option<usize>,
    pub enforcement: Enforcement,
    /// Whether the platform has accepted what enforcing it means for what was there before.
    pub findings_acknowledged: bool,
    pub contact: Option<String>,
    pub owners: Vec<api::Subject>,
    /// What each of its namespaces may hold, over the defaults.
    pub namespace_quota: BTreeMap<String, String>,
    pub limits: Limits,
    pub authorization: Authorization,
    pub grants: Grants,
}

impl Tenant {
    pub fn new(name: String, created: i64, spec: api::TenantSpec) -> Self {
        Self {
            name,
            created,
            limit: spec.namespaces.limit.map(|limit| limit as usize),
            enforcement: spec.enforcement,
            findings_acknowledged: spec.acknowledged_findings.is_some(),
            contact: spec.contact,
            owners: spec.owners,
            namespace_quota: spec.namespace_quota,
            limits: spec.limits,
            authorization: spec.authorization,
            grants: spec.grants,
        }
    }

    /// Whether what rules are against is admitted with a warning, and no baseline is put up.
    pub fn is_observed(&self) -> bool {
        self.enforcement == Enforcement::Observe
    }

    /// Whether `namespace` is this tenant's by its name: `tenant-NAME` or `tenant-NAME-…`.
    pub fn matches_namespace_name(&self, namespace: &str) -> bool {
        is_named_for(namespace, &self.name)
    }
}
