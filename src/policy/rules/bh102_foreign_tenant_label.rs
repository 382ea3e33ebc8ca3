//! # BH102 `foreign-tenant-label`
//!
//! ## What it refuses
//! Refuses tenant labels that the user may not set, change or remove.
//!
//! The labels are `bulkhead.dev/tenant` and the plain label `tenant`. A user may create namespaces only for a tenant
//! that they act for, and a plain label on them must name the same tenant. Later only the platform may change or remove
//! the labels, through any subresource (`namespaces`, `namespaces/status`, `namespaces/finalize`). Where
//! `bulkhead.dev/tenant` is absent or its tenant is observed, the plain label may have any value except the name of
//! another tenant. Where the setting `labels.tenant` is `false`, the rule ignores the plain label.
//!
//! ## Why
//! Every policy of the baseline selects namespaces by this label. A namespace with another tenant's label is inside the
//! isolation boundary of that tenant, and a namespace that has lost the label is inside none.
//!
//! ## What to write instead
//! Set `bulkhead.dev/tenant` to a tenant that you own, or leave the label out: Bulkhead adds it at creation. In an
//! update, keep both labels as they are.
//!
//! ## How to get it allowed
//! Ask the platform to list you in `Tenant.spec.owners`, or to move the namespace: platform accounts may set any value.
//! The rule only warns for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme-annex
//!   labels:
//!     bulkhead.dev/tenant: beta # BH102
//!     tenant: beta # BH102
//! ```
//! ```yaml as mallory in strangers
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: looks-like-acme
//!   labels:
//!     tenant: acme # BH102
//! ```
//! ```yaml as alice in acme-developers, on update
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme
//!   labels: { bulkhead.dev/tenant: acme }
//! ---
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme
//!   labels:
//!     bulkhead.dev/tenant: beta # BH102
//! ```
//! ```yaml as alice in acme-developers, on update
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme }
//! ---
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme
//!   labels: # BH102 BH102
//!     team: payments
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme-annex
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme }
//! ```
//! ```yaml as dave in sre
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: rented-out
//!   labels: { tenant: the-people-upstairs }
//! ```
//! ```yaml as root in system:masters, on update
//! apiVersion: v1
//! kind: Namespace
//! metadata: { name: legacy }
//! ---
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: legacy
//!   labels: { bulkhead.dev/tenant: acme }
//! ```

use super::{Check, NamespaceView, Operation, Request, Retry, Rule, RuleReport, Trust, quote, quote_all};
use crate::keys::PLAIN_TENANT_LABEL;
use crate::keys::TENANT_LABEL;
use crate::snapshot::{Actor, Tenant};

pub(super) const RULE: Rule = Rule::new(Check::Namespace(check))
    .watches(&[PLAIN_TENANT_LABEL, TENANT_LABEL])
    .trusts(&[Trust::Platform])
    .retries(Retry::Refresh);

fn check(
    request: &Request<'_>,
    new: &NamespaceView<'_>,
    old: Option<&NamespaceView<'_>>,
    report: &mut RuleReport,
) {
    let new = &new.metadata;
    let actor = request.actor();
    let old_value = |key| old.and_then(|old| old.metadata.label_value(key));
    let tenant = new.label_value(TENANT_LABEL);

    if old_value(TENANT_LABEL) != tenant {
        let path = new.at_root().label_path(TENANT_LABEL);
        match (request.operation, tenant) {
            (Operation::Create, Some(tenant)) if !actor.acts_for(tenant) => {
                let message = format!("you are not an owner of tenant {}", quote(tenant));
                report.add(&path, message, own_tenant(request, tenant));
            }
            (Operation::Update, _) => {
                let keep = match old_value(TENANT_LABEL) {
                    Some(previous) if request.may_reveal(previous) => {
                        format!("keep {}", quote(&format!("{TENANT_LABEL}: {previous}")))
                    }
                    Some(_) => "keep the label as it is".to_owned(),
                    None => "remove the label".to_owned(),
                };
                report.add(
                    &path,
                    "only the platform may move a namespace to a tenant or away from one",
                    format!("{keep}, or ask the platform to move the namespace."),
                );
            }
            (Operation::Create | Operation::Delete | Operation::Connect, _) => {}
        }
    }

    let plain_label = new.label_value(PLAIN_TENANT_LABEL);
    if request.snapshot.settings.plain_tenant_label && old_value(PLAIN_TENANT_LABEL) != plain_label {
        let owner = match request.operation {
            Operation::Create => tenant.filter(|tenant| actor.acts_for(tenant)),
            Operation::Update | Operation::Delete | Operation::Connect => old_value(TENANT_LABEL),
        };
        // Before the tenant is enforced, the label may keep the meaning that it had in the cluster.
        let is_observed = |owner: &&str| request.snapshot.tenant(owner).is_some_and(Tenant::is_observed);
        let (is_wrong, fix) = match owner.filter(|owner| !is_observed(owner)) {
            Some(owner) => (
                plain_label != Some(owner),
                if request.may_reveal(owner) {
                    format!("set {}.", quote(&format!("{PLAIN_TENANT_LABEL}: {owner}")))
                } else {
                    format!("set the value of `{TENANT_LABEL}`.")
                },
            ),
            None => (
                plain_label
                    .is_some_and(|name| owner != Some(name) && request.snapshot.tenant(name).is_some()),
                "leave the label out, or use another value.".to_owned(),
            ),
        };
        if is_wrong {
            let message = match plain_label {
                Some(plain_label) => {
                    format!(
                        "{} is not the tenant of this namespace, and policies may select by this label",
                        quote(plain_label)
                    )
                }
                None => "this write removes the label, by which policies may select the namespace".to_owned(),
            };
            report.add(&new.at_root().label_path(PLAIN_TENANT_LABEL), message, fix);
        }
    }
}

/// The fix for a user who names `other`, a tenant that is not theirs.
fn own_tenant(request: &Request<'_>, other: &str) -> String {
    match request.actor() {
        Actor::Member(tenants) => {
            let names: Vec<&str> = tenants.iter().map(|tenant| tenant.name.as_str()).collect();
            match names.as_slice() {
                [only] => format!("set `{TENANT_LABEL}: {only}` or leave the label out."),
                _ => format!("set `{TENANT_LABEL}` to one of {} or leave the label out.", quote_all(&names)),
            }
        }
        _ if request.is_by_unlisted_account() => format!(
            "leave the label out, or ask the platform to list this account in `Tenant.spec.owners` of {}, or in \
             `platform.users` of the settings.",
            quote(other)
        ),
        _ => format!(
            "leave the label out, or ask the platform to list you in `Tenant.spec.owners` of {}.",
            quote(other)
        ),
    }
}
