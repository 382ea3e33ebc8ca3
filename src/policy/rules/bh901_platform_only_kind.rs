//! # BH901 `platform-only-kind`
//!
//! ## What it refuses
//! Refuses writes to Bulkhead's own kinds except by the platform.
//!
//! These are Tenants, SharedServices and Exemptions, and their status. The settings list the platform's accounts
//! (`platform.users`, `platform.groups`). Bulkhead's controller writes the status. An account with every permission in
//! RBAC, such as that of a GitOps tool, is refused unless it is listed.
//!
//! A new Tenant can be the exception. If the setting `platform.selfServiceGroups` lists a group, each of its members may
//! create one Tenant for themselves: with their own user as the only owner, every other field at its default, and a
//! name after which no namespace is named, and that no Tenant, SharedService or Exemption refers to. Service accounts and other users whose names begin with `system:` may not:
//! they apply manifests that others wrote.
//!
//! ## Why
//! These objects say who owns what, and which violations are admitted. A user who can write them needs no way around
//! the rules. Owners of a Tenant can create namespaces only under that Tenant's names, so a user who could name others
//! as owners could stop a colleague or a GitOps tool.
//!
//! ## What to write instead
//! Create a Tenant with your own user as the only owner, and no other field.
//!
//! ## How to get it allowed
//! Ask the platform to write the object, or to list the account in `platform.users`. For Tenants that users create for
//! themselves, ask it to list one of your groups in `platform.selfServiceGroups`. The rule only warns for
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
//! ```yaml as alice in acme-developers
//! apiVersion: bulkhead.dev/v1alpha1
//! kind: Tenant
//! metadata: # BH901
//!   name: gamma
//! spec: { owners: [{ kind: User, name: alice }] }
//! ```
//!
//! ```yaml as dave in employees
//! apiVersion: bulkhead.dev/v1alpha1
//! kind: Tenant
//! metadata:
//!   name: gamma
//!   finalizers: [example.com/kept] # BH901
//! spec:
//!   enforcement: Observe # BH901
//!   contact: dave@example.com # BH901
//!   namespaceQuota: { services.loadbalancers: "1000" } # BH901
//!   grants: # BH901
//!     reach: { sharedServices: [log-collector] }
//!   owners:
//!     - { kind: User, name: dave }
//!     - { kind: Group, name: employees } # BH901
//!     - { kind: ServiceAccount, namespace: argocd, name: application-controller } # BH901
//! ```
//!
//! ```yaml as system:serviceaccount:argocd:application-controller in employees
//! apiVersion: bulkhead.dev/v1alpha1
//! kind: Tenant
//! metadata: # BH901
//!   name: gamma
//! spec: { owners: [{ kind: ServiceAccount, namespace: argocd, name: application-controller }] }
//! ```
//!
//! ```yaml as dave in employees
//! apiVersion: bulkhead.dev/v1alpha1
//! kind: Tenant
//! metadata: { name: gamma }
//! spec:
//!   owners: [] # BH901
//! ```
//!
//! ```yaml as dave in employees, in snapshot expected-tenant
//! apiVersion: bulkhead.dev/v1alpha1
//! kind: Tenant
//! metadata:
//!   name: gamma # BH901
//! spec: { owners: [{ kind: User, name: dave }] }
//! ```
//!
//! ## Admitted
//! ```yaml as dave in employees
//! apiVersion: bulkhead.dev/v1alpha1
//! kind: Tenant
//! metadata: { name: gamma }
//! spec: { owners: [{ kind: User, name: dave }] }
//! ```
//! ```yaml as root in system:masters
//! apiVersion: bulkhead.dev/v1alpha1
//! kind: SharedService
//! metadata: { name: metrics }
//! spec: { namespace: monitoring }
//! ```
//!
//! ## Limits
//! A user who creates two Tenants in the same moment can get both.

use super::{Check, Kind, Kinds, Operation, Request, Rule, RuleReport, Trust, quote};
use crate::api::{Subject, SubjectKind};
use crate::policy::object::{Object, TenantView};
use crate::snapshot::{Actor, Tenant};

pub(super) const RULE: Rule = Rule::new(Check::Object(check))
    .kinds(&[Kinds::Only(&[Kind::Tenant, Kind::SharedService, Kind::Exemption])])
    .on(&[Operation::Create, Operation::Update, Operation::Delete])
    .trusts(&[Trust::Platform, Trust::Bulkhead])
    .relied_on();

fn check(request: &Request<'_>, report: &mut RuleReport) {
    const ASK: &str = "ask the platform to do it. Its accounts are listed in the settings (`platform.users`, `platform.groups`).";
    match (request.actor(), request.operation, request.object) {
        // The garbage collector deletes an object whose owner the platform has deleted.
        (Actor::KubeController | Actor::KubeControllerManager, Operation::Delete, _) => {}
        (_, Operation::Create, Object::Tenant(tenant)) if request.may_create_own_tenant() => {
            check_own_tenant(request, tenant, report);
        }
        _ => {
            let message = "only the platform may write this kind, which decides what the rules allow";
            report.add(&Object::metadata_path(), message, ASK);
        }
    }
}

/// Judges a Tenant that a user creates for themselves.
fn check_own_tenant(request: &Request<'_>, tenant: &TenantView<'_>, report: &mut RuleReport) {
    let user = request.user_name();
    let is_user = |owner: &Subject| owner.kind == SubjectKind::User && owner.name == user;
    for path in tenant.fields_with_values() {
        let message = "only the platform may set this field of a Tenant";
        report.add(&path, message, "remove this field, or ask the platform to set it.");
    }
    let owners = tenant.owners();
    let has_none = owners.value.is_empty();
    let only_you = "the only owner of a Tenant that you create must be you";
    let fix = format!("name the user {} alone, and ask the platform to add other owners.", quote(user));
    if has_none {
        report.add(&owners.path, only_you, fix.clone());
    }
    for owner in owners.elements().filter(|owner| !is_user(owner.value)) {
        report.add(&owner.path, only_you, fix.clone());
    }
    if request.snapshot.namespaces_of(tenant.metadata.name_or_generate_name()).next().is_some()
        || request.snapshot.namespaces_named_for(tenant.metadata.name_or_generate_name()).next().is_some()
    {
        let message = "namespaces of this name already exist, and would become yours";
        let fix = "choose another name, or ask the platform to create the Tenant.";
        report.add(&Object::name_path(), message, fix);
    }
    if request.snapshot.expects_tenant(tenant.metadata.name_or_generate_name()) {
        let message = "the platform refers to a tenant of this name, and its grants would become yours";
        let fix = "choose another name, or ask the platform to create the Tenant.";
        report.add(&Object::name_path(), message, fix);
    }
    if let Some(own) = request.snapshot.tenants().find(|known: &&Tenant| known.owners.iter().any(is_user)) {
        let message = format!("you already own tenant {}", quote(&own.name));
        report.add(
            &Object::name_path(),
            message,
            "use that tenant, or ask the platform to create another one.",
        );
    }
}
