//! # BH108 `tenant-in-use`
//!
//! ## What it does
//! Refuses the deletion of a Tenant that still has namespaces.
//!
//! ## Why it matters
//! Without their Tenant they belong to nobody: what runs there stays closed, but nothing new is granted,
//! and whoever creates a Tenant of that name later would find them his own.
//!
//! ## Refused
//! ```yaml as root in system:masters, on delete
//! apiVersion: bulkhead.dev/v1alpha1
//! kind: Tenant
//! metadata:
//!   name: acme # BH108
//! ```
//!
//! ## Admitted
//! ```yaml as root in system:masters, on delete
//! apiVersion: bulkhead.dev/v1alpha1
//! kind: Tenant
//! metadata: { name: gamma }
//! ```

use super::{Findings, Place, Retry, Rule, Scope};
use crate::policy::kind::{Kind, Operation};
use crate::policy::object::Object;
use crate::policy::path::Path;
use crate::policy::quote_all;

pub(super) static RULE: Rule = Rule {
    code: "BH108",
    name: "tenant-in-use",
    kinds: &[&[Kind::Tenant]],
    places: &[Place::Cluster],
    guards: &[],
    ratchet: false,
    retry: Retry::Never,
    source: include_str!("bh108_tenant_in_use.rs"),
    check,
};

fn check(scope: &Scope<'_>, findings: &mut Findings) {
    let (Object::Tenant(tenant), Operation::Delete) = (scope.object, scope.operation) else { return };
    let namespaces: Vec<&str> = scope.world.namespaces_of(tenant.metadata.name_or_prefix()).collect();
    if namespaces.is_empty() {
        return;
    }
    findings.report(
        &Path::of(&["metadata", "name"]),
        format!("it has the namespaces {}", quote_all(&namespaces)),
        "delete them first, or move them to another tenant",
    );
}
