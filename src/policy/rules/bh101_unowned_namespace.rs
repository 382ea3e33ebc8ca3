//! # BH101 `unowned-namespace`
//!
//! ## What it refuses
//! Refuses new namespaces that do not say which tenant they are for.
//!
//! The label `bulkhead.dev/tenant` says it. Bulkhead normally adds the label at creation: for a member of one tenant;
//! for a member of several tenants, if the name (`tenant-NAME` or `tenant-NAME-…`) belongs to exactly one of them; and
//! for the platform, if the name belongs to a tenant. The rule refuses the rest: a member of several tenants whose new
//! namespace is named after none or two of them, and a namespace that Bulkhead did not label, because its name is
//! reserved or because the mutating webhook did not answer.
//!
//! ## Why
//! The rules for tenants do not apply in a namespace without this label: pods need no proxy there, and no policy denies
//! traffic by default.
//!
//! ## What to write instead
//! Set the label `bulkhead.dev/tenant` to a tenant that you own, and name the namespace `tenant-NAME` or
//! `tenant-NAME-…` after it.
//!
//! ## How to get it allowed
//! Ask the platform to create the namespace. Platform accounts, and accounts that act for no tenant, may leave the
//! label out if the name belongs to no tenant. The rule only warns for break-glass accounts
//! (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as carol in acme-developers, beta-developers
//! apiVersion: v1
//! kind: Namespace
//! metadata: # BH101
//!   name: playground
//! ```
//!
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Namespace
//! metadata: # BH101
//!   name: tenant-acme-annex
//! ```
//! ```yaml as root in system:masters
//! apiVersion: v1
//! kind: Namespace
//! metadata: # BH101
//!   name: tenant-acme-annex
//! ```
//!
//! ## Admitted
//! ```yaml as carol in acme-developers, beta-developers
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme-playground
//!   labels: { bulkhead.dev/tenant: acme }
//! ```
//! ```yaml as dave in sre
//! apiVersion: v1
//! kind: Namespace
//! metadata: { name: observability }
//! ```

use super::{Check, NamespaceView, Operation, Request, Rule, RuleReport, quote};
use crate::keys::TENANT_LABEL;
use crate::policy::object::Stage;
use crate::snapshot::{Actor, NAMESPACE_PREFIX};

pub(super) const RULE: Rule =
    Rule::new(Check::Namespace(check)).watches(&[TENANT_LABEL]).on(&[Operation::Create]);

fn check(
    request: &Request<'_>,
    new: &NamespaceView<'_>,
    _: Option<&NamespaceView<'_>>,
    report: &mut RuleReport,
) {
    let namespace = &new.metadata;
    if namespace.label_value(TENANT_LABEL).is_some() {
        return;
    }
    let name = namespace.name_or_generate_name();
    let actor = request.actor();
    // BH104 refuses the name, with another fix.
    if !matches!(actor, Actor::Platform) && request.snapshot.settings.reserves_namespace_name(name) {
        return;
    }
    let (implied, candidates) = match &actor {
        Actor::Member(tenants) => (actor.tenant_for(name), tenants.as_slice()),
        Actor::Platform => (request.snapshot.tenant_by_namespace_name(name), Default::default()),
        _ => return,
    };
    // The mutating webhook has not added the label yet.
    let is_added_on_create = implied.is_some() && request.stage() == Stage::Authored;
    let names: Vec<String> = implied
        .map_or(candidates, |_| &[])
        .iter()
        .copied()
        .chain(implied)
        .map(|tenant| quote(&tenant.name))
        .collect();
    if is_added_on_create || names.is_empty() {
        return;
    }
    report.add(
        &namespace.at_root().label_path(TENANT_LABEL),
        "the label is missing, and without it no rule for tenants applies to the namespace",
        if matches!(actor, Actor::Platform) {
            format!(
                "set it to {}, the tenant that the name belongs to, or choose another name.",
                names.join(", ")
            )
        } else {
            format!(
                "set it to a tenant that you own ({}), and name the namespace `{NAMESPACE_PREFIX}NAME` or \
                 `{NAMESPACE_PREFIX}NAME-…` after that tenant.",
                names.join(", ")
            )
        },
    );
}
