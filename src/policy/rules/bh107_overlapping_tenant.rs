//! # BH107 `overlapping-tenant`
//!
//! ## What it refuses
//! Refuses a Tenant whose namespace names conflict with another's.
//!
//! The namespaces of a tenant `acme` are `tenant-acme` and `tenant-acme-…`, and those of a tenant `acme-eu` would be
//! among them. If both are created at once and both are admitted, the newer one is inactive, and its status says so
//! (`NameConflict`).
//!
//! ## Why
//! Principals, hosts and dashboards identify a namespace by a prefix of its name. Two tenants with one prefix are one
//! tenant to them.
//!
//! ## What to write instead
//! Choose a name that does not begin with another Tenant's name and `-`, and with which no other Tenant's name begins.
//!
//! ## How to get it allowed
//! Never while the other Tenant exists. The rule only warns for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as root in system:masters
//! apiVersion: bulkhead.dev/v1alpha1
//! kind: Tenant
//! metadata:
//!   name: acme-eu # BH107
//! spec: { owners: [] }
//! ```
//!
//! ## Admitted
//! ```yaml as root in system:masters
//! apiVersion: bulkhead.dev/v1alpha1
//! kind: Tenant
//! metadata: { name: acmeeu }
//! spec: { owners: [] }
//! ```

use super::{Check, Operation, Request, Rule, RuleReport, quote};
use crate::policy::object::{Object, TenantView};
use crate::snapshot::NAMESPACE_PREFIX;

pub(super) const RULE: Rule = Rule::new(Check::Tenant(check)).on(&[Operation::Create]);

fn check(
    request: &Request<'_>,
    tenant: &TenantView<'_>,
    _: Option<&TenantView<'_>>,
    report: &mut RuleReport,
) {
    let name = tenant.metadata.name_or_generate_name();
    if let Some(other) = request.snapshot.overlapping_tenant(name) {
        if !request.may_reveal(other) {
            // Another rule refuses other users, who must not learn that the tenant exists.
            if request.may_create_own_tenant() {
                let message = format!(
                    "a namespace that is named after tenant {} could belong to another tenant too",
                    quote(name)
                );
                let fix = "choose another name, if possible one without `-`.";
                report.add(&Object::name_path(), message, fix);
            }
            return;
        }
        let shorter = if name.len() < other.len() { name } else { other };
        report.add(
            &Object::name_path(),
            format!(
                "a namespace `{NAMESPACE_PREFIX}{shorter}-…` could belong to tenant {name} or to tenant {other}"
            ),
            if shorter == other {
                format!("choose a name that does not begin with `{other}-`, such as `{}`.", name.replace('-', ""))
            } else {
                format!("choose a name that is not the beginning of `{other}`.")
            },
        );
    }
}
