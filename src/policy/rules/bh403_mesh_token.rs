//! # BH403 `mesh-token`
//!
//! ## What it refuses
//! Refuses service account tokens for the mesh, except to nodes.
//!
//! ## Why
//! With such a token istiod signs a certificate for the account's identity, wherever the holder runs: no
//! sidecar, no network policy, and valid for days after the token has expired. Only the kubelet needs one,
//! for the proxy of a pod on its own node.
//!
//! ## What to write instead
//! Remove the audience `istio-ca`. The kubelet requests the token for a pod's proxy.
//!
//! ## How to get it allowed
//! Never. The rule only warns for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: authentication.k8s.io/v1
//! kind: TokenRequest
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   audiences:
//!     - vault
//!     - istio-ca # BH403
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers
//! apiVersion: authentication.k8s.io/v1
//! kind: TokenRequest
//! metadata: { name: web, namespace: tenant-acme }
//! spec: { audiences: [vault] }
//! ```
//! ```yaml as system:node:worker-1 in system:nodes
//! apiVersion: authentication.k8s.io/v1
//! kind: TokenRequest
//! metadata: { name: web, namespace: tenant-acme }
//! spec: { audiences: [istio-ca] }
//! ```
//!
//! ## Limits
//! BH310 judges tokens that the volumes of a pod request.

use super::{Check, Request, Rule, RuleReport, Trust};
use crate::policy::object::TokenRequest;
use crate::policy::proxy::MESH_AUDIENCE;

pub(super) const RULE: Rule = Rule::new(Check::TokenRequest(check)).trusts(&[Trust::Nodes]);

fn check(_: &Request<'_>, token_request: &TokenRequest<'_>, report: &mut RuleReport) {
    let audiences = token_request.audiences().elements();
    for audience in audiences.filter(|audience| **audience.value == *MESH_AUDIENCE) {
        report.add(
            &audience.path,
            format!(
                "with a token for `{MESH_AUDIENCE}` its holder acts as this service account in the whole mesh"
            ),
            "remove this audience. The kubelet requests the token for a pod's proxy.",
        );
    }
}
