//! # BH704 `ignored-policy`
//!
//! ## What it refuses
//! Refuses Istio objects that istiod or `istioctl analyze` ignores.
//!
//! The label `istio.io/rev` may only name the revision of the namespace. The annotation
//! `galley.istio.io/analyze-suppress` is refused on AuthorizationPolicies, PeerAuthentications and Sidecars.
//!
//! ## Why
//! istiod ignores objects of another revision, and so does Istio's own validation: the object looks as if it protected
//! something, and may hold values that Istio would reject. An annotation that silences `istioctl analyze` hides errors
//! from reviewers.
//!
//! ## What to write instead
//! Remove the label or the annotation.
//!
//! ## How to get it allowed
//! The label is admitted if it names the setting `mesh.revision` or the `istio.io/rev` of the namespace, which the
//! platform sets. Never for the annotation. The rule only warns for tenants with `enforcement: Observe`, for objects
//! that already violated it while the fields that it reads stay unchanged, and for break-glass accounts
//! (`platform.breakGlassGroups`).
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
//! A tenant's own policy may be in dry-run mode, because the baseline's policies deny all the same.
//! ```yaml as alice in acme-developers
//! apiVersion: security.istio.io/v1
//! kind: AuthorizationPolicy
//! metadata:
//!   name: web
//!   namespace: tenant-acme
//!   annotations: { istio.io/dry-run: "true" }
//! spec: { rules: [{}] }
//! ```

use super::{Kinds, NamespaceClass, Request, Retry, Rule, RuleReport};
use crate::keys::{self, Map, REVISION_LABEL, SECURITY_KINDS, SUPPRESSION_ANNOTATION, TRAFFIC_KINDS};
use crate::kinds::Kind;
use crate::policy::object::{Metadata, Object};
use crate::policy::quote;

pub(super) static RULE: Rule = Rule {
    code: "BH704",
    name: "ignored-policy",
    kinds: &[Kinds::Only(SECURITY_KINDS), Kinds::Only(TRAFFIC_KINDS)],
    scopes: &[NamespaceClass::Tenant],
    watched_labels: &[],
    ratchet: true,
    retry: Retry::Never,
    source: include_str!("bh704_ignored_policy.rs"),
    check,
};

fn check(request: &Request<'_>, report: &mut RuleReport) {
    let (kind, metadata): (_, &Metadata<'_>) = match request.object {
        Object::VirtualService(metadata) => (Kind::VirtualService, metadata),
        _ => match request.tenant_policy() {
            Some(policy) => (policy.kind, &policy.metadata),
            None => return,
        },
    };
    let (_, namespace) = request.namespace();
    let revisions = [
        request.snapshot.settings.mesh_revision.as_deref(),
        namespace.and_then(|known| known.label(REVISION_LABEL)),
    ];
    let metadata_at = metadata.at_root();
    if let Some(label) =
        metadata_at.label(REVISION_LABEL).filter(|label| !revisions.contains(&Some(label.value)))
    {
        let entry = quote(&format!("{REVISION_LABEL}: \"{}\"", label.value));
        let message =
            format!("{entry} is not the mesh revision of this namespace, so istiod ignores the object");
        report.add(&label.path, message, "remove the label.");
    }
    let is_judged = || keys::find(kind, Map::Annotations, SUPPRESSION_ANNOTATION).is_some();
    if let Some(annotation) = metadata_at.annotation(SUPPRESSION_ANNOTATION).filter(|_| is_judged()) {
        let message =
            format!("{} hides errors of this object from `istioctl analyze`", quote(annotation.value));
        report.add(&annotation.path, message, "remove the annotation.");
    }
}
