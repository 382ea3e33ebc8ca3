//! # BH302 `sidecar-opt-out`
//!
//! ## What it refuses
//! Refuses pods and templates that opt out of the Istio sidecar.
//!
//! The label and the annotation `sidecar.istio.io/inject` may have no value but `"true"`, and the label
//! `istio.io/dataplane-mode` none but `ambient`. A waypoint of an ambient mesh has `"false"` and `none`, and is admitted if
//! BH304 finds it as istiod makes it. The rule judges pods, the templates that pods are made of, and the
//! bindings that a scheduler writes, because Kubernetes copies a binding's annotations to the pod.
//!
//! ## Why
//! The injector's webhook skips a pod with the label `"false"`, and the injector reads the annotation where the label
//! is absent. When the pod starts, istio-cni skips the redirection for every spelling of false (`0`, `f`, `False`) on
//! the live pod, so that traffic bypasses a proxy that is there.
//!
//! ## What to write instead
//! Remove the label or the annotation. If a controller creates the pod, do so in its pod template: the refusal names
//! the controller.
//!
//! ## How to get it allowed
//! Ask the platform for an Exemption of BH302 for this workload, and of BH301 if it is to run without a proxy. The rule
//! only warns for tenants with `enforcement: Observe`, for objects that already violated it while the fields that it
//! reads stay unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
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
//! ```yaml as system:serviceaccount:kube-system:replicaset-controller
//! apiVersion: v1
//! kind: Pod
//! metadata:
//!   name: quiet-5d8f7-x2x9p
//!   namespace: tenant-acme
//!   labels:
//!     sidecar.istio.io/inject: "false" # BH302
//!   ownerReferences:
//!     - { apiVersion: apps/v1, kind: ReplicaSet, name: quiet-5d8f7, uid: 6f1c, controller: true }
//! spec: # BH301
//!   containers:
//!     - { name: app, image: registry.example.com/app:1 }
//! ```
//! ```yaml
//! apiVersion: v1
//! kind: Binding
//! metadata:
//!   name: web-0
//!   namespace: tenant-acme
//!   annotations:
//!     sidecar.istio.io/inject: "false" # BH302
//! target: { kind: Node, name: worker-1 } # BH311
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

use super::{Check, Kind, Kinds, Request, Retry, Rule, RuleReport, quote};
use crate::keys::{self, DATAPLANE_LABEL, INJECT_KEY, Map, Values};
use crate::policy::object::MetadataAt;

pub(super) const RULE: Rule =
    Rule::new(Check::Metadata(check)).kinds(&[Kinds::Workloads, Kinds::Only(&[Kind::Binding])]);

/// The rows that the table of keys has for this rule.
const OPT_OUTS: [(Map, &str); 3] = [
    (Map::Labels, INJECT_KEY),
    (Map::Annotations, INJECT_KEY),
    // The ambient dataplane captures every pod of the namespace whose own label does not opt out.
    (Map::Labels, DATAPLANE_LABEL),
];

fn check(request: &Request<'_>, metadata: MetadataAt<'_>, report: &mut RuleReport) {
    if request.is_waypoint() {
        return;
    }
    if request.seems_waypoint() {
        report.may_change(Retry::Relearn);
    }
    for (map, key) in OPT_OUTS {
        let Some(found) = metadata.entry(map, key).filter(|found| !is_allowed(map, key, found.value)) else {
            continue;
        };
        let source =
            if key == INJECT_KEY { "disables the Istio sidecar" } else { "disables the capture by the mesh" };
        let entry = quote(&format!("{key}: \"{}\"", found.value));
        report.add(
            &found.path,
            format!("{entry} {source}, which every pod of {} must have", request.own_tenant_in_words()),
            format!("remove this {}.", map.item()),
        );
    }
}

fn is_allowed(map: Map, key: &str, value: &str) -> bool {
    let values = keys::find(Kind::Pod, map, key).map(|row| row.values);
    matches!(values, Some(Values::Only(allowed)) if allowed.contains(&value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opt_outs_are_the_rows_of_the_table() {
        let rows = keys::TABLE.into_iter().flatten().filter(|row| row.rule == Some("BH302"));
        let mut listed: Vec<_> =
            rows.flat_map(|row| row.maps.iter().map(|map| (row.pattern.text(), map.field()))).collect();
        let mut opt_outs = OPT_OUTS.map(|(map, key)| (key, map.field()));
        listed.sort_unstable();
        opt_outs.sort_unstable();
        assert_eq!(listed, opt_outs);
    }
}
