//! # BH704 `ignored-policy`
//!
//! ## What it refuses
//! Refuses Istio objects that istiod or `istioctl analyze` ignores.
//!
//! The label `istio.io/rev` may only name the revision of the namespace. The annotation
//! `galley.istio.io/analyze-suppress` is refused on AuthorizationPolicies, PeerAuthentications and Sidecars. Keys of the
//! domain `internal.istio.io` are refused.
//!
//! ## Why
//! istiod ignores objects of another revision, and so does Istio's own validation: the object looks as if it protected
//! something, and may hold values that Istio would reject. An annotation that silences `istioctl analyze` hides errors
//! from reviewers. With keys of `internal.istio.io`, istiod marks the objects that it makes from others: a Gateway with
//! them can configure the pods of another namespace.
//!
//! ## What to write instead
//! Remove the label or the annotation.
//!
//! ## How to get it allowed
//! The label is admitted if it names the setting `mesh.revision` or the `istio.io/rev` of the namespace, which the
//! platform sets. Never for the annotations. The rule only warns for tenants with `enforcement: Observe`, for objects
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
//!   annotations:
//!     internal.istio.io/route-semantics: gateway # BH704
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
//! The label may name the revision of the mesh.
//! ```yaml as alice in acme-developers, in snapshot mesh-revision
//! apiVersion: networking.istio.io/v1
//! kind: VirtualService
//! metadata:
//!   name: web
//!   namespace: tenant-acme
//!   labels: { istio.io/rev: canary }
//! spec: { hosts: [web] }
//! ```

use super::{Check, Kinds, Request, Rule, RuleReport, quote};
use crate::keys::{
    self, INTERNAL_DOMAIN, Map, Pattern, REVISION_LABEL, SECURITY_KINDS, SUPPRESSION_ANNOTATION,
    TRAFFIC_KINDS,
};
use crate::policy::object::MetadataAt;

pub(super) const RULE: Rule =
    Rule::new(Check::Metadata(check)).kinds(&[Kinds::Only(SECURITY_KINDS), Kinds::Only(TRAFFIC_KINDS)]);

fn check(request: &Request<'_>, metadata: MetadataAt<'_>, report: &mut RuleReport) {
    let (_, namespace) = request.namespace();
    let revisions = [
        request.snapshot.settings.mesh_revision.as_deref(),
        namespace.and_then(|known| known.label(REVISION_LABEL)),
    ];
    if let Some(label) =
        metadata.label(REVISION_LABEL).filter(|label| !revisions.contains(&Some(label.value)))
    {
        let entry = quote(&format!("{REVISION_LABEL}: \"{}\"", label.value));
        let message =
            format!("{entry} is not the mesh revision of this namespace, so istiod ignores the object");
        report.add(&label.path, message, "remove the label.");
    }
    let is_judged = || keys::find(request.kind, Map::Annotations, SUPPRESSION_ANNOTATION).is_some();
    if let Some(annotation) = metadata.annotation(SUPPRESSION_ANNOTATION).filter(|_| is_judged()) {
        let message =
            format!("{} hides errors of this object from `istioctl analyze`", quote(annotation.value));
        report.add(&annotation.path, message, "remove the annotation.");
    }
    for map in Map::ALL {
        for (key, _) in metadata.metadata.entries(map).iter() {
            let row = keys::find(request.kind, map, key);
            if let Some(row) = row.filter(|row| row.pattern == Pattern::Domain(INTERNAL_DOMAIN)) {
                let message = format!("{} {}", quote(key), row.effect);
                report.add(&metadata.path(map, key), message, format!("remove this {}.", map.item()));
            }
        }
    }
}
