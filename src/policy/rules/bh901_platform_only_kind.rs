//! # BH901 `platform-only-kind`
//!
//! ## What it does
//! Refuses a Tenant, a SharedService or an Exemption, and its status, written by anybody but the platform.
//!
//! A new Tenant is the exception: whoever may create Tenants at all may, in one go with its namespaces. Its owners
//! are he himself or groups of his, it has no grants, no namespaces from before, and is enforced; the platform gives
//! the rest.
//!
//! Whoever acts for the platform is named in the settings (`platform.users`, `platform.groups`). Bulkhead's own
//! controller writes their status. An account that may do everything, such as that of a GitOps tool, may not do
//! this unless it is listed.
//!
//! ## Why it matters
//! These objects say who owns what and what is let be: who can write them needs to get around nothing.
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

use super::{Findings, Place, Retry, Rule, Scope};
use crate::api::{Enforcement, Grants};
use crate::policy::kind::{Kind, Operation};
use crate::policy::object::Object;
use crate::policy::path::Path;
use crate::world::Actor;

pub(super) static RULE: Rule = Rule {
    code: "BH901",
    name: "platform-only-kind",
    kinds: &[&[Kind::Tenant, Kind::SharedService, Kind::Exemption]],
    places: &[Place::Cluster],
    guards: &[],
    ratchet: false,
    retry: Retry::Never,
    source: include_str!("bh901_platform_only_kind.rs"),
    check,
};

fn check(scope: &Scope<'_>, findings: &mut Findings) {
    const ASK: &str = "ask the platform; its accounts are listed in the settings";
    match (scope.actor(), scope.operation, scope.object) {
        // What the platform hung on an owner goes with it: its controller deletes it.
        (Actor::Platform | Actor::Bulkhead, _, _)
        | (Actor::Controller | Actor::AnyController, Operation::Delete, _) => {}
        (_, Operation::Create, Object::Tenant(tenant)) => {
            if tenant.enforcement == Enforcement::Observe {
                findings.report(&Path::of(&["spec", "enforcement"]), "the platform observes tenants", ASK);
            }
            if tenant.grants != Grants::default() {
                findings.report(&Path::of(&["spec", "grants"]), "the platform gives grants", ASK);
            }
            if scope.world.namespaces_of(tenant.metadata.name_or_prefix()).next().is_some() {
                let path = Path::of(&["metadata", "name"]);
                findings.report(&path, "a tenant of this name had namespaces, and they are still there", ASK);
            }
            for (index, _) in tenant.owners.iter().enumerate().filter(|(_, owner)| !scope.user_is(owner)) {
                let path = Path::of(&["spec", "owners"]).index(index);
                findings.report(
                    &path,
                    "it is not you who would own it",
                    "name yourself, or a group of yours",
                );
            }
        }
        _ => {
            let message = "only the platform writes what Bulkhead goes by";
            findings.report(&Path::of(&["metadata"]), message, ASK);
        }
    }
}
