//! # BH109 `unacknowledged-findings`
//!
//! ## What it does
//! Refuses that a Tenant turns from `Observe` to `Enforce` while its audit has findings that nobody has
//! acknowledged.
//!
//! The controller audits an observed tenant from time to time and writes the number of findings and their digest
//! into the Tenant's status; `bulkhead enforce NAME` shows them. Whoever has seen them writes the digest into
//! `spec.acknowledge`, in Git or by that command. Where nothing was found nothing need be acknowledged.
//!
//! ## Why it matters
//! What the findings name does not come up again once the tenant is enforced: a pod that is evicted at night is
//! refused in the morning.
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
//! spec: { enforcement: Enforce, acknowledge: 5f0c }
//! ```

use super::{Findings, Place, Retry, Rule, Scope};
use crate::api::Enforcement;
use crate::policy::kind::Kind;
use crate::policy::object::Object;
use crate::policy::path::Path;

pub(super) static RULE: Rule = Rule {
    code: "BH109",
    name: "unacknowledged-findings",
    kinds: &[&[Kind::Tenant]],
    places: &[Place::Cluster],
    guards: &[],
    ratchet: false,
    retry: Retry::Never,
    source: include_str!("bh109_unacknowledged_findings.rs"),
    check,
};

fn check(scope: &Scope<'_>, findings: &mut Findings) {
    let (Object::Tenant(new), Some(Object::Tenant(old))) = (scope.object, scope.old) else { return };
    if (old.enforcement, new.enforcement) != (Enforcement::Observe, Enforcement::Enforce) {
        return;
    }
    let name = new.metadata.name_or_prefix();
    let path = Path::of(&["spec", "enforcement"]);
    let has = scope.world.namespaces_of(name).count();
    match old.audit.as_ref().filter(|audit| audit.namespaces == has) {
        None => findings.report(
            &path,
            "what runs there has not been audited yet",
            format!("try again in a minute, or look why: kubectl get tenant {name} -o yaml"),
        ),
        Some(audit) if audit.findings > 0 && new.acknowledge.as_deref() != Some(&*audit.digest) => findings
            .report(
                &path,
                format!("{} findings would be refused from then on", audit.findings),
                format!(
                    "see them with `bulkhead enforce {name}`, then write `spec.acknowledge: {}`",
                    &*audit.digest
                ),
            ),
        Some(_) => {}
    }
}
