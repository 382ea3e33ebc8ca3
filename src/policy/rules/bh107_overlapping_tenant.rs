//! # BH107 `overlapping-tenant`
//!
//! ## What it does
//! Refuses a Tenant whose namespaces and another tenant's could bear the same names.
//!
//! The namespaces of a tenant `acme` are `tenant-acme` and `tenant-acme-…`; those of a tenant `acme-eu` would
//! be among them. Where two arrive at once and both pass, the younger does not count, and its status says so.
//!
//! ## Why it matters
//! Principals, hosts and dashboards name a namespace by the beginning of its name. Two tenants behind one
//! beginning are one.
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

use super::{Findings, Place, Retry, Rule, Scope};
use crate::policy::kind::{Kind, Operation};
use crate::policy::object::Object;
use crate::policy::path::Path;
use crate::world::NAMESPACE_PREFIX;

pub(super) static RULE: Rule = Rule {
    code: "BH107",
    name: "overlapping-tenant",
    kinds: &[&[Kind::Tenant]],
    places: &[Place::Cluster],
    guards: &[],
    ratchet: false,
    retry: Retry::Never,
    source: include_str!("bh107_overlapping_tenant.rs"),
    check,
};

fn check(scope: &Scope<'_>, findings: &mut Findings) {
    let (Object::Tenant(tenant), Operation::Create) = (scope.object, scope.operation) else { return };
    let name = tenant.metadata.name_or_prefix();
    if let Some(other) = scope.world.overlap(name) {
        let shorter = if name.len() < other.len() { name } else { other };
        findings.report(
            &Path::of(&["metadata", "name"]),
            format!(
                "a namespace `{NAMESPACE_PREFIX}{shorter}-…` could be tenant {name}'s and tenant {other}'s"
            ),
            format!(
                "choose a name that does not begin with the other's and `-`, as `{}`",
                name.replace('-', "")
            ),
        );
    }
}
