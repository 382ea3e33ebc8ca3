//! # BH104 `reserved-namespace-name`
//!
//! ## What it does
//! Refuses a namespace under a name that is the platform's or another tenant's, created by anybody but the
//! platform.
//!
//! The platform's are the names and the beginnings of names that the settings list. A tenant's are
//! `tenant-NAME` and `tenant-NAME-…`, and a tenant's namespace has no other.
//!
//! ## Why it matters
//! What is listed there is trusted by its name: no rule for tenants applies in it, and policies all over
//! the cluster let it in. Whoever creates such a namespace first, or again after it was deleted, would
//! inherit that trust. A workload's identity in the mesh has no more of a namespace in it than the name.
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: istio-system # BH104
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme }
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-beta-annex # BH104
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme }
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: com # BH104
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme }
//! ```
//! ```yaml as mallory in strangers
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme-annex # BH104
//! ```
//! ```yaml as mallory in strangers
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: kube-flannel # BH104
//! ```
//!
//! ## Admitted
//! ```yaml as mallory in strangers
//! apiVersion: v1
//! kind: Namespace
//! metadata: { name: tenant-gamma }
//! ```
//! ```yaml as root in system:masters
//! apiVersion: v1
//! kind: Namespace
//! metadata: { name: istio-system }
//! ```

use super::{Findings, Place, Retry, Rule, Scope};
use crate::policy::kind::{Kind, Operation};
use crate::policy::object::{Namespace, Object};
use crate::policy::path::Path;
use crate::policy::quote;
use crate::world::{Actor, NAMESPACE_PREFIX, TENANT_LABEL};

pub(super) static RULE: Rule = Rule {
    code: "BH104",
    name: "reserved-namespace-name",
    kinds: &[&[Kind::Namespace]],
    places: &[Place::Cluster],
    guards: &[],
    ratchet: false,
    retry: Retry::Look,
    source: include_str!("bh104_reserved_namespace_name.rs"),
    check,
};

fn check(scope: &Scope<'_>, findings: &mut Findings) {
    let (Object::Namespace(Namespace { metadata, .. }), Operation::Create) = (scope.object, scope.operation)
    else {
        return;
    };
    let actor = scope.actor();
    if matches!(actor, Actor::Platform) {
        return;
    }
    let world = scope.world;
    let name = metadata.name_or_prefix();
    let begins = |prefix: &String| name.starts_with(prefix.as_str());
    let own = metadata.label_value(TENANT_LABEL).filter(|tenant| actor.acts_for(tenant));
    let own = own.and_then(|own| world.tenant(own)).or_else(|| actor.tenant_for(name));
    let path = Path::of(&["metadata", "name"]);
    if world.settings.is_reserved(name) || world.settings.reserved_prefixes.iter().any(begins) {
        findings.report(
            &path,
            format!("{} is reserved for the platform", quote(name)),
            "choose another name",
        );
    } else if let Some(own) = own.filter(|own| !own.names(name)) {
        let fix = format!("write `{NAMESPACE_PREFIX}{0}` or `{NAMESPACE_PREFIX}{0}-…`", own.name);
        findings.report(&path, format!("{} is not named as one of tenant {}", quote(name), own.name), fix);
    } else if let Some(other) = world.tenant_named_by(name).filter(|other| !actor.acts_for(&other.name)) {
        let message = format!("{} is named as one of tenant {}", quote(name), other.name);
        findings.report(&path, message, "choose another name");
    }
}
