//! # BH112 `shared-service-in-use`
//!
//! ## What it refuses
//! Refuses the deletion of a SharedService that a Tenant is granted.
//!
//! Every user is refused, the platform included. `kubectl replace --force` and a change of the name delete the object
//! too.
//!
//! ## Why
//! The policies of a SharedService allow only granted tenants to reach its pods. Without the object the controller does
//! not maintain them, and the tenants lose the service.
//!
//! ## What to write instead
//! Remove the service from `grants.reach.sharedServices` of the Tenants first. To rename a service, create the new
//! SharedService, grant it, and then delete the old one.
//!
//! ## How to get it allowed
//! Never. The rule only warns for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as root in system:masters, on delete
//! apiVersion: bulkhead.dev/v1alpha1
//! kind: SharedService
//! metadata:
//!   name: log-collector # BH112
//! ```
//!
//! ## Admitted
//! ```yaml as root in system:masters, on delete
//! apiVersion: bulkhead.dev/v1alpha1
//! kind: SharedService
//! metadata: { name: unused }
//! ```
//!
//! ## Limits
//! The webhook does not know pods. If the pods of a SharedService still run after its deletion, the controller keeps the
//! policies that select them until the last of these pods is gone.

use super::{Check, Kind, Kinds, Operation, Request, Retry, Rule, RuleReport, quote_all};
use crate::policy::object::{MetadataAt, Object};
use crate::snapshot::Actor;

pub(super) const RULE: Rule = Rule::new(Check::Metadata(check))
    .kinds(&[Kinds::Only(&[Kind::SharedService])])
    .on(&[Operation::Delete])
    .retries(Retry::Refresh);

fn check(request: &Request<'_>, metadata: MetadataAt<'_>, report: &mut RuleReport) {
    // Another rule refuses other users, who must not learn anything about the tenants.
    if matches!(request.actor(), Actor::Member(_) | Actor::Other) {
        return;
    }
    let name = metadata.metadata.name.as_deref().unwrap_or_default();
    let tenants = request.snapshot.tenants();
    let granted =
        tenants.filter(|tenant| tenant.grants.reach.shared_services.iter().any(|known| known == name));
    let granted: Vec<&str> = granted.map(|tenant| tenant.name.as_str()).collect();
    if !granted.is_empty() {
        report.add(
            &Object::name_path(),
            format!(
                "these tenants are granted the service, whose pods would stay behind: {}",
                quote_all(&granted)
            ),
            "remove it from `grants.reach.sharedServices` of these Tenants first.",
        );
    }
}
