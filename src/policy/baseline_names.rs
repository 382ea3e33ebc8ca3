//! Names of baseline objects: classifies the objects that a request writes as baseline objects or others.

use serde_json::Value;

use super::Request;
use super::object::Policy;
use crate::baseline::{self, NAME_PREFIX};
use crate::snapshot::Actor;

/// The status of an object's name, for kinds that the baseline has objects of.
pub enum NameStatus {
    /// The name of a baseline object; holds the desired object.
    Baseline(Value),
    /// A baseline name without a desired object in this namespace.
    Reserved,
    /// A name that anyone may use.
    Free,
}

impl Request<'_> {
    /// Classifies the name of `object`.
    pub fn classify_name(&self, object: &Value) -> NameStatus {
        let kind = self.kind;
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let (namespace, _) = self.namespace();
        let (desired, is_reserved) = if let Some((_, tenant)) = self.tenant {
            let desired = |tenant| baseline::desired_object(self.snapshot, tenant, namespace, kind, name);
            (tenant.and_then(desired), baseline::is_baseline_name(kind, name))
        } else {
            let desired = baseline::desired_for_platform(self.snapshot).find(|manifest| {
                manifest.kind == kind
                    && manifest.name == name
                    && manifest.namespace.as_deref() == Some(namespace)
            });
            (desired, name.starts_with(NAME_PREFIX))
        };
        match desired {
            Some(manifest) => NameStatus::Baseline(manifest.object),
            None if is_reserved => NameStatus::Reserved,
            None => NameStatus::Free,
        }
    }

    /// Returns the purpose of a baseline object here, for messages.
    pub fn isolation_purpose(&self) -> String {
        match self.tenant {
            Some(_) => format!("isolates {}", self.own_tenant_in_words()),
            None => "isolates tenants".to_owned(),
        }
    }

    /// True if this policy in the request's namespace is not an object of the baseline: those must equal the baseline's,
    /// which another rule checks. Bulkhead writes no other.
    pub fn is_tenant_policy(&self, policy: &Policy<'_>) -> bool {
        let name = policy.metadata.name.as_deref().unwrap_or_default();
        !baseline::is_baseline_name(policy.kind, name) && !matches!(self.actor(), Actor::Bulkhead)
    }
}
