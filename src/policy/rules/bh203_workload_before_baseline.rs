//! # BH203 `workload-before-baseline`
//!
//! ## What it refuses
//! Refuses pods in a namespace whose baseline is not applied yet.
//!
//! The namespace's condition `bulkhead.dev/BaselineReady` must be `True`. A pod that is created earlier waits for up to
//! two seconds before it is refused, and controllers retry by themselves. Once the condition has been true it counts
//! for the life of the namespace: Bulkhead restores objects that go missing later, and refuses no pod because of them.
//! A namespace beyond the tenant's namespace limit never becomes ready. Tenants with `enforcement: Observe` have no
//! baseline, and the rule does not judge their pods.
//!
//! ## Why
//! Between the creation of a namespace and that of its policies every pod in it can be reached.
//!
//! ## What to write instead
//! Wait for the namespace: `kubectl wait --for=condition=bulkhead.dev/BaselineReady namespace/NAME`. If that takes
//! longer than a few seconds, the Tenant's condition `Ready` names the cause.
//!
//! ## How to get it allowed
//! Never before the baseline is applied. Beyond the namespace limit, ask the platform to raise
//! `Tenant.spec.namespaces.limit`. The rule only warns for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml
//! apiVersion: v1
//! kind: Pod
//! metadata:
//!   name: injected
//!   namespace: tenant-acme-new # BH203
//! spec:
//!   initContainers:
//!     - name: istio-init
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [istio-iptables, -p, "15001", -z, "15006", -u, "1337", -i, "*", -b, "*"]
//!     - name: istio-proxy
//!       image: registry.istio.io/release/proxyv2:1.31.0
//!       args: [proxy, sidecar]
//!       restartPolicy: Always
//!       securityContext: { runAsUser: 1337 }
//!   containers:
//!     - { name: app, image: registry.example.com/app:1 }
//! ```
//!
//! ## Admitted
//! ```yaml
//! apiVersion: v1
//! kind: Pod
//! metadata: { name: app, namespace: kube-system }
//! ```

use super::{Check, Kind, Kinds, Operation, Request, Retry, Rule, RuleReport};
use crate::policy::object::{Object, Stage, Workload};
use crate::snapshot::BASELINE_READY;

pub(super) const RULE: Rule = Rule::new(Check::Workload(check))
    .kinds(&[Kinds::Only(&[Kind::Pod])])
    .on(&[Operation::Create])
    .retries(Retry::Wait);

fn check(request: &Request<'_>, workload: &Workload<'_>, report: &mut RuleReport) {
    let (name, namespace) = request.namespace();
    let is_ready = namespace.is_none_or(|namespace| namespace.ready);
    // An observed tenant has no baseline to wait for.
    if workload.stage != Stage::Mutated || is_ready || request.is_observed() {
        return;
    }
    let path = Object::namespace_path();
    if request.snapshot.is_over_limit(name) {
        let message = format!(
            "`{name}` exceeds the namespace limit of {}, and never becomes ready",
            request.own_tenant_in_words()
        );
        let fix = "use another namespace, or ask the platform to raise `Tenant.spec.namespaces.limit`.";
        return report.add(&path, message, fix);
    }
    report.add(
        &path,
        format!("the baseline of `{name}` is not applied yet, so its pods could be reached from everywhere"),
        format!(
            "wait with `kubectl wait --for=condition={BASELINE_READY} namespace/{name}`, then create the pod again. \
             Controllers retry by themselves."
        ),
    );
}
