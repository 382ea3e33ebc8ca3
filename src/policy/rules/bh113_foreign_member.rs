//! # BH113 `foreign-member`
//!
//! ## What it refuses
//! Refuses members of other tenants in a tenant's namespace.
//!
//! The rule judges every write to a tenant's namespace that reaches the webhook for another rule, and the deletion of the
//! namespace. It refuses users who act for other tenants and not for this one, whatever RBAC allows them. Users who
//! act for no tenant, such as a GitOps account, are judged only by what they write.
//!
//! ## Why
//! A pod in a tenant's namespace is this tenant to all others. One forgotten RoleBinding must not let the members of
//! another tenant create it.
//!
//! ## What to write instead
//! Write to a namespace of your own tenant.
//!
//! ## How to get it allowed
//! Ask the platform to list the account as an owner of both tenants (`Tenant.spec.owners`), or in `platform.users` if it
//! works for all tenants. The rule only warns for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as bob in beta-developers
//! apiVersion: v1
//! kind: ServiceAccount
//! metadata:
//!   name: mine
//!   namespace: tenant-acme # BH113
//! ```
//! ```yaml as bob in beta-developers, on delete
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme # BH113
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme }
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: ServiceAccount
//! metadata: { name: mine, namespace: tenant-acme }
//! ```
//! ```yaml as system:serviceaccount:argocd:controller
//! apiVersion: v1
//! kind: ServiceAccount
//! metadata: { name: delivered, namespace: tenant-acme }
//! ```
//!
//! ## Limits
//! RBAC alone decides on writes that no other rule needs: Services, ConfigMaps, Secrets without tokens, Roles, Ingresses,
//! the deletion of pods and workloads, evictions, scaling, and commands in containers other than the proxy.

use super::{Check, NamespaceClass, Operation, Request, Retry, Rule, RuleReport, quote_all};
use crate::policy::object::Object;
use crate::snapshot::Actor;

pub(super) const RULE: Rule = Rule::new(Check::Object(check))
    .all()
    .in_scopes(&[NamespaceClass::ClusterScoped, NamespaceClass::Tenant])
    // The snapshot may not know yet that the user was made an owner.
    .retries(Retry::Refresh);

fn check(request: &Request<'_>, report: &mut RuleReport) {
    let (tenant, path) = match request.written_namespace() {
        // Other rules judge the label and the name of a new namespace.
        Some(_) if request.operation == Operation::Create => return,
        Some((new, old)) => (request.owner_of_written(old.unwrap_or(new)), Object::name_path()),
        None => (request.tenant.map(|(name, _)| name), Object::namespace_path()),
    };
    let Some(tenant) = tenant else { return };
    let Actor::Member(own) = request.actor() else { return };
    if own.iter().any(|own| own.name == tenant) {
        return;
    }
    let names: Vec<&str> = own.iter().map(|tenant| tenant.name.as_str()).collect();
    let whose = match names.as_slice() {
        [only] => format!("tenant {only}"),
        _ => format!("tenants {}", quote_all(&names)),
    };
    let message = format!("this is not a namespace of {whose}, for which you act");
    let fix = format!(
        "write to a namespace of {whose}, or ask the platform to list you as an owner of this one's tenant."
    );
    report.add(&path, message, fix);
}
