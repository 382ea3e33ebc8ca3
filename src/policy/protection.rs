//! What of the baseline stands where something is written, and what is written beside it.

use serde_json::Value;

use super::Scope;
use super::kind::Operation;
use super::object::{Object, Policy, Spec};
use crate::baseline::{self, Kind, PREFIX};
use crate::snapshot::Actor;

/// Whose the name of an object is, of a kind that the baseline has objects of.
pub enum Name {
    /// The baseline's, whose object is this.
    Wanted(Value),
    /// The baseline's, which has no such object here.
    Reserved,
    /// Anybody's.
    Free,
}

impl<'r> Scope<'r> {
    /// Whose the name of `object` is.
    pub fn name_of(&self, kind: Kind, object: &Value) -> Name {
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let (namespace, _) = self.namespace();
        let (wanted, is_reserved) = if let Some((_, tenant)) = self.tenant {
            let wanted = |tenant| baseline::desired_object(self.snapshot, tenant, namespace, kind, name);
            (tenant.and_then(wanted), baseline::is_baseline(kind, name))
        } else {
            let wanted = baseline::desired_of_platform(self.snapshot).find(|manifest| {
                manifest.kind == kind
                    && manifest.name == name
                    && manifest.namespace.as_deref() == Some(namespace)
            });
            (wanted, name.starts_with(PREFIX))
        };
        match wanted {
            Some(manifest) => Name::Wanted(manifest.object),
            None if is_reserved => Name::Reserved,
            None => Name::Free,
        }
    }

    /// What an object of the baseline is for, here.
    pub fn keeps_apart(&self) -> String {
        match self.tenant {
            Some((name, _)) => format!("isolates tenant {name}"),
            None => "isolates tenants".to_owned(),
        }
    }

    /// What somebody writes in a tenant's namespace beside its baseline, of a kind that the baseline has objects of.
    /// What bears a name of the baseline's must be equal to it, which is all there is to say of it.
    pub fn beside_the_baseline(&self) -> Option<&'r Policy<'r>> {
        let Object::Policy(policy) = self.object else { return None };
        let name = policy.metadata.name.as_deref().unwrap_or_default();
        let is_judged = self.operation != Operation::Delete && !baseline::is_baseline(policy.kind, name);
        (is_judged && !matches!(self.actor(), Actor::Bulkhead)).then_some(policy)
    }

    /// What is said there.
    pub fn spec_beside_the_baseline(&self) -> Option<&'r Spec<'r>> {
        self.beside_the_baseline().map(|policy| &policy.spec)
    }
}
