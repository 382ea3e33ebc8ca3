//! # BH204 `baseline-shadowed`
//!
//! ## What it does
//! Refuses an object under another name that would count in the place of one of the baseline, or be mixed with it: a
//! Sidecar or a Telemetry for the whole namespace, and any LimitRange.
//!
//! ## Why it matters
//! Of two Sidecars or Telemetries without a selector Istio obeys the older one, and the other not at all. Of several
//! LimitRanges nobody knows whose defaults a container gets: small enough ones keep the proxy from running.
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
//! ```yaml as root in system:masters
//! apiVersion: v1
//! kind: ResourceQuota
//! metadata: { name: fewer, namespace: tenant-acme }
//! spec: { hard: { pods: "20" } }
//! ```

use super::{Findings, Place, Retry, Rule, Scope};
use crate::baseline;
use crate::policy::kind::Kind;
use crate::policy::object::Spec;
use crate::policy::path::Path;

pub(super) static RULE: Rule = Rule {
    code: "BH204",
    name: "baseline-shadowed",
    kinds: &[&[
        Kind::Policy(baseline::Kind::LimitRange),
        Kind::Policy(baseline::Kind::Sidecar),
        Kind::Policy(baseline::Kind::Telemetry),
    ]],
    places: &[Place::Tenants],
    guards: &[],
    ratchet: false,
    retry: Retry::Never,
    source: include_str!("bh204_baseline_shadowed.rs"),
    check,
};

fn check(scope: &Scope<'_>, findings: &mut Findings) {
    let Some(policy) = scope.beside_the_baseline() else { return };
    let has_a_log = scope.world.settings.access_log.is_some();
    let (message, fix) = match &policy.spec {
        Spec::Sidecar(sidecar) if sidecar.workload_selector.is_everything() => (
            "for the whole namespace this would count in the place of the baseline's `default`",
            "select pods with `workloadSelector`",
        ),
        Spec::Telemetry(telemetry) if has_a_log && telemetry.is_everything() => (
            "for the whole namespace this would count in the place of the baseline's `access-log`",
            "select pods with `selector`",
        ),
        _ if policy.kind == baseline::Kind::LimitRange => (
            "its defaults would be mixed with those of the baseline's `tenant-limits`",
            "remove it, and ask the platform to set the Tenant's `limits`",
        ),
        _ => return,
    };
    findings.report(&Path::of(&["spec"]), message, fix);
}
