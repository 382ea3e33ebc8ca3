//! # BH109 `unacknowledged-findings`
//!
//! ## What it refuses
//! Refuses `Enforce` for a Tenant with unacknowledged findings.
//!
//! The controller audits each tenant with `enforcement: Observe` regularly, and writes the number of findings and their
//! digest into `status.audit`. The change to `Enforce` needs a current audit. If the audit has findings,
//! `spec.acknowledgedFindings` must hold their digest.
//!
//! ## Why
//! Workloads with findings cannot be created again once the tenant is enforced: a pod that is evicted at night is
//! refused in the morning.
//!
//! ## What to write instead
//! Run `bulkhead enforce NAME`: it lists the findings, prints their digest and, once you confirm, writes both fields.
//! To keep the Tenant in Git, set `spec.acknowledgedFindings` to the digest there.
//!
//! ## How to get it allowed
//! Fix the findings, or acknowledge them. The platform can create an Exemption for a workload with findings of BH3xx.
//! The rule only warns for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as root in system:masters, on update
//! apiVersion: bulkhead.dev/v1alpha1
//! kind: Tenant
//! metadata: { name: acme }
//! spec: { enforcement: Observe }
//! status: { audit: { findings: 2, namespaces: 2, digest: 5f0c } }
//! ---
//! apiVersion: bulkhead.dev/v1alpha1
//! kind: Tenant
//! metadata: { name: acme }
//! spec:
//!   enforcement: Enforce # BH109
//! ```
//! ```yaml as root in system:masters, on update
//! apiVersion: bulkhead.dev/v1alpha1
//! kind: Tenant
//! metadata: { name: acme }
//! spec: { enforcement: Observe }
//! ---
//! apiVersion: bulkhead.dev/v1alpha1
//! kind: Tenant
//! metadata: { name: acme }
//! spec:
//!   enforcement: Enforce # BH109
//! ```
//!
//! ## Admitted
//! ```yaml as root in system:masters, on update
//! apiVersion: bulkhead.dev/v1alpha1
//! kind: Tenant
//! metadata: { name: acme }
//! spec: { enforcement: Observe }
//! status: { audit: { findings: 2, namespaces: 2, digest: 5f0c } }
//! ---
//! apiVersion: bulkhead.dev/v1alpha1
//! kind: Tenant
//! metadata: { name: acme }
//! spec: { enforcement: Enforce, acknowledgedFindings: 5f0c }
//! ```

use super::{Check, Operation, Request, Rule, RuleReport};
use crate::api::Enforcement;
use crate::policy::object::TenantView;

pub(super) const RULE: Rule = Rule::new(Check::Tenant(check)).on(&[Operation::Update]);

fn check(request: &Request<'_>, new: &TenantView<'_>, old: Option<&TenantView<'_>>, report: &mut RuleReport) {
    let is_observed = |tenant: &&TenantView<'_>| tenant.enforcement().value == Enforcement::Observe;
    let Some(old) = old.filter(is_observed).filter(|_| !is_observed(&new)) else { return };
    let name = new.metadata.name_or_generate_name();
    // Another rule refuses other users, who must not learn what the audit found.
    if !request.may_reveal(name) {
        return;
    }
    let path = new.enforcement().path;
    let namespace_count = request.snapshot.namespaces_of(name).count();
    match old.audit.as_ref().filter(|audit| audit.namespaces == namespace_count) {
        None => report.add(
            &path,
            "the controller has not audited the tenant's workloads yet, which `Enforce` may refuse",
            format!("try again in a minute. If this lasts, read `kubectl get tenant {name} -o yaml` and the controller's log."),
        ),
        Some(audit) if audit.findings > 0 && new.acknowledged_findings().map(|digest| &**digest) != Some(&*audit.digest) => report
            .add(
                &path,
                format!("the audit has {} findings, which `Enforce` would refuse", audit.findings),
                format!(
                    "list them with `bulkhead enforce {name}`, then set `spec.acknowledgedFindings: {}`.",
                    &*audit.digest
                ),
            ),
        Some(_) => {}
    }
}
