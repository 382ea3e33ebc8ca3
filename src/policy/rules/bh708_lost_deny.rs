//! # BH708 `lost-deny`
//!
//! ## What it refuses
//! Refuses AuthorizationPolicies that ztunnel enforces only in part.
//!
//! The rule judges policies with `action: DENY` or `CUSTOM` without `targetRefs` in an ambient mesh (`dataplane`
//! of the Tenant, or `mesh.dataplane`), from the moment in which a tenant begins to move to it.
//!
//! Each `source`, each `operation` and each condition in `when` must name something that ztunnel knows:
//!
//! * a `source`: `principals`, `namespaces`, `serviceAccounts`, `ipBlocks`, or one of these with `not`;
//! * an `operation`: `ports` or `notPorts`;
//! * a condition: `source.principal`, `source.namespace`, `source.ip`, `destination.ip` or `destination.port`.
//!
//! ## Why
//! ztunnel knows no HTTP and no trust domains. istiod removes what ztunnel does not know, and ztunnel never applies a part
//! of which nothing is left: the calls are allowed. The status of the policy says the opposite, that it "will be more
//! restrictive than requested". ztunnel ignores policies with `action: CUSTOM` altogether.
//!
//! ## What to write instead
//! Select a waypoint with `targetRefs`: it enforces every field. Or name callers and ports.
//!
//! ## How to get it allowed
//! Ask the platform for a waypoint. The rule only warns for tenants with `enforcement: Observe`, for objects that
//! already violated it while the fields that it reads stay unchanged, and for break-glass accounts
//! (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers, in snapshot ambient
//! apiVersion: security.istio.io/v1
//! kind: AuthorizationPolicy
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   action: DENY
//!   rules:
//!     - from:
//!         - source: { principals: ["*"], requestPrincipals: ["*"] }
//!         - source: { notTrustDomains: [cluster.local] } # BH708
//!       to:
//!         - operation: { ports: ["8080"], methods: [POST] }
//!         - operation: { paths: [/admin] } # BH708
//!     - when:
//!         - key: request.headers[x-debug] # BH708
//!           values: ["1"]
//!         - key: destination.port
//!           values: ["8080"]
//! ```
//! ```yaml as alice in acme-developers, in snapshot ambient
//! apiVersion: security.istio.io/v1
//! kind: AuthorizationPolicy
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   action: CUSTOM # BH708
//!   provider: { name: ext-authz }
//!   rules: [{}]
//! ```
//!
//! ## Admitted
//! A policy of a waypoint may have HTTP conditions, and so may every policy in a mesh with sidecars.
//! ```yaml as alice in acme-developers, in snapshot ambient
//! apiVersion: security.istio.io/v1
//! kind: AuthorizationPolicy
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   targetRefs: [{ kind: Gateway, group: gateway.networking.k8s.io, name: waypoint }]
//!   action: DENY
//!   rules: [{ to: [{ operation: { paths: [/admin] } }] }]
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: security.istio.io/v1
//! kind: AuthorizationPolicy
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   action: DENY
//!   rules: [{ to: [{ operation: { paths: [/admin] } }] }]
//! ```
//! A policy that allows less than it says is closed.
//! ```yaml as alice in acme-developers, in snapshot ambient
//! apiVersion: security.istio.io/v1
//! kind: AuthorizationPolicy
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   rules: [{ to: [{ operation: { methods: [GET] } }] }]
//! ```
//!
//! ## Limits
//! Where a field that ztunnel knows and HTTP fields are in one part, ztunnel denies also what the HTTP fields exclude. An
//! annotation `istio.io/dry-run` is not judged.

use super::{Check, Request, Rule, RuleReport, quote};
use crate::policy::object::AuthorizationPolicy;

pub(super) const RULE: Rule = Rule::new(Check::AuthorizationPolicy(check));

const USE_WAYPOINT: &str = "select a waypoint with `targetRefs`";

fn check(request: &Request<'_>, policy: &AuthorizationPolicy<'_>, report: &mut RuleReport) {
    if !request.snapshot.may_be_captured(request.namespace().0) || policy.selects_waypoints() {
        return;
    }
    if let Some(action) = policy.custom_action() {
        let message = format!("ztunnel ignores policies with the action {}", quote(action.value));
        report.add(&action.path, message, format!("{USE_WAYPOINT}."));
    }
    for part in policy.parts_unknown_to_ztunnel() {
        let message = "ztunnel knows nothing in this part, and so never denies a call by it";
        report.add(&part.path, message, format!("{USE_WAYPOINT}, or {}.", part.value));
    }
}
