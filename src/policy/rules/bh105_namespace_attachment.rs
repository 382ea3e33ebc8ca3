//! # BH105 `namespace-attachment`
//!
//! ## What it refuses
//! Refuses new owners and finalizers on a tenant's namespace.
//!
//! Only the platform may add owner references and finalizers to the namespaces of tenants. Every user may remove them.
//! `spec.finalizers` may hold nothing but `kubernetes` at creation, and later only the namespace
//! controller may change it, when the namespace is empty.
//!
//! ## Why
//! The garbage collector deletes a namespace together with its owner, whatever else the namespace holds. A finalizer
//! that no controller removes keeps a namespace from being deleted. A namespace that is gone before it is empty leaves
//! its pods running without any policy.
//!
//! ## What to write instead
//! Remove the owner reference or the finalizer from the namespace, and put it on an object inside the namespace.
//!
//! ## How to get it allowed
//! Ask the platform to add it. A controller that adds owners or finalizers to namespaces (Rancher, HNC, Capsule) must
//! be listed in `platform.users`. The rule only warns for break-glass accounts (`platform.breakGlassGroups`).
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

use serde_json::value::RawValue;

use super::{Check, NamespaceView, Request, Rule, RuleReport, Trust, quote};
use crate::snapshot::Actor;

pub(super) const RULE: Rule = Rule::new(Check::Namespace(check)).trusts(&[Trust::Platform, Trust::Bulkhead]);

/// The one finalizer that the namespace controller removes.
const FINALIZER_KUBERNETES: &str = "kubernetes";

const ADD: &str =
    "remove it, or ask the platform to add it. A controller that adds it must be listed in `platform.users`.";

fn check(
    request: &Request<'_>,
    new: &NamespaceView<'_>,
    old: Option<&NamespaceView<'_>>,
    report: &mut RuleReport,
) {
    if !request.has_tenant(new, old) {
        return;
    }
    for owner in new.owner_references().elements() {
        let is_same = |known: &&RawValue| known.get() == owner.value.get();
        if !old.is_some_and(|old| old.owner_references().value.iter().any(is_same)) {
            report.add(
                &owner.path,
                "this owner reference would delete the namespace together with its owner",
                ADD,
            );
        }
    }
    for finalizer in new.finalizers().elements() {
        if !old.is_some_and(|old| old.finalizers().value.contains(finalizer.value)) {
            let message = format!("{} can keep the namespace from being deleted", quote(finalizer.value));
            report.add(&finalizer.path, message, ADD);
        }
    }
    if old.is_none() {
        let finalizers = new.spec_finalizers().elements();
        for finalizer in finalizers.filter(|finalizer| **finalizer.value != *FINALIZER_KUBERNETES) {
            report.add(
                &finalizer.path,
                format!(
                    "no controller of Kubernetes removes {}, so the namespace could never be deleted",
                    quote(finalizer.value)
                ),
                format!("remove it: this list may hold only `{FINALIZER_KUBERNETES}`."),
            );
        }
    }
    let may_finalize = matches!(request.actor(), Actor::NamespaceController | Actor::KubeControllerManager);
    if let Some(old) =
        old.filter(|old| !may_finalize && old.spec_finalizers().value != new.spec_finalizers().value)
    {
        let original: Vec<&str> = old.spec_finalizers().value.iter().map(|finalizer| &**finalizer).collect();
        let message = "only the namespace controller may change this list, when the namespace is empty";
        let fix = format!("keep {}.", quote(&format!("[{}]", original.join(", "))));
        report.add(&new.spec_finalizers().path, message, fix);
    }
}
