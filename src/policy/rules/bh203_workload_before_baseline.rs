//! # BH203 `workload-before-baseline`
//!
//! ## What it does
//! Refuses a pod in a tenant namespace whose baseline does not stand yet.
//!
//! A pod that comes too early waits up to two seconds for the namespace's condition
//! `bulkhead.dev/BaselineReady`; controllers try again by themselves. Once the condition has been true, it
//! holds for the life of the namespace: what is missing later is repaired, and refuses nobody.
//!
//! ## Why it matters
//! Between the creation of a namespace and that of its policies everything in it can be reached.
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

use super::{Findings, Place, Retry, Rule, Scope};
use crate::policy::kind::{Kind, Operation};
use crate::policy::object::{Form, Object};
use crate::policy::path::Path;
use crate::world::BASELINE_READY;

pub(super) static RULE: Rule = Rule {
    code: "BH203",
    name: "workload-before-baseline",
    kinds: &[&[Kind::Pod]],
    places: &[Place::Tenants],
    guards: &[],
    ratchet: false,
    retry: Retry::Wait,
    source: include_str!("bh203_workload_before_baseline.rs"),
    check,
};

fn check(scope: &Scope<'_>, findings: &mut Findings) {
    let (Object::Workload(workload), Operation::Create) = (scope.object, scope.operation) else { return };
    let (name, namespace) = scope.namespace();
    let is_ready = namespace.is_none_or(|namespace| namespace.ready);
    // An observed tenant has no baseline to wait for.
    if workload.form != Form::Final || is_ready || scope.is_observed() {
        return;
    }
    let path = Path::of(&["metadata", "namespace"]);
    if scope.world.is_over_limit(name) {
        let message = format!(
            "`{name}` is one namespace too many for tenant {}, and never made ready",
            scope.tenant_name()
        );
        return findings.report(
            &path,
            message,
            "delete one, or have the platform raise `spec.namespaces.limit`",
        );
    }
    findings.report(
        &path,
        format!("the baseline of `{name}` does not stand yet"),
        format!("try again, or wait: kubectl wait --for=condition={BASELINE_READY} namespace/{name}"),
    );
}
