//! # BH111 `terminating-tenant`
//!
//! ## What it refuses
//! Refuses namespaces for a Tenant that is being deleted.
//!
//! The rule judges new namespaces and namespaces that move to the Tenant. Every user is refused, the platform included.
//!
//! ## Why
//! A Tenant with finalizers exists for some time after its deletion. A namespace that it gets in that time has no owner
//! afterwards.
//!
//! ## What to write instead
//! Wait until the Tenant is gone, or create the namespace for another tenant.
//!
//! ## How to get it allowed
//! Never. A deletion cannot be undone: create the Tenant again once it is gone. The rule only warns for break-glass
//! accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as root in system:masters, in snapshot terminating-tenant
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-leaving
//!   labels:
//!     bulkhead.dev/tenant: leaving # BH111
//!     tenant: leaving
//! ```
//!
//! ## Admitted
//! ```yaml as root in system:masters, in snapshot terminating-tenant
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme-annex
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme }
//! ```

use super::{Check, NamespaceView, Request, Retry, Rule, RuleReport, quote};
use crate::keys::TENANT_LABEL;

pub(super) const RULE: Rule =
    Rule::new(Check::Namespace(check)).watches(&[TENANT_LABEL]).retries(Retry::Refresh);

fn check(
    request: &Request<'_>,
    new: &NamespaceView<'_>,
    old: Option<&NamespaceView<'_>>,
    report: &mut RuleReport,
) {
    if let Some(tenant) = request.joined_tenant(new, old).filter(|tenant| tenant.terminating) {
        let message =
            format!("tenant {} is being deleted, so the namespace would have no owner", quote(&tenant.name));
        let fix = "wait until the Tenant is gone, or create the namespace for another tenant.";
        report.add(&new.metadata.at_root().label_path(TENANT_LABEL), message, fix);
    }
}
