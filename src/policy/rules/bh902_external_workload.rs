//! # BH902 `external-workload`
//!
//! ## What it refuses
//! Refuses WorkloadEntries and WorkloadGroups in tenant namespaces.
//!
//! Only the platform (`platform.users`, `platform.groups`) may create and change them; every user may delete them. Istiod
//! may write WorkloadEntries, for machines that join a WorkloadGroup. An object that already exists stays while its spec
//! is unchanged.
//!
//! ## Why
//! A WorkloadEntry adds an address to the Services that select it. With the address of another tenant's pod, gateways and
//! other callers send that pod requests for your Service, with their own identity. In an ambient mesh, a second workload
//! with the same address disturbs the first.
//!
//! ## What to write instead
//! Remove the object. For a host outside the cluster, write a ServiceEntry.
//!
//! ## How to get it allowed
//! Ask the platform to review the object and to apply it. The rule only warns for tenants with `enforcement: Observe`,
//! for objects that already violated it while the fields that it reads stay unchanged, and for break-glass accounts
//! (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as bob in beta-developers
//! apiVersion: networking.istio.io/v1
//! kind: WorkloadEntry # BH902
//! metadata: { name: web, namespace: tenant-beta }
//! spec: { address: 10.0.0.7, labels: { app: web }, serviceAccount: web }
//! ```
//! ```yaml as system:serviceaccount:argocd:beta-deployer
//! apiVersion: networking.istio.io/v1beta1
//! kind: WorkloadGroup # BH902
//! metadata: { name: machines, namespace: tenant-beta }
//! spec: { template: { serviceAccount: web } }
//! ```
//!
//! ## Admitted
//! ```yaml as root in system:masters
//! apiVersion: networking.istio.io/v1
//! kind: WorkloadGroup
//! metadata: { name: machines, namespace: tenant-beta }
//! spec: { template: { serviceAccount: web } }
//! ```
//! ```yaml as system:serviceaccount:istio-system:istiod
//! apiVersion: networking.istio.io/v1
//! kind: WorkloadEntry
//! metadata: { name: machines-203.0.113.7, namespace: tenant-beta }
//! spec: { address: 203.0.113.7, serviceAccount: web }
//! ```

use super::{Check, Kind, Kinds, Request, Rule, RuleReport, Trust};
use crate::policy::object::Object;

pub(super) const RULE: Rule = Rule::new(Check::Object(check))
    .kinds(&[Kinds::Only(&[Kind::WorkloadEntry, Kind::WorkloadGroup])])
    .trusts(&[Trust::Platform, Trust::Bulkhead])
    .with_ratchet();

fn check(request: &Request<'_>, report: &mut RuleReport) {
    let is_registered = || request.is_service_account_in(&request.snapshot.settings.mesh_root);
    if request.kind == Kind::WorkloadEntry && is_registered() {
        return;
    }
    report.add(
        &Object::kind_path(),
        "only the platform may write this kind: it can add the address of any pod to a Service",
        "remove it, or ask the platform to review and apply it.",
    );
}
