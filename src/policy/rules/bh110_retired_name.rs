//! # BH110 `retired-name`
//!
//! ## What it does
//! Refuses a Tenant, or a tenant's namespace, under a name that was another's.
//!
//! The names of tenants that had namespaces, and of namespaces that do not bear their tenant's name, are kept in
//! the ConfigMap `bulkhead-retired` for as long as a certificate of theirs may live
//! (`mesh.longestCertificateDays` after their end). A Tenant whose namespaces are still there may come back, and a
//! tenant may have its own namespace's name again.
//!
//! ## Why it matters
//! A certificate of the mesh says names, and lets in by names: whoever kept a key of the old `acme` would stand
//! inside the walls of the new one.
//!
//! ## Refused
//! ```yaml as root in system:masters
//! apiVersion: bulkhead.dev/v1alpha1
//! kind: Tenant
//! metadata:
//!   name: departed # BH110
//! spec: {}
//! ```
//! ```yaml as root in system:masters
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: payments # BH110
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme }
//! ```
//!
//! ## Admitted
//! ```yaml as root in system:masters
//! apiVersion: bulkhead.dev/v1alpha1
//! kind: Tenant
//! metadata: { name: long-departed }
//! spec: {}
//! ```
//! ```yaml as root in system:masters
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: billing
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme }
//! ```

use super::{Findings, Place, Retry, Rule, Scope};
use crate::policy::kind::{Kind, Operation};
use crate::policy::object::Object;
use crate::policy::path::Path;
use crate::world::{RETIRED, Retired, TENANT_LABEL};

pub(super) static RULE: Rule = Rule {
    code: "BH110",
    name: "retired-name",
    kinds: &[&[Kind::Namespace, Kind::Tenant]],
    place: Place::Cluster,
    guards: &[TENANT_LABEL],
    ratchet: false,
    retry: Retry::Look,
    source: include_str!("bh110_retired_name.rs"),
    check,
};

fn check(scope: &Scope<'_>, findings: &mut Findings) {
    let world = scope.world;
    let (what, key, gone) = match (scope.object, scope.old, scope.operation) {
        (Object::Tenant(tenant), _, Operation::Create) => {
            let Some((before, gone)) = world.retired.like_tenant(world, tenant.metadata.name_or_prefix())
            else {
                return;
            };
            (
                format!("a tenant `{before}` was called so, or its namespaces"),
                Retired::key_of_tenant(before),
                gone,
            )
        }
        (Object::Namespace(new), old, _) => {
            let Some(tenant) = new.metadata.label_value(TENANT_LABEL) else { return };
            let name = new.metadata.name_or_prefix();
            let had_label = matches!(old, Some(Object::Namespace(old)) if old.metadata.label_value(TENANT_LABEL).is_some());
            let Some((before, gone)) =
                world.retired.like_namespace(world, name, tenant).filter(|_| !had_label)
            else {
                return;
            };
            // One that was there all the time is moved, and the platform knows what is in it.
            let created = scope.namespace().1.map(|namespace| namespace.created);
            if old.is_some() && gone.is_none_or(|gone| created.is_some_and(|created| created <= gone)) {
                return;
            }
            let key = if world.retired.knows_namespace(name) {
                Retired::key_of_namespace(name)
            } else {
                Retired::key_of_tenant(before)
            };
            (format!("it was a namespace of tenant `{before}`"), key, gone)
        }
        _ => return,
    };
    let life = world.settings.certificate_life;
    if gone.is_some_and(|gone| gone.saturating_add(life) < scope.time()) {
        return;
    }
    findings.report(
        &Path::of(&["metadata", "name"]),
        format!("{what}, and a certificate in that name may still live"),
        format!("choose another name; if it is the same party, remove `{key}` from the ConfigMap {RETIRED}"),
    );
}
