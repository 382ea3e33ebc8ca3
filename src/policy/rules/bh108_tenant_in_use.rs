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

use super::{Check, Operation, Request, Rule, RuleReport, quote_all};
use crate::keys::TENANT_LABEL;
use crate::policy::object::{Object, TenantView};

pub(super) const RULE: Rule = Rule::new(Check::Tenant(check)).on(&[Operation::Delete]);

fn check(
    request: &Request<'_>,
    tenant: &TenantView<'_>,
    _: Option<&TenantView<'_>>,
    report: &mut RuleReport,
) {
    let name = tenant.metadata.name_or_generate_name();
    let namespaces: Vec<&str> = request.snapshot.namespaces_of(name).collect();
    // Another rule refuses other users, who must not learn which namespaces the tenant has.
    if namespaces.is_empty() || !request.may_reveal(name) {
        return;
    }
    report.add(
        &Object::name_path(),
        format!("the Tenant still has namespaces, which would have no owner: {}", quote_all(&namespaces)),
        format!("delete them first, or move them to another tenant with the label `{TENANT_LABEL}`."),
    );
}
