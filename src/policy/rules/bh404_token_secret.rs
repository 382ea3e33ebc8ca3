//! # BH404 `token-secret`
//!
//! ## What it does
//! Refuses a Secret that Kubernetes fills with a service account's token. One that is there already may be renewed
//! and let go of, but not given to another account.
//!
//! ## Why it matters
//! Such a token never expires and is bound to no pod: whoever has read it once is that account for ever.
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

use super::{Findings, Place, Retry, Rule, Scope};
use crate::policy::kind::Kind;
use crate::policy::object::Object;
use crate::policy::path::Path;

/// The type of such a Secret.
pub const SERVICE_ACCOUNT_TOKEN: &str = "kubernetes.io/service-account-token";

pub(super) static RULE: Rule = Rule {
    code: "BH404",
    name: "token-secret",
    kinds: &[&[Kind::Secret]],
    places: &[Place::Tenants],
    guards: &[],
    ratchet: false,
    retry: Retry::Never,
    source: include_str!("bh404_token_secret.rs"),
    check,
};

fn check(scope: &Scope<'_>, findings: &mut Findings) {
    let Object::Secret(secret) = scope.object else { return };
    // Its keeper renews it, and a tenant lets go of it.
    if matches!(scope.old, Some(Object::Secret(old)) if old.account() == secret.account()) {
        return;
    }
    if secret.kind.as_deref() == Some(SERVICE_ACCOUNT_TOKEN) {
        let message = "a token that never expires and is bound to no pod";
        findings.report(&Path::of(&["type"]), message, "ask for one when it is needed: kubectl create token");
    }
}
