//! Who owns what, and who asks: one immutable snapshot, built whole by `sources`. Pure.

mod actor;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::api;
use crate::settings::Settings;

pub use actor::{Actor, User};

/// The label that says whose a namespace is; the webhook entries select on it.
pub const TENANT_LABEL: &str = "bulkhead.dev/tenant";

/// A tenant, as rules see it.
#[derive(Clone, Debug)]
pub struct Tenant {
    pub name: String,
    pub contact: Option<String>,
    owners: Vec<api::Subject>,
}

/// What a namespace's owner can be.
#[derive(Clone, Copy, Debug)]
pub enum Owner<'w> {
    Tenant(&'w Tenant),
    /// Listed in the settings.
    Platform,
    /// Its label names a tenant that does not exist.
    Orphaned(&'w str),
    Unowned,
}

/// The snapshot a request is judged in, from the first rule to the last.
#[derive(Debug)]
pub struct World {
    pub settings: Arc<Settings>,
    /// Each known namespace, with the value of its tenant label.
    namespaces: HashMap<String, Option<String>>,
    tenants: BTreeMap<String, Tenant>,
}

impl World {
    pub fn new(
        settings: Arc<Settings>,
        tenants: impl IntoIterator<Item = Tenant>,
        namespaces: impl IntoIterator<Item = (String, Option<String>)>,
    ) -> Self {
        Self {
            settings,
            namespaces: namespaces.into_iter().collect(),
            tenants: tenants.into_iter().map(|tenant| (tenant.name.clone(), tenant)).collect(),
        }
    }

    /// `None` if the namespace is not in this snapshot.
    pub fn owner(&self, namespace: &str) -> Option<Owner<'_>> {
        if self.settings.platform_namespaces.contains(namespace) {
            return Some(Owner::Platform);
        }
        Some(match self.namespaces.get(namespace)?.as_deref() {
            None => Owner::Unowned,
            Some(name) => self.tenants.get(name).map_or(Owner::Orphaned(name), Owner::Tenant),
        })
    }

    pub fn tenant(&self, name: &str) -> Option<&Tenant> {
        self.tenants.get(name)
    }

    /// Every tenant, by name.
    pub fn tenants(&self) -> impl Iterator<Item = &Tenant> {
        self.tenants.values()
    }
}

impl Tenant {
    pub fn new(name: String, spec: api::TenantSpec) -> Self {
        Self { name, contact: spec.contact, owners: spec.owners }
    }

    /// Whether `namespace` is this tenant's by its name: `tenant-NAME` or `tenant-NAME-…`.
    pub fn names(&self, namespace: &str) -> bool {
        namespace
            .strip_prefix("tenant-")
            .and_then(|rest| rest.strip_prefix(&self.name))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }
}
