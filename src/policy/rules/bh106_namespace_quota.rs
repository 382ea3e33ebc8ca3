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

use super::{Kinds, NamespaceClass, Request, Retry, Rule, RuleReport};
use crate::keys::TENANT_LABEL;
use crate::kinds::Kind;
use crate::policy::object::NamespaceView;
use crate::snapshot::Actor;

pub(super) static RULE: Rule = Rule {
    code: "BH106",
    name: "namespace-quota",
    kinds: &[Kinds::Only(&[Kind::Namespace])],
    scopes: &[NamespaceClass::ClusterScoped],
    watched_labels: &[TENANT_LABEL],
    ratchet: false,
    retry: Retry::Never,
    source: include_str!("bh106_namespace_quota.rs"),
    check,
};

fn check(request: &Request<'_>, report: &mut RuleReport) {
    let Some((new, old)) = request.written_namespace() else { return };
    let joins = new.tenant().filter(|tenant| old.and_then(NamespaceView::tenant) != Some(tenant));
    let Some(tenant) = joins.and_then(|name| request.snapshot.tenant(name)) else { return };
    let actor = request.actor();
    if !(matches!(actor, Actor::Platform) || actor.acts_for(&tenant.name)) {
        // Another rule refuses the user, who must not learn anything about the tenant.
        return;
    }
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
