//! # BH302 `sidecar-opt-out`
//!
//! ## What it does
//! Refuses `sidecar.istio.io/inject` with any value but `"true"`, as a label or as an annotation.
//!
//! It is judged on pods, on the templates pods are made of, and on the bindings a scheduler writes: a
//! binding's annotations are laid onto its pod.
//!
//! ## Why it matters
//! The injector's webhook skips a pod with the label `"false"`; the injector reads the annotation where
//! the label is absent; and istio-cni, when the pod starts, skips the redirection for every spelling of
//! false (`0`, `f`, `False`) on the live pod, so that a proxy which is there is simply walked around.
//!
//! ## Refused
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: quiet, namespace: tenant-acme }
//! spec:
//!   template:
//!     metadata:
//!       labels:
//!         app: quiet
//!         sidecar.istio.io/inject: "false" # BH302
//!     spec:
//!       containers:
//!         - { name: app, image: registry.example.com/app:1 }
//! ```
//! ```yaml
//! apiVersion: batch/v1
//! kind: CronJob
//! metadata: { name: nightly, namespace: tenant-acme }
//! spec:
//!   schedule: "0 3 * * *"
//!   jobTemplate:
//!     spec:
//!       template:
//!         metadata:
//!           annotations:
//!             sidecar.istio.io/inject: "f" # BH302
//!         spec:
//!           containers:
//!             - { name: report, image: registry.example.com/report:1 }
//! ```
//! ```yaml
//! apiVersion: v1
//! kind: Binding
//! metadata:
//!   name: web-0
//!   namespace: tenant-acme
//!   annotations:
//!     sidecar.istio.io/inject: "false" # BH302
//! target: { kind: Node, name: worker-1 }
//! ```
//!
//! ## Admitted
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: web, namespace: tenant-acme }
//! spec:
//!   template:
//!     metadata:
//!       labels: { app: web, sidecar.istio.io/inject: "true" }
//!     spec:
//!       containers:
//!         - { name: app, image: registry.example.com/app:1 }
//! ```

use super::{Findings, Place, Retry, Rule, Scope, WORKLOADS};
use crate::baseline::DATAPLANE;
use crate::policy::kind::Kind;
use crate::policy::object::Object;
use crate::policy::quote;

pub(super) static RULE: Rule = Rule {
    code: "BH302",
    name: "sidecar-opt-out",
    kinds: &[WORKLOADS, &[Kind::Binding]],
    places: &[Place::Tenants],
    guards: &[],
    ratchet: true,
    retry: Retry::Never,
    source: include_str!("bh302_sidecar_opt_out.rs"),
    check,
};

const INJECT: &str = "sidecar.istio.io/inject";

fn check(scope: &Scope<'_>, findings: &mut Findings) {
    let labelled = match scope.object {
        Object::Workload(workload) => workload.labelled(),
        Object::Binding(metadata) => metadata.at_root(),
        _ => return,
    };
    let tenant = scope.tenant_name();
    let asked = [
        (labelled.label(INJECT), "label", "true"),
        (labelled.annotation(INJECT), "annotation", "true"),
        // With the ambient dataplane a pod is taken in by its namespace, unless its own label says otherwise.
        (labelled.label(DATAPLANE), "label", "ambient"),
    ];
    for (written, what, kept) in asked {
        let Some(written) = written.filter(|written| written.value != kept) else { continue };
        findings.report(
            &written.path,
            format!("{} keeps this pod out of the mesh of tenant {tenant}", quote(written.value)),
            format!("remove the {what}"),
        );
    }
}
