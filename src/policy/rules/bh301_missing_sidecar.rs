//! # BH301 `missing-sidecar`
//!
//! ## What it refuses
//! Refuses pods without the Istio proxy and pods on the host network.
//!
//! The rule judges the pod after every mutation, so it does not matter why there is no proxy: an
//! opt-out, an injector that was down, a revision that nobody serves, a pod restored from a backup. Of a
//! pod template only `hostNetwork` is judged: the injector is still to come, and skips such pods.
//!
//! A pod for Windows (`os.name`) is refused too: nothing redirects its traffic to a proxy.
//!
//! In an ambient mesh (`dataplane` of the Tenant, or `mesh.dataplane`) new pods have no proxy of their own. There
//! `hostNetwork` is judged, and the pod must not have a `runtimeClassName` that the setting `allowedRuntimeClasses` does not
//! list. While a tenant moves to it, pods need the sidecar as long as their namespace has the label for it.
//!
//! ## Why
//! Without a proxy a pod has no identity and no policy: it speaks plaintext, no `AuthorizationPolicy` is
//! asked before it is reached, and what it calls cannot tell who is calling.
//!
//! ## What to write instead
//! Remove `hostNetwork`, and what keeps the Istio injector away from the pod. If a controller creates the pod, change
//! that controller's pod template.
//!
//! ## How to get it allowed
//! Ask the platform for an Exemption of BH301 for this workload, with `target.hostNetwork` for one on the host network.
//! The rule only warns for tenants with `enforcement: Observe`, for objects that already violated it while the fields
//! that it reads stay unchanged, and for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml
//! apiVersion: v1
//! kind: Pod
//! metadata: { name: bare, namespace: tenant-acme }
//! spec: # BH301
//!   containers:
//!     - { name: app, image: registry.example.com/app:1 }
//! ```
//! ```yaml
//! apiVersion: v1
//! kind: Pod
//! metadata: { name: on-the-node, namespace: tenant-acme }
//! spec:
//!   hostNetwork: true # BH301
//!   containers:
//!     - { name: app, image: registry.example.com/app:1 }
//! ```
//! ```yaml
//! apiVersion: apps/v1
//! kind: DaemonSet
//! metadata: { name: on-every-node, namespace: tenant-acme }
//! spec:
//!   template:
//!     metadata: { labels: { app: agent } }
//!     spec:
//!       hostNetwork: true # BH301
//!       containers:
//!         - { name: agent, image: registry.example.com/agent:1 }
//! ```
//! ```yaml
//! apiVersion: v1
//! kind: PodTemplate
//! metadata: { name: for-later, namespace: tenant-acme }
//! template:
//!   spec:
//!     hostNetwork: true # BH301
//!     newField: true # BH908
//!     containers:
//!       - { name: agent, image: registry.example.com/agent:1 }
//! ```
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: on-windows, namespace: tenant-acme }
//! spec:
//!   template:
//!     spec:
//!       os:
//!         name: windows # BH301
//!       containers:
//!         - { name: app, image: registry.example.com/app:1 }
//! ```
//!
//! In an ambient mesh:
//! ```yaml as alice in acme-developers, in snapshot ambient
//! apiVersion: v1
//! kind: Pod
//! metadata: { name: in-a-sandbox, namespace: tenant-acme }
//! spec:
//!   runtimeClassName: gvisor # BH301
//!   containers:
//!     - { name: app, image: registry.example.com/app:1 }
//! ```
//! While the tenant moves to the ambient dataplane, or back from it, new pods need the sidecar:
//! ```yaml as alice in acme-developers, in snapshot moving-tenant
//! apiVersion: v1
//! kind: Pod
//! metadata: { name: too-early, namespace: tenant-acme }
//! spec: # BH301
//!   containers:
//!     - { name: app, image: registry.example.com/app:1 }
//! ```
//! ```yaml as alice in acme-developers, in snapshot returning-tenant
//! apiVersion: v1
//! kind: Pod
//! metadata: { name: too-late, namespace: tenant-acme }
//! spec: # BH301
//!   containers:
//!     - { name: app, image: registry.example.com/app:1 }
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers, in snapshot moved-tenant
//! apiVersion: v1
//! kind: Pod
//! metadata: { name: captured, namespace: tenant-acme }
//! spec:
//!   containers:
//!     - { name: app, image: registry.example.com/app:1 }
//! ```
//! In a mesh with sidecars:
//! ```yaml
//! apiVersion: v1
//! kind: Pod
//! metadata: { name: injected, namespace: tenant-acme }
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
//! ```yaml
//! apiVersion: batch/v1
//! kind: CronJob
//! metadata: { name: nightly, namespace: tenant-acme }
//! spec:
//!   schedule: "0 3 * * *"
//!   jobTemplate:
//!     spec:
//!       template:
//!         spec:
//!           restartPolicy: Never
//!           containers:
//!             - { name: report, image: registry.example.com/report:1 }
//! ```
//! Outside tenant namespaces nothing is asked:
//! ```yaml
//! apiVersion: v1
//! kind: Pod
//! metadata: { name: agent, namespace: kube-system }
//! spec:
//!   hostNetwork: true
//!   containers:
//!     - { name: agent, image: registry.example.com/agent:1 }
//! ```

use super::{Check, Request, Rule, RuleReport};
use crate::policy::object::{Stage, Workload};
use crate::policy::proxy::PROXY_CONTAINER;
use crate::settings::Dataplane;

pub(super) const RULE: Rule = Rule::new(Check::Workload(check));

fn check(request: &Request<'_>, workload: &Workload<'_>, report: &mut RuleReport) {
    let host_network = workload.host_network();
    if host_network.value {
        report.add(
            &host_network.path,
            format!(
                "`hostNetwork: true` disables the Istio sidecar, which every pod of {} must have",
                request.own_tenant_in_words()
            ),
            "remove `hostNetwork`.",
        );
    } else if request.dataplane() == Dataplane::Sidecar
        && workload.stage != Stage::Authored
        && workload.containers().all(|container| *container.name != *PROXY_CONTAINER)
    {
        report.add(
            &workload.spec_path(),
            format!(
                "the pod has no container `{PROXY_CONTAINER}`, the Istio sidecar that every pod of {} must have",
                request.own_tenant_in_words()
            ),
            "remove the label, annotation or selector that disables injection. If there is none, ask the platform \
             whether istiod is running.",
        );
    }
}
