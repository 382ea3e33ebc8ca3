//! # BH110 `retired-name`
//!
//! ## What it does
//! Refuses a Tenant, or a tenant's namespace, under a name that was another's.
//!
//! The names of tenants that had namespaces, and of namespaces that do not bear their tenant's name, are kept in
//! the ConfigMap `bulkhead-retired` for as long as a certificate of theirs may live
//! (`mesh.longestCertificateDays` after their end). A Tenant whose namespaces are still there may come back, a
//! tenant may have its own namespace's name again, and the platform may move the very namespace (its uid is noted where
//! it does not bear its tenant's name) to another tenant, but not one that was made anew under the name.
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
//! ```yaml as root in system:masters, on update
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: payments
//!   uid: 00000000-0000-4000-8000-000000000002
//! ---
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: payments # BH110
//!   uid: 00000000-0000-4000-8000-000000000002
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme }
//! ```
//!
//! ## Admitted
//! ```yaml as root in system:masters, on update
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: payments
//!   uid: 00000000-0000-4000-8000-000000000001
//! ---
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: payments
//!   uid: 00000000-0000-4000-8000-000000000001
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme }
//! ```
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
use crate::world::{RETIRED, TENANT_LABEL, is_over};

pub(super) static RULE: Rule = Rule {
    code: "BH110",
    name: "retired-name",
    kinds: &[&[Kind::Namespace, Kind::Tenant]],
    places: &[Place::Cluster],
    guards: &[TENANT_LABEL],
    ratchet: false,
    retry: Retry::Look,
    source: include_str!("bh110_retired_name.rs"),
    check,
};

fn check(scope: &Scope<'_>, findings: &mut Findings) {
    let world = scope.world;
    let (what, before) = if let Some((new, old)) = scope.namespaces() {
        let had_label = old.is_some_and(|old| old.tenant().is_some());
        let Some(tenant) = new.tenant().filter(|_| !had_label) else { return };
        let before = world.retired.like_namespace(world, new.metadata.name_or_prefix(), tenant);
        let Some(before) = before else { return };
        // The very one is moved, and the platform knows what is in it.
        if before.uid.is_some() && before.uid == old.and_then(|old| old.metadata.uid.as_deref()) {
            return;
        }
        (format!("it was a namespace of tenant `{}`", before.tenant), before)
    } else if let (Object::Tenant(tenant), Operation::Create) = (scope.object, scope.operation) {
        let before = world.retired.like_tenant(world, tenant.metadata.name_or_prefix());
        let Some(before) = before else { return };
        (format!("a tenant `{}` was called so, or its namespaces", before.tenant), before)
    } else {
        return;
    };
    if is_over(before.gone, &world.settings, scope.time()) {
        return;
    }
    let key = before.key;
    findings.report(
        &Path::of(&["metadata", "name"]),
        format!("{what}, and a certificate in that name may still live"),
        format!("choose another name; if it is the same party, remove `{key}` from the ConfigMap {RETIRED}"),
    );
}
