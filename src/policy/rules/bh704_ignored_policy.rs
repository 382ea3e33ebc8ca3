//! # BH704 `ignored-policy`
//!
//! ## What it does
//! Refuses on an object of Istio's the label `istio.io/rev` with any revision but the namespace's, and on what secures
//! the mesh the annotation `galley.istio.io/analyze-suppress`.
//!
//! ## Why it matters
//! An istiod passes over what bears another revision, and so does the webhook by which Istio checks what is written:
//! the object looks as if it protected something, and may say what Istio would not take. What keeps `istioctl analyze`
//! quiet hides it from who reviews.
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: security.istio.io/v1
//! kind: AuthorizationPolicy
//! metadata:
//!   name: web
//!   namespace: tenant-acme
//!   labels:
//!     istio.io/rev: nobody # BH704
//!   annotations:
//!     galley.istio.io/analyze-suppress: "*" # BH704
//! spec: { selector: { matchLabels: { app: web } } }
//! ```
//! ```yaml as alice in acme-developers
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata:
//!   name: web
//!   namespace: tenant-acme
//!   labels:
//!     istio.io/rev: "" # BH704
//! spec: { hosts: [web] }
//! ```
//!
//! ## Admitted
//! A policy of the tenant's own may be on trial: the baseline's denial holds whatever it says.
//! ```yaml as alice in acme-developers
//! apiVersion: security.istio.io/v1
//! kind: AuthorizationPolicy
//! metadata:
//!   name: web
//!   namespace: tenant-acme
//!   annotations: { istio.io/dry-run: "true" }
//! spec: { rules: [{}] }
//! ```

use super::{Findings, Place, Retry, Rule, Scope};
use crate::baseline::{self, REVISION};
use crate::policy::kind::Kind;
use crate::policy::object::{Metadata, Object};
use crate::policy::quote;

pub(super) static RULE: Rule = Rule {
    code: "BH704",
    name: "ignored-policy",
    kinds: &[SECURING, OTHERS],
    places: &[Place::Tenants],
    guards: &[],
    ratchet: true,
    retry: Retry::Never,
    source: include_str!("bh704_ignored_policy.rs"),
    check,
};

/// What secures the mesh.
const SECURING: &[Kind] = &[
    Kind::Policy(baseline::Kind::AuthorizationPolicy),
    Kind::Policy(baseline::Kind::PeerAuthentication),
    Kind::Policy(baseline::Kind::Sidecar),
];
const OTHERS: &[Kind] = &[
    Kind::Policy(baseline::Kind::EnvoyFilter),
    Kind::Policy(baseline::Kind::ServiceEntry),
    Kind::Policy(baseline::Kind::Telemetry),
    Kind::VirtualService,
];

const SUPPRESSION: &str = "galley.istio.io/analyze-suppress";

fn check(scope: &Scope<'_>, findings: &mut Findings) {
    let (kind, metadata): (_, &Metadata<'_>) = match scope.object {
        Object::VirtualService(metadata, _) => (Kind::VirtualService, metadata),
        _ => match scope.beside_the_baseline() {
            Some(policy) => (Kind::Policy(policy.kind), &policy.metadata),
            None => return,
        },
    };
    let (_, namespace) = scope.namespace();
    let revisions =
        [scope.world.settings.mesh_revision.as_deref(), namespace.and_then(|known| known.label(REVISION))];
    let labelled = metadata.at_root();
    if let Some(label) = labelled.label(REVISION).filter(|label| !revisions.contains(&Some(label.value))) {
        let message =
            format!("{} is not the revision of the mesh here, which passes this over", quote(label.value));
        findings.report(&label.path, message, "remove the label");
    }
    if let Some(annotation) = labelled.annotation(SUPPRESSION).filter(|_| SECURING.contains(&kind)) {
        let message = format!("{} hides this from who reviews it", quote(annotation.value));
        findings.report(&annotation.path, message, "remove the annotation");
    }
}
