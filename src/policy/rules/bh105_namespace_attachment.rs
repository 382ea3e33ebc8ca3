//! # BH105 `namespace-attachment`
//!
//! ## What it does
//! Refuses an owner or a finalizer that somebody gives to a tenant's namespace.
//!
//! Owners and finalizers may go, but none may come unless the platform adds it. What is in `spec.finalizers`
//! is the namespace controller's: it takes it away when the namespace is empty.
//!
//! ## Why it matters
//! The garbage collector deletes a namespace with its owner, whatever else is in it; a finalizer that nobody
//! answers keeps one from ending; and a namespace that ends before it is empty leaves its pods running
//! without any policy.
//!
//! ## Refused
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme-annex
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme }
//!   ownerReferences:
//!     - { apiVersion: v1, kind: PersistentVolume, name: mine, uid: 5f0c7f3e } # BH105
//!   finalizers:
//!     - example.com/never # BH105
//! spec:
//!   finalizers:
//!     - kubernetes
//!     - example.com/never # BH105
//! ```
//! ```yaml as alice in acme-developers, on update
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme }
//! spec: { finalizers: [kubernetes] }
//! ---
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme }
//! spec:
//!   finalizers: [] # BH105
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers, on update
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme }
//!   finalizers: [example.com/backup, example.com/stuck]
//! ---
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme }
//!   finalizers: [example.com/backup]
//! ```
//! ```yaml as system:serviceaccount:kube-system:namespace-controller, on update
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme }
//! spec: { finalizers: [kubernetes] }
//! ---
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme }
//! ```

use super::{Findings, Place, Retry, Rule, Scope, changed_by_a_tenant};
use crate::policy::kind::Kind;
use crate::policy::path::Path;
use crate::policy::quote;
use crate::world::Actor;

pub(super) static RULE: Rule = Rule {
    code: "BH105",
    name: "namespace-attachment",
    kinds: &[&[Kind::Namespace]],
    places: &[Place::Cluster],
    guards: &[],
    ratchet: false,
    retry: Retry::Never,
    source: include_str!("bh105_namespace_attachment.rs"),
    check,
};

/// The one finalizer that the namespace controller takes away.
const KUBERNETES: &str = "kubernetes";

fn check(scope: &Scope<'_>, findings: &mut Findings) {
    let Some((new, old)) = changed_by_a_tenant(scope) else { return };
    for (index, owner) in new.owner_references.iter().enumerate() {
        if !old.is_some_and(|old| old.owner_references.iter().any(|known| known.get() == owner.get())) {
            let path = Path::of(&["metadata", "ownerReferences"]).index(index);
            findings.report(&path, "the namespace would go with what owns it", "remove it");
        }
    }
    for (index, finalizer) in new.finalizers.iter().enumerate() {
        if !old.is_some_and(|old| old.finalizers.contains(finalizer)) {
            let path = Path::of(&["metadata", "finalizers"]).index(index);
            findings.report(
                &path,
                format!("{} could keep the namespace from ending", quote(finalizer)),
                "remove it",
            );
        }
    }
    if old.is_none() {
        for (index, finalizer) in
            new.spec_finalizers.iter().enumerate().filter(|(_, own)| ***own != *KUBERNETES)
        {
            let path = Path::of(&["spec", "finalizers"]).index(index);
            findings.report(
                &path,
                format!("nothing of Kubernetes answers {}", quote(finalizer)),
                "remove it",
            );
        }
    }
    let empties = matches!(scope.actor(), Actor::NamespaceController | Actor::AnyController);
    if let Some(old) = old.filter(|old| !empties && old.spec_finalizers != new.spec_finalizers) {
        let kept: Vec<&str> = old.spec_finalizers.iter().map(|finalizer| &**finalizer).collect();
        let message = "the namespace would end before it is empty, or never";
        findings.report(&Path::of(&["spec", "finalizers"]), message, format!("keep [{}]", kept.join(", ")));
    }
}
