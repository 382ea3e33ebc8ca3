//! # BH201 `baseline-removed`
//!
//! ## What it does
//! Refuses the deletion of an object of a tenant namespace's baseline, by anybody.
//!
//! Only Bulkhead's own controller deletes them, and the namespace controller when the namespace itself goes.
//! It does not matter how the deletion comes: by name, as one of a collection, or through the garbage
//! collector on somebody's behalf.
//!
//! An object of another hand under a name that the baseline does not use in the namespace may go, like one that was
//! there before the baseline.
//!
//! ## Why it matters
//! A namespace without its default deny is open, and nobody notices: everything goes on working.
//!
//! ## Refused
//! ```yaml as alice in acme-developers, on delete
//! apiVersion: networking.k8s.io/v1
//! kind: NetworkPolicy
//! metadata:
//!   name: default-deny-all # BH201
//!   namespace: tenant-acme
//! ```
//! ```yaml as root in system:masters, on delete
//! apiVersion: security.istio.io/v1
//! kind: AuthorizationPolicy
//! metadata:
//!   name: deny-cross-tenant # BH201
//!   namespace: tenant-acme
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers, on delete
//! apiVersion: networking.k8s.io/v1
//! kind: NetworkPolicy
//! metadata: { name: my-own, namespace: tenant-acme }
//! ```
//! ```yaml as alice in acme-developers, on delete
//! apiVersion: security.istio.io/v1
//! kind: AuthorizationPolicy
//! metadata: { name: allow-same-tenant, namespace: tenant-acme }
//! ```
//! ```yaml as system:serviceaccount:kube-system:namespace-controller, on delete
//! apiVersion: networking.k8s.io/v1
//! kind: NetworkPolicy
//! metadata: { name: default-deny-all, namespace: tenant-acme }
//! ```

use super::{Findings, POLICIES, Place, Retry, Rule, SHARED, Scope};
use crate::baseline;
use crate::policy::kind::Operation;
use crate::policy::path::Path;
use crate::policy::protection::Name;
use crate::world::Actor;

pub(super) static RULE: Rule = Rule {
    code: "BH201",
    name: "baseline-removed",
    kinds: &[POLICIES, SHARED],
    places: &[Place::Tenants, Place::Shared, Place::Root],
    guards: &[],
    ratchet: false,
    retry: Retry::Never,
    source: include_str!("bh201_baseline_removed.rs"),
    check,
};

fn check(scope: &Scope<'_>, findings: &mut Findings) {
    let (Some((kind, object)), Operation::Delete) = (scope.object.baseline(), scope.operation) else {
        return;
    };
    let (_, namespace) = scope.namespace();
    let is_ending = namespace.is_some_and(|namespace| namespace.terminating);
    let has_stood = namespace.is_none_or(|namespace| namespace.ready);
    let may = match scope.actor() {
        Actor::Bulkhead | Actor::NamespaceController => true,
        Actor::AnyController if is_ending => true,
        _ => match scope.name_of(kind, object) {
            Name::Free => true,
            _ if kind.is_shared() || baseline::is_managed(object) => false,
            // What was there before the baseline is somebody's, and in its way.
            Name::Reserved => true,
            Name::Wanted(_) => !has_stood,
        },
    };
    if !may {
        let message = format!("this {} {}", kind.name(), scope.keeps_apart());
        findings.report(
            &Path::of(&["metadata", "name"]),
            message,
            "leave it; it goes when the namespace goes",
        );
    }
}
