//! # BH110 `retired-name`
//!
//! ## What it refuses
//! Refuses Tenant and namespace names that are still reserved.
//!
//! The controller records names in the ConfigMaps `bulkhead-retired` and `bulkhead-retired-1` to `-15`: those of deleted Tenants that had namespaces, and
//! those of tenants' former namespaces that are not named after their tenant. It reserves each for
//! `mesh.maxCertificateDays` after the deletion. Under a reserved name, or one that conflicts with it, no Tenant
//! may be created and no namespace may be given to another tenant. Three uses are admitted: a Tenant whose namespaces
//! still exist may be created again, a tenant may reuse the name of its own namespace, and the platform may move the
//! same namespace (by its recorded UID) to another tenant, but not a new one under the same name.
//!
//! ## Why
//! A mesh certificate contains names and grants access by names. A user who kept a key of the old tenant `acme` would
//! have access to the new one.
//!
//! ## What to write instead
//! Choose another name.
//!
//! ## How to get it allowed
//! Wait until the reservation ends. If the new owner is the same party, ask the platform to remove the entry from the
//! ConfigMap that the refusal names, in Bulkhead's namespace. The rule only warns for break-glass accounts
//! (`platform.breakGlassGroups`).
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

use super::{Check, Kind, Kinds, Operation, Request, Retry, Rule, RuleReport};
use crate::keys::TENANT_LABEL;
use crate::policy::object::Object;
use crate::snapshot::{ReservedName, has_expired};

pub(super) const RULE: Rule = Rule::new(Check::Object(check))
    .kinds(&[Kinds::Only(&[Kind::Namespace, Kind::Tenant])])
    .watches(&[TENANT_LABEL])
    .retries(Retry::Refresh);

fn check(request: &Request<'_>, report: &mut RuleReport) {
    let snapshot = request.snapshot;
    let (finding, reserved) = if let Some((new, old)) = request.written_namespace() {
        let had_tenant = old.is_some_and(|old| old.tenant().is_some());
        // Another rule refuses users who do not act for the tenant. They must not learn who had the name.
        let is_judged = |tenant: &&str| !had_tenant && request.may_reveal(tenant);
        let Some(tenant) = new.tenant().filter(is_judged) else { return };
        let reserved = snapshot.reserved_names.conflict_for_namespace(
            snapshot,
            new.metadata.name_or_generate_name(),
            tenant,
        );
        let Some(reserved) = reserved else { return };
        // The platform moves the recorded namespace itself, and knows its contents.
        if reserved.uid.is_some() && reserved.uid == old.and_then(|old| old.metadata.uid.as_deref()) {
            return;
        }
        (format!("this name belonged to {}", request.tenant_in_words(reserved.tenant)), reserved)
    } else if let (Object::Tenant(tenant), Operation::Create) = (request.object, request.operation) {
        let reserved =
            snapshot.reserved_names.conflict_for_tenant(snapshot, tenant.metadata.name_or_generate_name());
        let may_create =
            |known: &ReservedName<'_>| request.may_reveal(known.tenant) || request.may_create_own_tenant();
        let Some(reserved) = reserved.filter(may_create) else { return };
        let deleted = if request.may_reveal(reserved.tenant) {
            format!("the deleted tenant {}", reserved.tenant)
        } else {
            "a deleted tenant".to_owned()
        };
        (format!("the name conflicts with {deleted}"), reserved)
    } else {
        return;
    };
    if has_expired(reserved.released_at, &snapshot.settings, request.time()) {
        return;
    }
    let fix = if request.may_reveal(reserved.tenant) {
        let (key, config_map) = (reserved.key, reserved.config_map());
        format!(
            "choose another name. For the same party, ask the platform to remove `{key}` from the ConfigMap `{config_map}`."
        )
    } else {
        "choose another name, or ask the platform when this one is free.".to_owned()
    };
    report.add(&Object::name_path(), format!("{finding}, whose mesh certificates may still be valid"), fix);
}
