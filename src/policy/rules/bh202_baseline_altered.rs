//! # BH202 `baseline-altered`
//!
//! ## What it does
//! Refuses a write to an object of the baseline that leaves it anything but the baseline.
//!
//! Afterwards the object must be equal to what Bulkhead wants it to be: its spec, its labels and annotations
//! (the istiod that obeys `istio.io/rev` and `istio.io/dry-run` reads them), no owner and no finalizer. A
//! write that leaves it equal is admitted, by whatever verb. A write under a baseline name before the
//! baseline is there is judged the same way. Only Bulkhead's own controller may write what it likes.
//!
//! ## Why it matters
//! A default deny with one peer too many, an owner that the garbage collector follows, a label that makes
//! istiod look away: there is no list of bad edits that would be long enough.
//!
//! ## Refused
//! ```yaml as alice in acme-developers, on update
//! apiVersion: networking.k8s.io/v1
//! kind: NetworkPolicy
//! metadata:
//!   name: default-deny-all
//!   namespace: tenant-acme
//!   labels: { app.kubernetes.io/managed-by: bulkhead }
//! spec: { podSelector: {}, policyTypes: [Ingress, Egress] }
//! ---
//! apiVersion: networking.k8s.io/v1
//! kind: NetworkPolicy
//! metadata:
//!   name: default-deny-all
//!   namespace: tenant-acme
//!   labels: { app.kubernetes.io/managed-by: bulkhead }
//!   ownerReferences: # BH202
//!     - { apiVersion: v1, kind: ConfigMap, name: mine, uid: 5f0c7f3e }
//! spec:
//!   podSelector: {}
//!   ingress: # BH202
//!     - {}
//!   policyTypes: [Ingress, Egress]
//! ```
//! ```yaml as root in system:masters
//! apiVersion: security.istio.io/v1
//! kind: PeerAuthentication
//! metadata:
//!   name: default
//!   namespace: tenant-acme
//!   labels:
//!     app.kubernetes.io/managed-by: bulkhead
//!     istio.io/rev: nobody # BH202
//! spec:
//!   mtls:
//!     mode: PERMISSIVE # BH202
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers
//! apiVersion: security.istio.io/v1
//! kind: PeerAuthentication
//! metadata:
//!   name: default
//!   namespace: tenant-acme
//!   labels: { app.kubernetes.io/managed-by: bulkhead }
//!   annotations:
//!     kubectl.kubernetes.io/last-applied-configuration: "{}"
//! spec: { mtls: { mode: STRICT } }
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1
//! kind: ServiceEntry
//! metadata: { name: host, namespace: tenant-acme }
//! spec: { hosts: [other.tenant-acme.internal], resolution: NONE }
//! ```

use super::{Findings, POLICIES, Place, Retry, Rule, SHARED, Scope};
use crate::baseline::{Kind, differences};
use crate::policy::kind::Operation;
use crate::policy::path::Path;
use crate::policy::protection::Name;
use crate::world::Actor;

pub(super) static RULE: Rule = Rule {
    code: "BH202",
    name: "baseline-altered",
    kinds: &[POLICIES, SHARED],
    places: &[Place::Tenants, Place::Shared, Place::Root],
    guards: &[],
    ratchet: false,
    retry: Retry::Never,
    source: include_str!("bh202_baseline_altered.rs"),
    check,
};

fn check(scope: &Scope<'_>, findings: &mut Findings) {
    let Some((kind, object)) = scope.object.baseline() else { return };
    if scope.operation == Operation::Delete || matches!(scope.actor(), Actor::Bulkhead) {
        return;
    }
    let old = scope.old.and_then(|old| old.baseline()).map(|(_, old)| old);
    let is_orphaned = scope.tenant.is_some_and(|(_, tenant)| tenant.is_none());
    let wanted = match (scope.name_of(kind, object), old) {
        (Name::Wanted(wanted), _) => wanted,
        (Name::Free, _) => return,
        // The tenant is gone, and what it needs with it: what is there stays.
        (Name::Reserved, Some(old)) if is_orphaned => old.clone(),
        (Name::Reserved, _) => {
            let path = Path::of(&["metadata", "name"]);
            return findings.report(&path, "the name of an object of the baseline", "choose another name");
        }
    };
    let is_counted_anew =
        kind == Kind::ResourceQuota && old.is_some_and(|old| old.get("status") != object.get("status"));
    if is_counted_anew && !matches!(scope.actor(), Actor::Controller | Actor::AnyController) {
        let message = "what is counted, and up to where, is Kubernetes' to say";
        findings.report(&Path::of(&["status"]), message, "leave it as it was");
    }
    let differs = |object| !differences(kind, &wanted, object).is_empty();
    // What Kubernetes creates, or was never as it must be, is Bulkhead's to complete.
    if kind.is_shared() && old.is_none_or(differs) {
        return;
    }
    for difference in differences(kind, &wanted, object) {
        let path = difference.path.iter().fold(Path::default(), |path, step| {
            if step.contains(['.', '/']) { path.key(step) } else { path.fields(&[step]) }
        });
        let fix = difference.kept.map_or("remove it".to_owned(), |kept| format!("keep {kept}"));
        findings.report(&path, format!("this {}", scope.keeps_apart()), fix);
    }
}
