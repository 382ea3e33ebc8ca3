//! # BH101 `unowned-namespace`
//!
//! ## What it does
//! Refuses a namespace that a tenant's member creates without saying whose it is, and one of the platform's that
//! bears a tenant's name.
//!
//! Usually nobody has to say it: the label is added at creation, for the one tenant the member acts for,
//! or, for a member of several, for the one the name is of (`tenant-NAME` or `tenant-NAME-…`). What is
//! left is a member of several tenants and a name of none, or of two, of them.
//!
//! ## Why it matters
//! In a namespace that nobody owns no rule of this kind applies: pods need no proxy there, and nothing
//! is closed by default.
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

use super::{Findings, Place, Retry, Rule, Scope};
use crate::policy::kind::{Kind, Operation};
use crate::policy::object::{Form, Object};
use crate::policy::quote;
use crate::world::{Actor, TENANT_LABEL};

pub(super) static RULE: Rule = Rule {
    code: "BH101",
    name: "unowned-namespace",
    kinds: &[&[Kind::Namespace]],
    places: &[Place::Cluster],
    guards: &[TENANT_LABEL],
    ratchet: false,
    retry: Retry::Never,
    source: include_str!("bh101_unowned_namespace.rs"),
    check,
};

fn check(scope: &Scope<'_>, findings: &mut Findings) {
    let (Object::Namespace(namespace), Operation::Create) = (scope.object, scope.operation) else { return };
    let namespace = &namespace.metadata;
    if namespace.label_value(TENANT_LABEL).is_some() {
        return;
    }
    let name = namespace.name_or_prefix();
    let actor = scope.actor();
    let (one, several) = match &actor {
        Actor::Member(tenants) => (actor.tenant_for(name), tenants.as_slice()),
        Actor::Platform => (scope.world.tenant_named_by(name), Default::default()),
        _ => return,
    };
    // As it is written, the label is still to come.
    let is_to_come = one.is_some() && scope.form() == Form::Written;
    let names: Vec<String> =
        one.map_or(several, |_| &[]).iter().copied().chain(one).map(|tenant| quote(&tenant.name)).collect();
    if is_to_come || names.is_empty() {
        return;
    }
    findings.report(
        &namespace.at_root().label_path(TENANT_LABEL),
        "nothing says which tenant this namespace is for",
        format!(
            "write one of the tenants {}: {}",
            if matches!(actor, Actor::Platform) { "it is named for" } else { "you act for" },
            names.join(", ")
        ),
    );
}
