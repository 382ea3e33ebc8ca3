use std::collections::BTreeMap;

use super::namespace_names::is_named_for;
use crate::api::{self, Authorization, Enforcement, Grants, Limits};
use crate::settings::{Dataplane, Settings};

/// The parts of a Tenant that rules read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tenant {
    pub name: String,
    /// Creation time in seconds since 1970.
    pub created: i64,
    /// True if it is being deleted.
    pub terminating: bool,
    /// Maximum number of namespaces.
    pub limit: Option<usize>,
    pub enforcement: Enforcement,
    /// True if the platform has accepted what enforcement means for objects that already exist.
    pub findings_acknowledged: bool,
    pub contact: Option<String>,
    pub owners: Vec<api::Subject>,
    /// Quota of each of its namespaces; overrides the defaults.
    pub namespace_quota: BTreeMap<String, String>,
    pub limits: Limits,
    pub authorization: Authorization,
    /// The dataplane of its pods; absent if it is that of the settings.
    pub dataplane: Option<Dataplane>,
    pub grants: Grants,
}

impl Tenant {
    pub fn new(name: String, created: i64, spec: api::TenantSpec) -> Self {
        Self {
            name,
            created,
            terminating: false,
            limit: spec.namespaces.limit.map(|limit| limit as usize),
            enforcement: spec.enforcement,
            findings_acknowledged: spec.acknowledged_findings.is_some(),
            contact: spec.contact,
            owners: spec.owners,
            namespace_quota: spec.namespace_quota,
            limits: spec.limits,
            authorization: spec.authorization,
            dataplane: spec.dataplane,
            grants: spec.grants,
        }
    }

    /// True if violations are admitted with a warning and no baseline is applied.
    pub fn is_observed(&self) -> bool {
        self.enforcement == Enforcement::Observe
    }

    /// Returns the dataplane that the tenant's new pods are to have.
    pub fn dataplane(&self, settings: &Settings) -> Dataplane {
        self.dataplane.unwrap_or(settings.dataplane)
    }

    /// True if `namespace` has this tenant's name: `tenant-NAME` or `tenant-NAME-…`.
    pub fn matches_namespace_name(&self, namespace: &str) -> bool {
        is_named_for(namespace, &self.name)
    }
}
