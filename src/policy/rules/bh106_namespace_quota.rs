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
//! Use a namespace that the tenant already has, or delete one that it no longer needs. If one is being deleted, wait
//! until it is gone.
//!
//! ## How to get it allowed
//! Ask the platform to raise `Tenant.spec.namespaces.limit`. The rule only warns for break-glass accounts
//! (`platform.breakGlassGroups`).
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
//! ```yaml as erin in delta-developers, in snapshot terminating-namespace
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-delta-more
//!   labels:
//!     bulkhead.dev/tenant: delta # BH106
//!     tenant: delta
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

use std::fmt::Write;

use super::{Check, NamespaceView, Request, Rule, RuleReport, quote_all};
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
    let others: Vec<&str> =
        request.snapshot.namespaces_of(&tenant.name).filter(|other| *other != name).collect();
    let Some(limit) = tenant.limit.filter(|limit| others.len() >= *limit) else { return };
    let is_terminating =
        |name: &&str| request.snapshot.namespace(name).is_some_and(|namespace| namespace.terminating);
    let terminating: Vec<&str> = others.iter().copied().filter(is_terminating).collect();
    let mut message = format!("tenant {} already has {} of {limit} namespaces", tenant.name, others.len());
    let fix = match terminating.as_slice() {
        [first, ..] if others.len() - terminating.len() < limit => {
            let names = quote_all(&terminating);
            let _ = write!(message, ", counting those that are being deleted: {names}");
            format!("wait with `kubectl wait --for=delete namespace/{first}`, then try again.")
        }
        _ => "ask the platform to raise `Tenant.spec.namespaces.limit`, or delete a namespace that you no longer need."
            .to_owned(),
    };
    report.add(&new.metadata.at_root().label_path(TENANT_LABEL), message, fix);
}
