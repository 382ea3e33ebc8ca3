//! # BH204 `baseline-shadowed`
//!
//! ## What it refuses
//! Refuses objects that override or merge with a baseline object.
//!
//! These are Sidecars and Telemetries without a selector, and LimitRanges of other types than `PersistentVolumeClaim`.
//! Every user is refused, the platform included. Telemetries are judged only where the setting `mesh.accessLog` names
//! a provider.
//!
//! ## Why
//! Of two Sidecars or Telemetries without a selector Istio uses the older one and ignores the other. Kubernetes merges
//! LimitRanges, and does not define whose defaults a container gets: small ones keep the proxy from running.
//!
//! ## What to write instead
//! Select pods with `spec.workloadSelector` in the Sidecar, or with `spec.selector` in the Telemetry. Limit only the
//! type `PersistentVolumeClaim` in a LimitRange. A ResourceQuota of your own may limit everything.
//!
//! ## How to get it allowed
//! Ask the platform to set the limits of containers in `Tenant.spec.limits`. It has no field for those of pods. For a
//! Telemetry without a selector, the platform can set `mesh.accessLog: ""`. Never for a Sidecar. The rule only warns
//! for tenants with `enforcement: Observe` and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1
//! kind: Sidecar
//! metadata: { name: mine, namespace: tenant-acme }
//! spec: # BH204
//!   workloadSelector: { labels: {} }
//!   outboundTrafficPolicy: { mode: REGISTRY_ONLY }
//!   egress: [{ hosts: ["./*"] }]
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: telemetry.istio.io/v1
//! kind: Telemetry
//! metadata: { name: traces, namespace: tenant-acme }
//! spec: # BH204
//!   tracing: [{ randomSamplingPercentage: 10 }]
//! ```
//! ```yaml as root in system:masters
//! apiVersion: v1
//! kind: LimitRange
//! metadata: { name: limits, namespace: tenant-acme }
//! spec: # BH204
//!   limits: [{ type: Container, default: { memory: 8Mi } }]
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers
//! apiVersion: telemetry.istio.io/v1
//! kind: Telemetry
//! metadata: { name: traces, namespace: tenant-acme }
//! spec:
//!   selector: { matchLabels: { app: web } }
//!   tracing: [{ randomSamplingPercentage: 10 }]
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: LimitRange
//! metadata: { name: small-disks, namespace: tenant-acme }
//! spec: { limits: [{ type: PersistentVolumeClaim, max: { storage: 10Gi } }] }
//! ```
//! ```yaml as root in system:masters
//! apiVersion: v1
//! kind: ResourceQuota
//! metadata: { name: fewer, namespace: tenant-acme }
//! spec: { hard: { pods: "20" } }
//! ```

use super::{Check, Kind, Kinds, Request, Rule, RuleReport};
use crate::policy::object::{Object, Policy, Spec};

pub(super) const RULE: Rule = Rule::new(Check::Policy(check)).kinds(&[Kinds::Only(&[
    Kind::LimitRange,
    Kind::Sidecar,
    Kind::Telemetry,
])]);

fn check(request: &Request<'_>, policy: &Policy<'_>, report: &mut RuleReport) {
    let has_access_log = request.snapshot.settings.access_log.is_some();
    let (message, fix) = match &policy.spec {
        Spec::Sidecar(sidecar) if sidecar.workload_selector.selects_all() => (
            "without a selector this Sidecar can override the baseline's `default`",
            "select pods with `workloadSelector`.",
        ),
        Spec::Telemetry(telemetry) if has_access_log && telemetry.selects_all() => (
            "without a selector this Telemetry can override the baseline's `access-log`",
            "select pods with `selector`.",
        ),
        Spec::LimitRange(range) if range.limits_pods() => (
            "the baseline's `tenant-limits` must be the only LimitRange for containers and pods, because Kubernetes \
             merges them",
            "limit only the type `PersistentVolumeClaim` here. For containers, ask the platform to set \
             `Tenant.spec.limits`.",
        ),
        _ => return,
    };
    report.add(&Object::spec_path(), message, fix);
}
