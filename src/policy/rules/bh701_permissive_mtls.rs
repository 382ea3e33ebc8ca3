//! # BH701 `permissive-mtls`
//!
//! ## What it does
//! Refuses a PeerAuthentication by which pods take calls without a certificate of the mesh: any mode but `STRICT`, or
//! `UNSET` where a selector leaves the namespace's in force.
//!
//! A port on which the Tenant has granted the API servers to call (`apiServerCallbacks`) may be `PERMISSIVE` in a
//! policy that selects just those pods.
//!
//! ## Why it matters
//! Who shows no certificate is nobody: the policies that deny by identity, and the header that names the caller, have
//! nothing to go by. A policy with a selector comes before the namespace's; of two for the whole namespace the older
//! one counts, and one that is `UNSET` asks what the whole mesh does.
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

use super::{Findings, Place, Retry, Rule, Scope};
use crate::baseline;
use crate::policy::kind::Kind;
use crate::policy::object::{PeerAuthentication, Spec};
use crate::policy::path::Path;
use crate::policy::quote;

pub(super) static RULE: Rule = Rule {
    code: "BH701",
    name: "permissive-mtls",
    kinds: &[&[Kind::Policy(baseline::Kind::PeerAuthentication)]],
    places: &[Place::Tenants],
    guards: &[],
    ratchet: true,
    // The grant may be a moment old.
    retry: Retry::Look,
    source: include_str!("bh701_permissive_mtls.rs"),
    check,
};

fn check(scope: &Scope<'_>, findings: &mut Findings) {
    const FIX: &str = "write `STRICT`; the API servers call by the Tenant's `apiServerCallbacks`";
    let Some(Spec::PeerAuthentication(policy)) = scope.spec_beside_the_baseline() else { return };
    let takes_anybody =
        |mode| format!("with {} these pods take calls from whoever has no identity", quote(mode));
    match policy.mode() {
        Some("STRICT") => {}
        Some(mode) => findings.report(&Path::of(&["spec", "mtls", "mode"]), takes_anybody(mode), FIX),
        None if policy.selector.is_everything() => {
            let message = "for the whole namespace this may count before the baseline, and says nothing";
            findings.report(&Path::of(&["spec", "mtls"]), message, "write `mode: STRICT`");
        }
        None => {}
    }
    for (port, mode) in policy.ports() {
        if mode.value != "STRICT" && !(mode.value == "PERMISSIVE" && is_granted(scope, policy, port)) {
            findings.report(&mode.path, takes_anybody(mode.value), FIX);
        }
    }
}

/// Whether the API servers may call each pod that it selects on this port.
fn is_granted(scope: &Scope<'_>, policy: &PeerAuthentication<'_>, port: &str) -> bool {
    let Some((_, Some(tenant))) = scope.tenant else { return false };
    let mut callbacks = tenant.grants.api_server_callbacks.iter();
    callbacks.any(|callback| port.parse() == Ok(callback.port) && policy.selector.has_all(&callback.selector))
}
