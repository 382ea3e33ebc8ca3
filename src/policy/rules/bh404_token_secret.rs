//! # BH404 `token-secret`
//!
//! ## What it refuses
//! Refuses Secrets that hold a service account's token.
//!
//! These are Secrets of the type `kubernetes.io/service-account-token`, which Kubernetes fills with a token. A Secret
//! that exists already may be renewed and deleted, but not given to another account.
//!
//! ## Why
//! Such a token never expires and is bound to no pod: a person who has read it once can act as the account from then
//! on.
//!
//! ## What to write instead
//! In a pod, mount a projected volume with a `serviceAccountToken`: that token expires and is bound to the pod.
//! Elsewhere, request a token when it is needed with `kubectl create token`, which owners may do for the accounts of
//! their namespaces.
//!
//! ## How to get it allowed
//! Never. The rule only warns for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Secret
//! metadata:
//!   name: web-token
//!   namespace: tenant-acme
//!   annotations: { kubernetes.io/service-account.name: web }
//! type: kubernetes.io/service-account-token # BH404
//! ```
//!
//! ```yaml as alice in acme-developers, on update
//! apiVersion: v1
//! kind: Secret
//! metadata: { name: old-token, namespace: tenant-acme, annotations: { kubernetes.io/service-account.name: web } }
//! type: kubernetes.io/service-account-token
//! ---
//! apiVersion: v1
//! kind: Secret
//! metadata: { name: old-token, namespace: tenant-acme, annotations: { kubernetes.io/service-account.name: admin } }
//! type: kubernetes.io/service-account-token # BH404
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Secret
//! metadata: { name: database, namespace: tenant-acme }
//! type: Opaque
//! ```

use super::{Check, Request, Rule, RuleReport};
use crate::policy::object::Secret;

/// The type of such a Secret.
pub const SERVICE_ACCOUNT_TOKEN: &str = "kubernetes.io/service-account-token";

pub(super) const RULE: Rule = Rule::new(Check::Secret(check));

fn check(_: &Request<'_>, secret: &Secret<'_>, old: Option<&Secret<'_>>, report: &mut RuleReport) {
    // Controllers renew such a Secret, and tenants prepare its deletion.
    if old.is_some_and(|old| old.account() == secret.account()) {
        return;
    }
    let kind = secret.kind();
    if kind.value == Some(SERVICE_ACCOUNT_TOKEN) {
        let message = "the token in this Secret would never expire, and is bound to no pod";
        let fix =
            "mount a projected `serviceAccountToken` in the pod. Outside a pod, run `kubectl create token`.";
        report.add(&kind.path, message, fix);
    }
}
