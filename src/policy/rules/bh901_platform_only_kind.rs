//! # BH901 `platform-only-kind`
//!
//! ## What it does
//! Refuses a Tenant, a SharedService or an Exemption, and its status, written by anybody but the platform.
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
//! ## Admitted
//! ```yaml as root in system:masters
//! apiVersion: bulkhead.dev/v1alpha1
//! kind: SharedService
//! metadata: { name: metrics }
//! spec: { namespace: monitoring }
//! ```

use super::{Findings, Place, Retry, Rule, Scope};
use crate::policy::kind::{Kind, Operation};
use crate::policy::path::Path;
use crate::world::Actor;

pub(super) static RULE: Rule = Rule {
    code: "BH901",
    name: "platform-only-kind",
    kinds: &[Kind::Tenant, Kind::SharedService, Kind::Exemption],
    place: Place::Cluster,
    guards: &[],
    ratchet: false,
    retry: Retry::Never,
    source: include_str!("bh901_platform_only_kind.rs"),
    check,
};

fn check(scope: &Scope<'_>, findings: &mut Findings) {
    let may = match scope.actor() {
        Actor::Platform | Actor::Bulkhead => true,
        // What the platform hung on an owner goes with it.
        Actor::Controller | Actor::AnyController => scope.operation == Operation::Delete,
        _ => false,
    };
    if !may {
        findings.report(
            &Path::of(&["metadata"]),
            "only the platform writes what Bulkhead goes by",
            "ask the platform; its accounts are listed in the settings",
        );
    }
}
