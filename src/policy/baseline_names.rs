//! What of the baseline stands where something is written, and what is written beside it.

use serde_json::Value;

use super::Request;
use super::kind::Operation;
use super::object::{Object, Policy, Spec};
use crate::baseline::{self, Kind, NAME_PREFIX};
use crate::snapshot::Actor;

/// Whose the name of an object is, of a kind that the baseline has objects of.
pub enum NameStatus {
    /// The baseline's, whose object is this.
    Baseline(Value),
    /// The baseline's, which has no such object here.
    Reserved,
    /// Anybody's.
    Free,
}

impl<'r> Request<'r> {
    /// Whose the name of `object` is.
    pub fn classify_name(&self, kind: Kind, object: &Value) -> NameStatus {
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

    /// What an object of the baseline is for, here.
    pub fn isolation_purpose(&self) -> String {
        match self.tenant {
            Some((name, _)) => format!("isolates tenant {name}"),
            None => "isolates tenants".to_owned(),
        }
    }

    /// What somebody writes in a tenant's namespace beside its baseline, of a kind that the baseline has objects of.
    /// What bears a name of the baseline's must be equal to it, which is all there is to say of it.
    pub fn tenant_policy(&self) -> Option<&'r Policy<'r>> {
        let Object::Policy(policy) = self.object else { return None };
        let name = policy.metadata.name.as_deref().unwrap_or_default();
        let is_judged = self.operation != Operation::Delete && !baseline::is_baseline_name(policy.kind, name);
        (is_judged && !matches!(self.actor(), Actor::Bulkhead)).then_some(policy)
    }

    /// What is said there.
    pub fn tenant_policy_spec(&self) -> Option<&'r Spec<'r>> {
        self.tenant_policy().map(|policy| &policy.spec)
    }
}
