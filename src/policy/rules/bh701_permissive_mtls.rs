//! # BH701 `permissive-mtls`
//!
//! ## What it refuses
//! Refuses PeerAuthentications that accept calls without mTLS.
//!
//! Every mode but `STRICT` is refused. `UNSET` is admitted in a policy with a selector, because the namespace's mode
//! then applies. A port on which the Tenant grants calls of the API servers (`grants.apiServerCallbacks`) may be
//! `PERMISSIVE` in a policy that selects only those pods.
//!
//! ## Why
//! A caller without a certificate has no identity: the policies that deny by identity, and the header that names the
//! caller, have nothing to check. A policy with a selector takes precedence over the namespace's. Of two policies for
//! the whole namespace Istio uses the older one, and one with `UNSET` takes the mode of the whole mesh.
//!
//! ## What to write instead
//! Write `mode: STRICT`, or leave the mode out in a policy with a selector.
//!
//! ## How to get it allowed
//! For webhooks and aggregated APIs that the API server calls, ask the platform for
//! `Tenant.spec.grants.apiServerCallbacks`. Never for other callers. The rule only warns for tenants with
//! `enforcement: Observe`, for objects that already violated it while the fields that it reads stay unchanged, and for
//! break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: security.istio.io/v1
//! kind: PeerAuthentication
//! metadata: { name: legacy, namespace: tenant-acme }
//! spec:
//!   selector: { matchLabels: { app: legacy } }
//!   mtls:
//!     mode: PERMISSIVE # BH701
//!   portLevelMtls:
//!     8080:
//!       mode: STRICT
//!     8081:
//!       mode: DISABLE # BH701
//!     8082: {}
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: security.istio.io/v1
//! kind: PeerAuthentication
//! metadata: { name: everything, namespace: tenant-acme }
//! spec:
//!   selector: { matchLabels: {} }
//!   mtls: # BH701
//!     mode: UNSET
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers
//! apiVersion: security.istio.io/v1
//! kind: PeerAuthentication
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   selector: { matchLabels: { app: web } }
//!   mtls: { mode: STRICT }
//!   portLevelMtls: { 8080: { mode: UNSET } }
//! ```

use super::{Check, Request, Retry, Rule, RuleReport, quote};
use crate::policy::object::PeerAuthentication;

pub(super) const RULE: Rule = Rule::new(Check::PeerAuthentication(check))
    // The snapshot may not have a new grant yet.
    .retries(Retry::Refresh);

fn check(request: &Request<'_>, policy: &PeerAuthentication<'_>, report: &mut RuleReport) {
    const FIX: &str = "write `STRICT`. For calls of the API server, ask the platform for `Tenant.spec.grants.apiServerCallbacks`.";
    let accepts_plaintext =
        |mode| format!("{} accepts calls without a certificate, whose callers have no identity", quote(mode));
    match policy.mode() {
        Some(mode) if mode.value == "STRICT" => {}
        Some(mode) => report.add(&mode.path, accepts_plaintext(mode.value), FIX),
        None if policy.selector.selects_all() => {
            let message = "without a selector and a mode this policy can replace the baseline's `STRICT`";
            report.add(&PeerAuthentication::mtls_path(), message, "write `mode: STRICT`.");
        }
        None => {}
    }
    for (port, mode) in policy.ports() {
        if mode.value != "STRICT" && !(mode.value == "PERMISSIVE" && is_granted(request, policy, port)) {
            report.add(&mode.path, accepts_plaintext(mode.value), FIX);
        }
    }
}

/// True if the API servers may call every selected pod on this port.
fn is_granted(request: &Request<'_>, policy: &PeerAuthentication<'_>, port: &str) -> bool {
    let Some(tenant) = request.tenant_object() else { return false };
    let mut callbacks = tenant.grants.api_server_callbacks.iter();
    callbacks
        .any(|callback| port.parse() == Ok(callback.port) && policy.selector.requires_all(&callback.selector))
}
