//! # BH106 `namespace-quota`
//!
//! ## What it refuses
//! Refuses a namespace that exceeds the tenant's namespace limit.
//!
//! The limit is `Tenant.spec.namespaces.limit`, and it holds for every user, the platform included. A namespace that is
//! being deleted counts until it is gone. If two namespaces are created at once and both are admitted, the newer one
//! never becomes ready until an older one is gone.
//!
//! ## Why
//! Each namespace adds objects, quotas and names that the whole cluster pays for.
//!
//! ## What to write instead
//! Use a namespace that the tenant already has.
//!
//! ## How to get it allowed
//! Ask the platform to raise `Tenant.spec.namespaces.limit`, or to delete a namespace that is no longer needed. The
//! rule only warns for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as bob in beta-developers
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-beta-more
//!   labels:
//!     bulkhead.dev/tenant: beta # BH106
//!     tenant: beta
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme-more
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme }
//! ```

use super::{Check, NamespaceView, Request, Rule, RuleReport};
use crate::keys::TENANT_LABEL;

pub(super) const RULE: Rule = Rule::new(Check::Namespace(check)).watches(&[TENANT_LABEL]);

fn check(
    request: &Request<'_>,
    new: &NamespaceView<'_>,
    old: Option<&NamespaceView<'_>>,
    report: &mut RuleReport,
) {
    let Some(tenant) = request.joined_tenant(new, old) else { return };
    let name = new.metadata.name_or_generate_name();
    let others = request.snapshot.namespaces_of(&tenant.name).filter(|other| *other != name).count();
    if let Some(limit) = tenant.limit.filter(|limit| others >= *limit) {
        report.add(
            &new.metadata.at_root().label_path(TENANT_LABEL),
            format!(
                "tenant {} already has {others} of {limit} namespaces, counting those that are being deleted",
                tenant.name
            ),
            "ask the platform to raise `Tenant.spec.namespaces.limit`, or to delete a namespace that you no longer \
             need.",
        );
    }
}
