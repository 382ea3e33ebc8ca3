//! # BH106 `namespace-quota`
//!
//! ## What it does
//! Refuses a namespace that its tenant has no room for: it has as many as `spec.namespaces.limit` says.
//!
//! It does not matter who asks; the platform raises the limit. Where two arrive at once and both pass, the
//! younger is never made ready, until an older one is gone.
//!
//! ## Why it matters
//! Each namespace brings objects, quotas and names with it that the whole cluster pays for.
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

use super::{Findings, Place, Retry, Rule, Scope};
use crate::policy::kind::Kind;
use crate::policy::object::Namespace;
use crate::world::{Actor, TENANT_LABEL};

pub(super) static RULE: Rule = Rule {
    code: "BH106",
    name: "namespace-quota",
    kinds: &[&[Kind::Namespace]],
    places: &[Place::Cluster],
    guards: &[TENANT_LABEL],
    ratchet: false,
    retry: Retry::Never,
    source: include_str!("bh106_namespace_quota.rs"),
    check,
};

fn check(scope: &Scope<'_>, findings: &mut Findings) {
    let Some((new, old)) = scope.namespaces() else { return };
    let comes_to = new.tenant().filter(|tenant| old.and_then(Namespace::tenant) != Some(tenant));
    let Some(tenant) = comes_to.and_then(|name| scope.world.tenant(name)) else { return };
    let actor = scope.actor();
    if !(matches!(actor, Actor::Platform) || actor.acts_for(&tenant.name)) {
        // It is refused anyway, and hears nothing of the tenant.
        return;
    }
    let name = new.metadata.name_or_prefix();
    let others = scope.world.namespaces_of(&tenant.name).filter(|other| *other != name).count();
    if let Some(limit) = tenant.limit.filter(|limit| others >= *limit) {
        findings.report(
            &new.metadata.at_root().label_path(TENANT_LABEL),
            format!("tenant {} may have {limit} namespaces, and has {others}", tenant.name),
            "delete one, or have the platform raise `spec.namespaces.limit` of the Tenant",
        );
    }
}
