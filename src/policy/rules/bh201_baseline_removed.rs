//! # BH201 `baseline-removed`
//!
//! ## What it refuses
//! Refuses the deletion of a baseline object.
//!
//! The rule holds in the namespaces of tenants and shared services, and in the mesh's root namespace while
//! `meshWide.manage` is set. Every user is refused, the platform included, whether the object is deleted by name, as
//! one of a collection, or by the garbage collector. Only Bulkhead's controller may delete baseline objects, and
//! Kubernetes' namespace controller while the namespace itself is being deleted.
//!
//! An object that Bulkhead did not create may be deleted if the baseline does not use its name in this namespace, or if
//! the namespace has never been ready.
//!
//! ## Why
//! A namespace without its default deny is open, and no failure shows it: all traffic keeps working.
//!
//! ## What to write instead
//! Leave the object in place. Bulkhead deletes it with the namespace.
//!
//! ## How to get it allowed
//! Never. Ask the platform to change what the object enforces: `Tenant.spec.grants` for traffic,
//! `Tenant.spec.namespaceQuota` and `Tenant.spec.limits` for resources, the SharedService or the settings elsewhere.
//! The rule only warns for tenants with `enforcement: Observe` and for break-glass accounts
//! (`platform.breakGlassGroups`).
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
//! ```yaml as system:serviceaccount:kube-system:namespace-controller, on delete
//! apiVersion: networking.k8s.io/v1
//! kind: NetworkPolicy
//! metadata:
//!   name: default-deny-all # BH201
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
//!
//! ## Limits
//! The API server does not send deletions by the namespace controller, so that namespaces end while no replica answers.
//! BH407 protects the credentials of that account. A user who may impersonate it can delete baseline objects, and the
//! controller creates them again.

use serde_json::Value;

use super::{Check, Kind, NamespaceClass, Operation, Request, Rule, RuleReport, Trust};
use crate::baseline;
use crate::policy::baseline_names::NameStatus;
use crate::policy::object::Object;
use crate::snapshot::Actor;

pub(super) const RULE: Rule = Rule::new(Check::Baseline(check))
    .in_scopes(NamespaceClass::WITH_BASELINE)
    .on(&[Operation::Delete])
    .trusts(&[Trust::Bulkhead]);

fn check(request: &Request<'_>, object: &Value, report: &mut RuleReport) {
    let (_, namespace) = request.namespace();
    let is_terminating = namespace.is_some_and(|namespace| namespace.terminating);
    let was_ready = namespace.is_none_or(|namespace| namespace.ready);
    let is_allowed = match request.actor() {
        Actor::NamespaceController | Actor::KubeControllerManager if is_terminating => true,
        _ => match request.classify_name(object) {
            NameStatus::Free => true,
            // Without its waypoint a service is reached by fewer, and istiod deletes the pods.
            NameStatus::Reserved if request.kind == Kind::KubernetesGateway => true,
            _ if request.kind.is_partly_managed() || baseline::is_managed(object) => false,
            // The object is older than the baseline and in its way.
            NameStatus::Reserved => true,
            NameStatus::Baseline(_) => !was_ready,
        },
    };
    if !is_allowed {
        let message = format!(
            "only Bulkhead may delete this baseline {}, which {}",
            request.kind.name(),
            request.isolation_purpose()
        );
        let fix = if request.tenant.is_some() {
            "leave it in place, or ask the platform to change `grants`, `limits` or `namespaceQuota` of the Tenant."
        } else {
            "leave it in place; the platform changes it through the SharedService or the settings."
        };
        report.add(&Object::name_path(), message, fix);
    }
}
