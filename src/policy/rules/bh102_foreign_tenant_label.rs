//! # BH102 `foreign-tenant-label`
//!
//! ## What it does
//! Refuses a namespace that says it is a tenant's, written by somebody who does not act for that tenant.
//!
//! The labels `bulkhead.dev/tenant` and, beside it, `tenant` are set when a namespace is created and stay:
//! only the platform moves a namespace. It does not matter through which door the label changes
//! (`namespaces`, `namespaces/status`, `namespaces/finalize`). Where `bulkhead.dev/tenant` is absent, the
//! plain `tenant` label may mean what it likes, unless its value is the name of a tenant.
//!
//! ## Why it matters
//! Every policy of the baseline selects by this label. A namespace that carries another tenant's name
//! stands inside that tenant's walls; one that has lost its label stands in none.
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

use super::{Findings, Place, Retry, Rule, Scope};
use crate::baseline::PLAIN_TENANT_LABEL;
use crate::policy::kind::{Kind, Operation};
use crate::policy::object::Namespace;
use crate::policy::quote_all;
use crate::world::{Actor, TENANT_LABEL, Tenant};

pub(super) static RULE: Rule = Rule {
    code: "BH102",
    name: "foreign-tenant-label",
    kinds: &[&[Kind::Namespace]],
    places: &[Place::Cluster],
    guards: &[PLAIN_TENANT_LABEL, TENANT_LABEL],
    ratchet: false,
    retry: Retry::Look,
    source: include_str!("bh102_foreign_tenant_label.rs"),
    check,
};

fn check(scope: &Scope<'_>, findings: &mut Findings) {
    let Some((Namespace { metadata: new, .. }, old)) = scope.namespaces() else { return };
    let actor = scope.actor();
    if matches!(actor, Actor::Platform) {
        return;
    }
    let before = |key| old.and_then(|old| old.metadata.label_value(key));
    let tenant = new.label_value(TENANT_LABEL);

    if before(TENANT_LABEL) != tenant {
        let path = new.at_root().label_path(TENANT_LABEL);
        match (scope.operation, tenant) {
            (Operation::Create, Some(tenant)) if !actor.acts_for(tenant) => {
                findings.report(&path, format!("you do not act for a tenant `{tenant}`"), acts_for(actor));
            }
            (Operation::Update, _) => {
                let kept =
                    before(TENANT_LABEL).map_or("remove it".to_owned(), |kept| format!("keep `{kept}`"));
                findings.report(
                    &path,
                    "only the platform moves a namespace to a tenant or away from one",
                    kept,
                );
            }
            (Operation::Create | Operation::Delete, _) => {}
        }
    }

    let plain = new.label_value(PLAIN_TENANT_LABEL);
    if scope.world.settings.plain_tenant_label && before(PLAIN_TENANT_LABEL) != plain {
        let owner = match scope.operation {
            Operation::Create => tenant.filter(|tenant| actor.acts_for(tenant)),
            Operation::Update | Operation::Delete => before(TENANT_LABEL),
        };
        // What the label meant in a cluster that only adopts Bulkhead it may go on meaning.
        let is_observed = |owner: &&str| scope.world.tenant(owner).is_some_and(Tenant::is_observed);
        let (wrong, fix) = match owner.filter(|owner| !is_observed(owner)) {
            Some(owner) => (plain != Some(owner), format!("write `{owner}`")),
            None => (
                plain.is_some_and(|name| owner != Some(name) && scope.world.tenant(name).is_some()),
                "write another value".to_owned(),
            ),
        };
        if wrong {
            let message = match plain {
                Some(plain) => format!("`{plain}` is not whose namespace this is"),
                None => "it says whose namespace this is, and is gone".to_owned(),
            };
            findings.report(&new.at_root().label_path(PLAIN_TENANT_LABEL), message, fix);
        }
    }
}

/// What to write instead of a tenant that is not the actor's.
fn acts_for(actor: &Actor<'_>) -> String {
    match actor {
        Actor::Member(tenants) => {
            let names: Vec<&str> = tenants.iter().map(|tenant| tenant.name.as_str()).collect();
            format!("write a tenant you act for: {}", quote_all(&names))
        }
        _ => "remove the label, or ask the platform for a tenant".to_owned(),
    }
}
