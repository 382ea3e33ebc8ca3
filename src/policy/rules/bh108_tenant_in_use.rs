//! # BH108 `tenant-in-use`
//!
//! ## What it refuses
//! Refuses the deletion of a Tenant that still has namespaces.
//!
//! Every user is refused, the platform included.
//!
//! ## Why
//! Without their Tenant the namespaces have no owner: what runs there stays isolated, but nothing new is granted, and a
//! later Tenant of the same name would own them.
//!
//! ## What to write instead
//! Delete the tenant's namespaces first, or move them to another tenant with the label `bulkhead.dev/tenant`.
//!
//! ## How to get it allowed
//! Never. The rule only warns for break-glass accounts (`platform.breakGlassGroups`).
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
use crate::snapshot::TENANT_LABEL;

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
    let namespaces: Vec<&str> = scope.snapshot.namespaces_of(tenant.metadata.name_or_prefix()).collect();
    if namespaces.is_empty() {
        return;
    }
    findings.report(
        &Path::of(&["metadata", "name"]),
        format!("the Tenant still has namespaces, which would have no owner: {}", quote_all(&namespaces)),
        format!("delete them first, or move them to another tenant with the label `{TENANT_LABEL}`."),
    );
}
