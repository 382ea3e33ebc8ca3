//! # BH901 `platform-only-kind`
//!
//! ## What it refuses
//! Refuses writes to Bulkhead's own kinds except by the platform.
//!
//! These are Tenants, SharedServices and Exemptions, and their status. The settings list the platform's accounts
//! (`platform.users`, `platform.groups`). Bulkhead's controller writes the status. An account with every permission in
//! RBAC, such as that of a GitOps tool, is refused unless it is listed.
//!
//! A new Tenant is the exception. A user with the permission to create Tenants may create one, together with its
//! namespaces, if its owners are the user or groups of the user, it has no grants, its enforcement is `Enforce`, and no
//! namespace of that tenant exists yet. The platform sets the rest.
//!
//! ## Why
//! These objects say who owns what, and which violations are admitted. A user who can write them needs no way around
//! the rules.
//!
//! ## What to write instead
//! Create a Tenant without `grants` and `enforcement`, with yourself or your groups as `owners`.
//!
//! ## How to get it allowed
//! Ask the platform to write the object, or to list the account in `platform.users`. The rule only warns for
//! break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: bulkhead.dev/v1alpha1
//! kind: Exemption
//! metadata: # BH901
//!   name: convenient
//! spec: { rules: [BH301] }
//! ```
//! ```yaml as system:serviceaccount:argocd:application-controller, on delete
//! apiVersion: bulkhead.dev/v1alpha1
//! kind: SharedService
//! metadata: # BH901
//!   name: log-collector
//! ```
//!
//! ```yaml as alice in strangers
//! apiVersion: bulkhead.dev/v1alpha1
//! kind: Tenant
//! metadata: { name: gamma }
//! spec:
//!   enforcement: Observe # BH901
//!   grants: # BH901
//!     reach: { sharedServices: [log-collector] }
//!   owners:
//!     - { kind: User, name: alice }
//!     - { kind: Group, name: strangers }
//!     - { kind: User, name: root } # BH901
//!     - { kind: Group, name: somebody-elses } # BH901
//! ```
//!
//! ## Admitted
//! ```yaml as alice in strangers
//! apiVersion: bulkhead.dev/v1alpha1
//! kind: Tenant
//! metadata: { name: gamma }
//! spec: { owners: [{ kind: User, name: alice }] }
//! ```
//! ```yaml as root in system:masters
//! apiVersion: bulkhead.dev/v1alpha1
//! kind: SharedService
//! metadata: { name: metrics }
//! spec: { namespace: monitoring }
//! ```

use super::{Check, Kind, Kinds, Operation, Request, Rule, RuleReport, Trust};
use crate::api::{Enforcement, Grants};
use crate::policy::object::Object;
use crate::snapshot::Actor;

pub(super) const RULE: Rule = Rule::new(Check::Object(check))
    .kinds(&[Kinds::Only(&[Kind::Tenant, Kind::SharedService, Kind::Exemption])])
    .on(&[Operation::Create, Operation::Update, Operation::Delete])
    .trusts(&[Trust::Platform, Trust::Bulkhead]);

fn check(request: &Request<'_>, report: &mut RuleReport) {
    const ASK: &str = "ask the platform to do it. Its accounts are listed in the settings (`platform.users`, `platform.groups`).";
    match (request.actor(), request.operation, request.object) {
        // The garbage collector deletes an object whose owner the platform has deleted.
        (Actor::KubeController | Actor::KubeControllerManager, Operation::Delete, _) => {}
        (_, Operation::Create, Object::Tenant(tenant)) => {
            let enforcement = tenant.enforcement();
            if enforcement.value == Enforcement::Observe {
                let message = "only the platform may set `enforcement: Observe`, which admits violations";
                report.add(&enforcement.path, message, "remove this field, or ask the platform to set it.");
            }
            let grants = tenant.grants();
            if *grants.value != Grants::default() {
                let message = "only the platform may grant access beyond the tenant";
                report.add(
                    &grants.path,
                    message,
                    "remove this field, or ask the platform to add the grants.",
                );
            }
            if request.snapshot.namespaces_of(tenant.metadata.name_or_generate_name()).next().is_some() {
                let path = Object::name_path();
                let message =
                    "namespaces of a deleted tenant with this name still exist, and would become yours";
                let fix = "choose another name, or ask the platform to create the Tenant.";
                report.add(&path, message, fix);
            }
            let owners = tenant.owners().elements();
            for owner in owners.filter(|owner| !request.user_matches(owner.value)) {
                let message = "the owners of a Tenant that you create must be you or your own groups";
                let fix = "name yourself or a group of yours, and ask the platform to add this owner.";
                report.add(&owner.path, message, fix);
            }
        }
        _ => {
            let message = "only the platform may write this kind, which decides what the rules allow";
            report.add(&Object::metadata_path(), message, ASK);
        }
    }
}
